//! The password of a server or broker, looked up at each connection.

use std::io;
use std::path::{Path, PathBuf};

use super::server::others_may_read;
use super::{Secret, Server};

/// Where a password comes from. Files and variables are read again at each connection, so a
/// rotated password is taken up without a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Password {
    /// None is sent (trust, peer or certificate authentication).
    None,
    /// Written in the config or URL.
    Inline(Secret),
    /// `password_file`: the first line of this file.
    File(PathBuf),
    /// `password_env`: this environment variable.
    Env(String),
    /// A libpq password file (`PGPASSFILE`, `~/.pgpass`), looked up by host, port, dbname, user.
    PassFile(PathBuf),
}

/// Why a password's source gives none.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// The file cannot be read.
    #[error(
        "the password file {path} cannot be read: {source}; check that it is there and readable by the agent"
    )]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file has no first line.
    #[error("the password file {path} is empty; its first line must be the password")]
    Empty {
        /// Which.
        path: PathBuf,
    },
    /// The variable is not set.
    #[error("the environment variable {name}, named by password_env, is not set")]
    NoVariable {
        /// Which.
        name: String,
    },
    /// libpq ignores such a file, and so do we.
    #[error("the password file {path} may be read by others; chmod 600 it")]
    TooOpen {
        /// Which.
        path: PathBuf,
    },
}

/// The password to send to a server, if any.
pub fn password(server: &Server) -> Result<Option<Secret>, PasswordError> {
    let Password::PassFile(path) = &server.password else { return secret(&server.password) };
    let text = read(path)?;
    if others_may_read(path) {
        return Err(PasswordError::TooOpen { path: path.clone() });
    }
    Ok(look_up(&text, server).map(Secret::new))
}

/// What this source says. A libpq password file says nothing: it is for servers alone.
pub fn secret(source: &Password) -> Result<Option<Secret>, PasswordError> {
    match source {
        Password::None | Password::PassFile(_) => Ok(None),
        Password::Inline(secret) => Ok(Some(secret.clone())),
        Password::Env(name) => match std::env::var(name) {
            Ok(value) => Ok(Some(Secret::new(value))),
            Err(_) => Err(PasswordError::NoVariable { name: name.clone() }),
        },
        Password::File(path) => match read(path)?.lines().next() {
            Some(line) if !line.is_empty() => Ok(Some(Secret::new(line))),
            _ => Err(PasswordError::Empty { path: path.clone() }),
        },
    }
}

fn read(path: &Path) -> Result<String, PasswordError> {
    let bytes = std::fs::read(path)
        .map_err(|source| PasswordError::Unreadable { path: path.to_owned(), source })?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The first line of a libpq password file that fits: `host:port:dbname:user:password`, where `*`
/// fits all and a backslash takes `:` and `\` literally. A Unix socket's folder is `localhost`, too.
fn look_up(text: &str, server: &Server) -> Option<String> {
    let host =
        |field: &str| field == server.host || field == "localhost" && server.host.starts_with('/');
    text.lines().filter(|line| !line.starts_with('#')).find_map(|line| {
        let fields = fields(line);
        let [f_host, port, dbname, user, password] = fields.as_slice() else {
            return None;
        };
        let fits = (f_host == "*" || host(f_host))
            && (port == "*" || *port == server.port.to_string())
            && (dbname == "*" || *dbname == server.dbname)
            && (user == "*" || *user == server.user);
        fits.then(|| password.clone())
    })
}

fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        let last = fields.len() == 5;
        match (c, fields.last_mut()) {
            ('\\', Some(field)) => field.extend(chars.next()),
            (':', _) if !last => fields.push(String::new()),
            (c, Some(field)) => field.push(c),
            (_, None) => {}
        }
    }
    fields
}
