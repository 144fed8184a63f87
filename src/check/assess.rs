//! From what a probe found to findings. Pure.

use std::time::Duration;

use super::mend::{self, RESTART};
use super::report::{Finding, Status};
use super::serverlog::serverlog;
use super::statements::statements;
use crate::config::{Server, TlsMode};
use crate::pg::{Capabilities, ConnectError, HypoPg, HypoPgThere, ProbeError, quoted};

/// How full things are; `None` where it could not be read.
#[derive(Clone, Debug, Default)]
pub(super) struct Usage {
    pub(super) connections: Option<i64>,
    pub(super) entries: Option<i64>,
    pub(super) dealloc: Option<i64>,
    /// Why the counters cannot be read.
    pub(super) unreadable: Option<String>,
    /// Whether the role may not read the texts.
    pub(super) texts_hidden: bool,
}

pub(super) fn finding(capability: &'static str, needed: bool, seen: impl Into<String>) -> Finding {
    Finding {
        capability,
        status: Status::Ok,
        needed,
        seen: seen.into(),
        why: String::new(),
        mend: Vec::new(),
    }
}

impl Finding {
    pub(super) fn but(
        mut self,
        status: Status,
        why: &str,
        mend: impl IntoIterator<Item = String>,
    ) -> Self {
        self.status = status;
        why.clone_into(&mut self.why);
        self.mend = mend.into_iter().collect();
        self
    }
}

pub(super) fn too_slow(patience: Duration) -> Finding {
    finding("answers", true, format!("the check was given up after {patience:?}")).but(
        Status::Missing,
        "A server that answers so slowly cannot be sampled.",
        ["look at its load and at the network between".to_owned()],
    )
}

pub(super) fn assess_connection(server: &Server, result: Result<(), &ConnectError>) -> Finding {
    match result {
        Ok(()) => finding(
            "connection",
            true,
            format!("{}:{} as role {:?}", server.host, server.port, server.user),
        ),
        // The message itself says what to do.
        Err(error) => finding("connection", true, error.to_string()).but(
            Status::Missing,
            "Nothing can be seen without a connection.",
            mend::connection(server, error),
        ),
    }
}

pub(super) fn assess_probe(error: &ProbeError) -> Finding {
    finding("version", true, error.to_string()).but(
        Status::Missing,
        "erpscope cannot tell what it may ask.",
        [],
    )
}

/// Everything but the connection itself.
pub(super) fn assess(server: &Server, found: &Capabilities, usage: &Usage) -> Vec<Finding> {
    let mut findings = vec![version(found), tls(server, found), role(server, found)];
    findings.extend(statements(server, found, usage));
    findings.extend([
        slots(server, found, usage),
        setting(found, "track_io_timing", "on", "Reading and writing times show as 0: whether a statement is slow by I/O cannot be told."),
        setting(found, "log_lock_waits", "on", "Lock waits that are shorter than a sample leave no trace in the server's log."),
    ]);
    findings.extend(serverlog(server, found));
    findings.extend([text_size(found), hypopg(server, found)]);
    findings.extend(planning(server, found));
    findings.extend([recovery(found)]);
    findings
}

fn version(found: &Capabilities) -> Finding {
    let seen = format!("PostgreSQL {}", found.version);
    if found.version_num >= 190_000 {
        return finding("version", true, seen).but(
            Status::Degraded,
            "Tested with 13 to 18 only; columns may have changed.",
            [],
        );
    }
    finding("version", true, seen)
}

fn tls(server: &Server, found: &Capabilities) -> Finding {
    let local = server.host.starts_with('/')
        || ["localhost", "127.0.0.1", "::1"].contains(&server.host.as_str());
    // As in libpq: an authority to trust makes `require` the same as `verify-ca`.
    let is_checked = match server.tls.mode {
        TlsMode::VerifyFull | TlsMode::VerifyCa => true,
        TlsMode::Require => server.tls.root_cert.is_some(),
        TlsMode::Prefer | TlsMode::Disable => false,
    };
    match (found.tls, is_checked) {
        (true, true) => finding("tls", false, "encrypted, certificate checked"),
        (true, _) if local => finding("tls", false, "encrypted"),
        (true, _) => finding("tls", false, "encrypted, but anyone may be at the other end").but(
            Status::Degraded,
            "Who stands between can read the password's exchange and all samples.",
            ["sslmode = \"verify-full\"   # and sslrootcert, in the config".to_owned()],
        ),
        (false, _) if local => finding("tls", false, "not encrypted, on this machine"),
        (false, _) => finding("tls", false, "not encrypted").but(
            Status::Degraded,
            "Samples cross the network readable.",
            [
                "alter system set ssl = on;   -- with ssl_cert_file and ssl_key_file".to_owned(),
                "select pg_reload_conf();".to_owned(),
            ],
        ),
    }
}

fn role(server: &Server, found: &Capabilities) -> Finding {
    let role = quoted(&server.user);
    if found.superuser {
        return finding("pg_monitor", true, format!("role {role} is a superuser")).but(
            Status::Degraded,
            "It needs no such power: a leaked password would open everything.",
            ["erpscope setup   # prints the SQL for a role that is enough".to_owned()],
        );
    }
    if found.reads_all_stats {
        return finding(
            "pg_monitor",
            true,
            format!("role {role} sees all sessions and statements"),
        );
    }
    finding("pg_monitor", true, format!("role {role} sees only its own sessions and statements"))
        .but(
            Status::Missing,
            "Others' statements and sessions are hidden: who blocks whom cannot be told.",
            mend::monitor(found.version_num / 10_000, &role),
        )
}

