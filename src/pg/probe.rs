//! What a server can: its version, where pg_stat_statements lives, what our role may see.

use std::collections::{BTreeMap, BTreeSet};

use tokio_postgres::Client;

use super::{ConnectError, HypoPgThere, Lossy, Session, connect, hypopg, reason};
use crate::config::Server;

/// What the probe found.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts, not states")]
pub struct Capabilities {
    /// `server_version_num`, such as 150018.
    pub version_num: i32,
    /// `server_version`, such as `15.18`.
    pub version: String,
    /// Whether it is a replica (or recovers).
    pub in_recovery: bool,
    /// Whether our role is a superuser, which it need not be.
    pub superuser: bool,
    /// Whether our role sees the statements and sessions of others (pg_read_all_stats).
    pub reads_all_stats: bool,
    /// Connections allowed to our role, if limited.
    pub connection_limit: Option<u32>,
    /// Whether this connection is encrypted.
    pub tls: bool,
    /// Where pg_stat_statements can be read.
    pub statements: Result<StatStatements, StatStatementsMissing>,
    /// HypoPG.
    pub hypopg: HypoPg,
    /// The role may read every table, and so have statements on them planned. Before PostgreSQL 14
    /// only a superuser may by its role.
    pub reads_all_data: bool,
    /// Settings that limit sight.
    pub settings: Settings,
}

/// HypoPG in the connected database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HypoPg {
    /// `create extension` was run.
    Created(HypoPgThere),
    /// Its package is installed.
    Available,
    /// It is not there.
    Absent,
}

/// Where pg_stat_statements can be read, and what it shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatStatements {
    /// Database it was created in.
    pub datname: String,
    /// Schema it was created in.
    pub schema: String,
    /// Its version there, which can be older than the server's.
    pub extversion: String,
    /// Columns of its function.
    pub columns: BTreeSet<String>,
    /// Whether pg_stat_statements_info is there.
    pub has_info: bool,
}

/// Why statements cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StatStatementsMissing {
    /// Its library is not loaded.
    #[error(
        "pg_stat_statements is not loaded: add it to shared_preload_libraries and restart the server"
    )]
    NotPreloaded,
    /// It is not created in any database we can connect to.
    #[error(
        "pg_stat_statements is not created: run `create extension pg_stat_statements` in database {0:?}"
    )]
    NotCreated(String),
    /// It is there, but reading it fails.
    #[error(
        "pg_stat_statements cannot be read in schema {schema:?} of database {datname:?}: {message}; \
         see `erpscope check`"
    )]
    Unreadable {
        /// Database it was created in.
        datname: String,
        /// Schema it was created in.
        schema: String,
        /// The server's words.
        message: String,
    },
    /// The server's package for it is not installed.
    #[error(
        "pg_stat_statements is not installed: install PostgreSQL's contrib package on the server"
    )]
    NotInstalled,
}

/// Settings by name, as pg_settings shows them to our role.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings(BTreeMap<String, String>);

impl Settings {
    /// A setting's value; `None` if this server has no such setting or hides it from our role.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// A whole number.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<i64> {
        self.get(name)?.parse().ok()
    }
}

/// Why a server that answers cannot be probed.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// A query failed.
    #[error("cannot find out what server `{server}` can: {}", reason(.source))]
    Query {
        /// Which server.
        server: String,
        /// Why.
        source: tokio_postgres::Error,
    },
    /// Too old.
    #[error("server `{server}` runs PostgreSQL {version}; erpscope needs 13 or later")]
    TooOld {
        /// Which server.
        server: String,
        /// Its version.
        version: String,
    },
}

/// Finds out what a server can.
pub async fn probe(server: &Server, session: &Session) -> Result<Capabilities, ProbeError> {
    let found = ask(server, session)
        .await
        .map_err(|source| ProbeError::Query { server: server.name.clone(), source })?;
    if found.version_num < 130_000 {
        return Err(ProbeError::TooOld { server: server.name.clone(), version: found.version });
    }
    Ok(found)
}

