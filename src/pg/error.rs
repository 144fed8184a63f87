//! Why there is no connection, and what to do about it.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio_postgres::error::SqlState;

use super::tls::TlsError;
use crate::config::{PasswordError, Server};

/// Who tried to reach what, for messages. Holds nothing secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target(Arc<str>);

impl Target {
    pub(super) fn of(server: &Server, datname: &str) -> Self {
        let Server { name, host, port, user, .. } = server;
        Self(format!("`{name}` ({host}:{port}, database {datname:?}, role {user:?})").into())
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why there is no connection. Each message names the server and what to do next.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The name does not resolve.
    #[error("cannot connect to {target}: the host name does not resolve; check `host` and DNS")]
    HostNotFound {
        /// To what.
        target: Target,
    },
    /// Nobody listens, or a firewall says no.
    #[error(
        "cannot connect to {target}: {reason}; check that PostgreSQL runs there, `port`, \
         listen_addresses and firewalls"
    )]
    Unreachable {
        /// To what.
        target: Target,
        /// The operating system's words.
        reason: String,
    },
    /// No answer in time.
    #[error(
        "cannot connect to {target}: no connection within {timeout:?}; check the network or raise connect_timeout"
    )]
    TimedOut {
        /// To what.
        target: Target,
        /// `connect_timeout`.
        timeout: Duration,
    },
    /// The password's source cannot be read.
    #[error("cannot connect to {target}: {source}")]
    Password {
        /// To what.
        target: Target,
        /// Why.
        source: PasswordError,
    },
    /// The server asks for a password and we have none.
    #[error(
        "cannot connect to {target}: the server asks for a password and none is given; set \
         password_file or password_env"
    )]
    NoPassword {
        /// To what.
        target: Target,
    },
    /// Password wrong.
    #[error(
        "cannot connect to {target}: the server does not accept the password; check password_file, password_env or the role's password"
    )]
    WrongPassword {
        /// To what.
        target: Target,
    },
    /// pg_hba.conf or the role itself forbids it.
    #[error(
        "cannot connect to {target}: {message}; allow it in pg_hba.conf, or let the role log in"
    )]
    NotAllowed {
        /// To what.
        target: Target,
        /// The server's words.
        message: String,
    },
    /// The role has no CONNECT privilege.
    #[error(
        "cannot connect to {target}: {message}; run `grant connect on database ... to ...`, see \
         `erpscope setup`"
    )]
    NoPrivilege {
        /// To what.
        target: Target,
        /// The server's words.
        message: String,
    },
    /// No such database.
    #[error("cannot connect to {target}: the database does not exist; check `dbname`")]
    NoDatabase {
        /// To what.
        target: Target,
    },
    /// Every slot is taken: the server's, the database's or the role's.
    #[error(
        "cannot connect to {target}: {message}; raise max_connections or the connection limit of \
         the role or database, or on PostgreSQL 16 and later grant the role pg_use_reserved_connections"
    )]
    NoSlot {
        /// To what.
        target: Target,
        /// The server's words.
        message: String,
    },
    /// Starting, stopping or recovering.
    #[error("cannot connect to {target}: {message}; it is tried again")]
    NotReady {
        /// To what.
        target: Target,
        /// The server's words.
        message: String,
    },
    /// Certificates or keys of ours cannot be used.
    #[error("cannot connect to {target}: {source}")]
    TlsSetUp {
        /// To what.
        target: Target,
        /// Why.
        source: TlsError,
    },
    /// TLS failed.
    #[error(
        "cannot connect to {target}: TLS failed: {reason}; check sslmode, sslrootcert, and the \
         server's `ssl` setting and certificate"
    )]
    Tls {
        /// To what.
        target: Target,
        /// Why.
        reason: String,
    },
    /// A guard is not known to the server.
    #[error("cannot connect to {target}: {message}; erpscope needs PostgreSQL 13 or later")]
    TooOld {
        /// To what.
        target: Target,
        /// The server's words.
        message: String,
    },
    /// Something between refuses the startup options.
    #[error(
        "cannot connect to {target}: {message}; connect to PostgreSQL itself, not through a pooler: \
         the guards of a session do not survive one"
    )]
    Pooler {
        /// To what.
        target: Target,
        /// Its words.
        message: String,
    },
    /// Connected, but guards do not hold.
    #[error(
        "connected to {target}, but the session's settings are not what was asked for: {missing}; \
         connect to PostgreSQL itself, not through a pooler: the guards of a session do not survive one"
    )]
    GuardsIgnored {
        /// To what.
        target: Target,
        /// Names of the settings.
        missing: String,
    },
    /// Anything else.
    #[error("cannot connect to {target}: {message}")]
    Other {
        /// To what.
        target: Target,
        /// The words of the server or the client library.
        message: String,
    },
}