fn slots(server: &Server, found: &Capabilities, usage: &Usage) -> Finding {
    let number = |name| found.settings.number(name).unwrap_or(0);
    let free_for_all = number("max_connections")
        - number("superuser_reserved_connections")
        - number("reserved_connections");
    let used = usage.connections.unwrap_or(0);
    let finding = finding("connections", false, format!("{used} of {free_for_all} used"));
    let role = quoted(&server.user);
    if let Some(limit) = found.connection_limit.filter(|limit| *limit < 4) {
        return finding.but(
            Status::Degraded,
            &format!("The role may have {limit} connections; the agent uses up to 3 and one more for other databases."),
            [format!("alter role {role} connection limit 10;")],
        );
    }
    if used * 10 < free_for_all * 9 {
        return finding;
    }
    let reserve = if found.version_num >= 160_000 {
        format!("grant pg_use_reserved_connections to {role};   -- and reserved_connections = 5")
    } else {
        "alter system set max_connections = ...;   -- and restart, or put a pooler before the ERP"
            .to_owned()
    };
    finding.but(
        Status::Degraded,
        "When they run out, the agent is blind just when it is needed.",
        [reserve],
    )
}

fn setting(found: &Capabilities, name: &'static str, wanted: &str, why: &str) -> Finding {
    let value = found.settings.get(name).unwrap_or("unknown");
    let finding = finding(name, false, value);
    if value == wanted {
        return finding;
    }
    finding.but(
        Status::Degraded,
        why,
        [format!("alter system set {name} = {wanted};"), "select pg_reload_conf();".to_owned()],
    )
}

fn text_size(found: &Capabilities) -> Finding {
    const NAME: &str = "track_activity_query_size";
    let bytes = found.settings.number(NAME).unwrap_or(0);
    let finding = finding(NAME, false, format!("{bytes} bytes"));
    if bytes >= 4_096 {
        return finding;
    }
    finding.but(
        Status::Degraded,
        "Statements that run now are cut to it; comments at their end, which name the caller, are lost.",
        [format!("alter system set {NAME} = 4096;"), RESTART.to_owned()],
    )
}

fn hypopg(server: &Server, found: &Capabilities) -> Finding {
    let create = format!(
        "create extension hypopg;   -- in database {:?} and each one to be advised on",
        server.dbname
    );
    let why = "`erpscope advise` has nobody to ask what an index would change: it only reasons, and suggests less.";
    match &found.hypopg {
        HypoPg::Created(there) => match there.unfit() {
            None => finding("hypopg", false, format!("created, version {}", there.version)),
            Some(unfit) => {
                let package = package(found);
                let mend = [
                    format!("{package}, at least 1.2"),
                    format!(
                        "{}   -- in each database to be advised on; it keeps nothing there",
                        HypoPgThere::MEND
                    ),
                ];
                finding("hypopg", false, format!("created, but {unfit}")).but(
                    Status::Degraded,
                    why,
                    mend,
                )
            }
        },
        HypoPg::Available => {
            finding("hypopg", false, "installed, not created").but(Status::Degraded, why, [create])
        }
        HypoPg::Absent => finding("hypopg", false, "not installed").but(
            Status::Missing,
            why,
            [package(found), create],
        ),
    }
}

fn package(found: &Capabilities) -> String {
    format!(
        "apt install postgresql-{}-hypopg   # or your system's package",
        found.version_num / 10_000
    )
}

/// Before 14 the right to read is given table by table: `advise` says which it lacks.
fn planning(server: &Server, found: &Capabilities) -> Option<Finding> {
    if found.version_num < 140_000 {
        return None;
    }
    let seen = if found.reads_all_data { "of all tables" } else { "not of all tables" };
    let finding = finding("planning", false, seen);
    Some(if found.reads_all_data {
        finding
    } else {
        finding.but(
            Status::Degraded,
            "PostgreSQL plans a statement only for a role that may run it, so `erpscope advise` leaves out what the role may not read. Nothing else needs this right.",
            [format!(
                "grant pg_read_all_data to {};   -- or select on the tables",
                quoted(&server.user)
            )],
        )
    })
}

fn recovery(found: &Capabilities) -> Finding {
    if found.in_recovery {
        return finding("primary", false, "this is a replica, or it recovers").but(
            Status::Degraded,
            "Statements and sessions are those of the replica; the primary is to be watched as a server of its own.",
            [],
        );
    }
    finding("primary", false, "yes")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Password, Tls};
    use crate::pg::{Settings, StatStatementsMissing};

    #[test]
    fn require_with_an_authority_to_trust_is_checked_as_in_libpq() {
        let found = Capabilities {
            version_num: 150_000,
            version: "15".into(),
            in_recovery: false,
            superuser: false,
            reads_all_stats: true,
            connection_limit: None,
            tls: true,
            statements: Err(StatStatementsMissing::NotInstalled),
            hypopg: HypoPg::Absent,
            reads_all_data: false,
            settings: Settings::default(),
        };
        for (root_cert, expected) in [(None, Status::Degraded), (Some("ca.pem".into()), Status::Ok)]
        {
            let server = Server {
                name: "erp".into(),
                host: "db.example".into(),
                port: 5432,
                user: "erpscope".into(),
                dbname: "erp".into(),
                erp: None,
                password: Password::None,
                tls: Tls { mode: TlsMode::Require, root_cert, client: None },
                connect_timeout: Duration::from_secs(1),
                statement_timeout: Duration::from_secs(1),
                lock_timeout: Duration::from_secs(1),
                log: None,
            };
            assert_eq!(tls(&server, &found).status, expected);
        }
    }
}