async fn ask(server: &Server, session: &Session) -> Result<Capabilities, tokio_postgres::Error> {
    let client = session.client();
    let row = client.query_one(include_str!("server.sql"), &[]).await?;
    let settings = settings(client).await?;
    let installed: bool = row.try_get(7)?;
    let statements = statements(server, session, installed, &settings).await?;
    Ok(Capabilities {
        version: row.try_get(0)?,
        version_num: row.try_get(1)?,
        in_recovery: row.try_get(2)?,
        superuser: row.try_get(3)?,
        reads_all_stats: row.try_get(4)?,
        connection_limit: u32::try_from(row.try_get::<_, i32>(5)?).ok(),
        tls: row.try_get(6)?,
        statements,
        hypopg: match (hypopg(client).await?, row.try_get(8)?) {
            (Some(there), _) => HypoPg::Created(there),
            (None, true) => HypoPg::Available,
            (None, false) => HypoPg::Absent,
        },
        reads_all_data: row.try_get(9)?,
        settings,
    })
}

async fn settings(client: &Client) -> Result<Settings, tokio_postgres::Error> {
    let mut settings = BTreeMap::new();
    for row in client.query(include_str!("settings.sql"), &[]).await? {
        let value: Option<Lossy> = row.try_get(1)?;
        settings.insert(row.try_get(0)?, value.map_or_else(String::new, |Lossy(text)| text));
    }
    Ok(Settings(settings))
}

/// Looks in the session's own database first, then in the others: wherever the extension is
/// created, it shows the statements of all.
async fn statements(
    server: &Server,
    session: &Session,
    installed: bool,
    settings: &Settings,
) -> Result<Result<StatStatements, StatStatementsMissing>, tokio_postgres::Error> {
    if !installed {
        return Ok(Err(StatStatementsMissing::NotInstalled));
    }
    // The extension's settings exist only where its library is loaded.
    if settings.get("pg_stat_statements.max").is_none() {
        return Ok(Err(StatStatementsMissing::NotPreloaded));
    }
    if let Some(found) = statements_in(session).await? {
        return Ok(found);
    }
    let rows = session.client().query(include_str!("databases.sql"), &[]).await?;
    for row in rows {
        let Lossy(datname) = row.try_get(0)?;
        if datname == session.datname() {
            continue;
        }
        match connect(server, &datname).await {
            Ok(there) => {
                if let Ok(Some(found)) = statements_in(&there).await {
                    return Ok(found);
                }
            }
            // One that is full or forbidden says nothing of the others; a lack of slots does.
            Err(ConnectError::NoSlot { .. }) => break,
            Err(_) => {}
        }
    }
    Ok(Err(StatStatementsMissing::NotCreated(session.datname().to_owned())))
}

async fn statements_in(
    session: &Session,
) -> Result<Option<Result<StatStatements, StatStatementsMissing>>, tokio_postgres::Error> {
    let client = session.client();
    let Some(row) = client.query_opt(include_str!("extension.sql"), &[]).await? else {
        return Ok(None);
    };
    let Lossy(schema) = row.try_get(0)?;
    let extversion = row.try_get(1)?;
    let datname = session.datname().to_owned();
    let quoted = schema.replace('"', "\"\"");
    // Only prepared: its columns are known, and nothing is read.
    let counters = format!("select * from \"{quoted}\".pg_stat_statements(false)");
    Ok(Some(match client.prepare(&counters).await {
        Ok(prepared) => {
            let columns: BTreeSet<String> =
                prepared.columns().iter().map(|column| column.name().to_owned()).collect();
            let info = format!("select * from \"{quoted}\".pg_stat_statements_info()");
            let has_info = client.prepare(&info).await.is_ok();
            Ok(StatStatements { datname, schema, extversion, columns, has_info })
        }
        Err(error) if error.is_closed() => return Err(error),
        Err(error) => {
            let message = reason(&error);
            Err(StatStatementsMissing::Unreadable { datname, schema, message })
        }
    }))
}