impl ConnectError {
    /// A bounded reason, for labels.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::HostNotFound { .. } => "host",
            Self::Unreachable { .. } => "unreachable",
            Self::TimedOut { .. } => "timeout",
            Self::Password { .. } => "password_source",
            Self::NoPassword { .. } | Self::WrongPassword { .. } => "password",
            Self::NotAllowed { .. } | Self::NoPrivilege { .. } => "not_allowed",
            // Users have connections.
            Self::NoSlot { .. } if self.is_limit_of_role() => "not_allowed",
            Self::NoDatabase { .. } => "database",
            Self::NoSlot { .. } => "slots",
            Self::NotReady { .. } => "not_ready",
            Self::TlsSetUp { .. } | Self::Tls { .. } => "tls",
            Self::TooOld { .. } => "version",
            Self::Pooler { .. } => "pooler",
            Self::GuardsIgnored { .. } => "guards",
            Self::Other { .. } => "other",
        }
    }

    /// Whether the role's own limit of connections is full. Of slots that are reserved "for roles with ..." PostgreSQL
    /// speaks when all others are taken.
    #[must_use]
    pub fn is_limit_of_role(&self) -> bool {
        matches!(self, Self::NoSlot { message, .. } if message.contains("connections for role"))
    }
}

/// Finds the cause behind a failed connection.
pub(super) fn classify(target: &Target, error: &tokio_postgres::Error) -> ConnectError {
    let target = target.clone();
    if let Some(db) = error.as_db_error() {
        let message = one_line(db.message());
        return match *db.code() {
            SqlState::INVALID_PASSWORD => ConnectError::WrongPassword { target },
            SqlState::INVALID_AUTHORIZATION_SPECIFICATION => {
                ConnectError::NotAllowed { target, message }
            }
            SqlState::INVALID_CATALOG_NAME => ConnectError::NoDatabase { target },
            SqlState::TOO_MANY_CONNECTIONS => ConnectError::NoSlot { target, message },
            SqlState::CANNOT_CONNECT_NOW | SqlState::ADMIN_SHUTDOWN | SqlState::CRASH_SHUTDOWN => {
                ConnectError::NotReady { target, message }
            }
            SqlState::PROTOCOL_VIOLATION if message.contains("startup parameter") => {
                ConnectError::Pooler { target, message }
            }
            SqlState::INSUFFICIENT_PRIVILEGE => ConnectError::NoPrivilege { target, message },
            SqlState::UNDEFINED_OBJECT => ConnectError::TooOld { target, message },
            _ => ConnectError::Other { target, message },
        };
    }
    let reason = deepest(error);
    let text = error.to_string();
    match find_io(error) {
        _ if reason.contains("UnsupportedCertVersion") => {
            let reason =
                "the server's certificate is of X.509 version 1, which cannot be checked; \
                          issue it anew with a subjectAltName, which makes it version 3"
                    .to_owned();
            ConnectError::Tls { target, reason }
        }
        _ if text.contains("TLS") => ConnectError::Tls { target, reason },
        Some(io) if is_rustls(io) => ConnectError::Tls { target, reason },
        // The resolver's error has no code and no kind of its own.
        Some(io) if io.raw_os_error().is_none() && reason.contains("lookup address") => {
            ConnectError::HostNotFound { target }
        }
        Some(_) => ConnectError::Unreachable { target, reason },
        None if reason.contains("password missing") => ConnectError::NoPassword { target },
        None => ConnectError::Other { target, message: format!("{text}: {reason}") },
    }
}

/// A failed query in PostgreSQL's words, with its SQLSTATE, on one line. DETAIL and HINT stay
/// behind: they can hold values.
#[must_use]
pub fn reason(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(db) => format!("{} (SQLSTATE {})", one_line(db.message()), db.code().code()),
        None if error.source().is_some() => format!("{error}: {}", one_line(&deepest(error))),
        None => error.to_string(),
    }
}

/// Names in a message can hold anything.
fn one_line(message: &str) -> String {
    message.replace(char::is_control, " ")
}

fn find_io<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a std::io::Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

fn is_rustls(error: &std::io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.downcast_ref::<rustls::Error>().is_some())
}

fn deepest(error: &(dyn Error + 'static)) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_limit_of_the_role_is_not_a_full_server() {
        let kind = |message: &str| {
            let message = message.to_owned();
            ConnectError::NoSlot { target: Target("a server".into()), message }.kind()
        };
        assert_eq!(kind("too many connections for role \"erpscope\""), "not_allowed");
        assert_eq!(kind("sorry, too many clients already"), "slots");
        let of_16 =
            "remaining connection slots are reserved for roles with the SUPERUSER attribute";
        assert_eq!(kind(of_16), "slots");
    }
}
