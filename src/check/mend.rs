//! SQL and settings that mend what is missing. Pure.

use crate::config::Server;
use crate::pg::{ConnectError, quoted};

pub(super) const RESTART: &str = "-- then restart the server";

/// What lets the agent in.
pub(super) fn connection(server: &Server, error: &ConnectError) -> Vec<String> {
    let (role, database) = (quoted(&server.user), quoted(&server.dbname));
    match error {
        ConnectError::NoPassword { .. } | ConnectError::WrongPassword { .. } => {
            vec![format!("\\password {role}   -- in psql, then put the same into password_file")]
        }
        ConnectError::NotAllowed { .. } => vec![
            format!("alter role {role} login;"),
            "# in pg_hba.conf, then `select pg_reload_conf();`".to_owned(),
            format!("host all {role} <address of the agent>/32 scram-sha-256"),
        ],
        ConnectError::NoPrivilege { .. } => {
            vec![format!("grant connect on database {database} to {role};")]
        }
        ConnectError::NoSlot { .. } if error.is_limit_of_role() => {
            vec![format!("alter role {role} connection limit 10;")]
        }
        ConnectError::NoSlot { message, .. } if message.contains("for database") => {
            vec![format!("alter database {database} connection limit -1;")]
        }
        ConnectError::NoSlot { .. } => vec![
            "alter system set max_connections = ...;   -- more than now, or a pooler before the ERP"
                .to_owned(),
            RESTART.to_owned(),
            format!("grant pg_use_reserved_connections to {role};   -- PostgreSQL 16 and later"),
        ],
        ConnectError::NoDatabase { .. } => {
            vec![format!("dbname = \"postgres\"   # in the config, instead of {:?}", server.dbname)]
        }
        ConnectError::TlsSetUp { .. } | ConnectError::Tls { .. } => {
            vec!["sslmode = \"prefer\"   # or mend the server's certificate".to_owned()]
        }
        _ => Vec::new(),
    }
}

/// What a role is granted helps only if it inherits it.
pub(super) fn monitor(version_major: impl Into<i64>, role: &str) -> Vec<String> {
    if version_major.into() >= 16 {
        return vec![format!("grant pg_monitor to {role} with inherit true;")];
    }
    vec![format!("alter role {role} inherit;"), format!("grant pg_monitor to {role};")]
}

/// Everything that is read of the extension, and no more.
pub(super) fn grants(server: &Server, datname: &str, schema: &str, has_info: bool) -> Vec<String> {
    let (schema, role) = (quoted(schema), quoted(&server.user));
    let mut grants = vec![
        connect_to(datname),
        format!("grant usage on schema {schema} to {role};"),
        format!("grant execute on function {schema}.pg_stat_statements(boolean) to {role};"),
        format!("grant select on {schema}.pg_stat_statements to {role};"),
    ];
    if has_info {
        grants.push(format!(
            "grant execute on function {schema}.pg_stat_statements_info() to {role};"
        ));
    }
    grants
}

/// `a, b` as a list of quoted names, as `alter system` wants it.
pub(super) fn list(names: &str) -> String {
    names
        .split(',')
        .map(|name| format!("'{}'", name.trim().replace('\'', "''")))
        .collect::<Vec<_>>()
        .join(", ")
}

/// For psql, which takes some names for a connection string.
pub(super) fn connect_to(datname: &str) -> String {
    if datname.contains('=') || datname.starts_with("postgres") && datname.contains("://") {
        let value = datname.replace('\\', "\\\\").replace('\'', "\\'");
        let string = quoted(&format!("dbname='{value}'"));
        return format!("\\connect -reuse-previous=on {string}");
    }
    format!("\\connect {}", quoted(datname))
}
