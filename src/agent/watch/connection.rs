//! A connection to sample over: made, and found out what can be read over it.

use std::time::Duration;

use super::Watch;
use crate::pg::{self, Capabilities, Session};

/// What the network may add to the server's own statement_timeout.
pub(super) const NETWORK: Duration = Duration::from_secs(5);

/// A session in the database where pg_stat_statements can be read, else in the configured one.
pub(super) async fn connect(
    watch: &Watch,
) -> Result<(Session, Capabilities), (&'static str, String)> {
    let server = &watch.server;
    let connect = async |datname: &str| {
        pg::connect(server, datname).await.map_err(|error| (error.kind(), error.to_string()))
    };
    let session = connect(&server.dbname).await?;
    let found = probe(watch, &session).await?;
    match &found.statements {
        Ok(extension) if extension.datname != session.datname() => {
            let there = connect(&extension.datname).await?;
            Ok((there, found))
        }
        _ => Ok((session, found)),
    }
}

/// Probes, but not for ever: a network that has gone silent does not say so.
pub(super) async fn probe(
    watch: &Watch,
    session: &Session,
) -> Result<Capabilities, (&'static str, String)> {
    let server = &watch.server;
    // It may look into some databases.
    let limit = (server.connect_timeout + server.statement_timeout) * 4 + NETWORK;
    let Ok(found) = tokio::time::timeout(limit, pg::probe(server, session)).await else {
        let name = &server.name;
        return Err((
            "timeout",
            format!("finding out what server `{name}` can took over {limit:?}"),
        ));
    };
    found.map_err(|error| ("probe", error.to_string()))
}

/// What the probe missed, one line each, for people.
pub(super) fn lacking(found: &Capabilities) -> Vec<String> {
    let mut lines = Vec::new();
    if let Err(missing) = &found.statements {
        lines.push(missing.to_string());
    }
    if !found.reads_all_stats {
        lines.push(
            "the role may not see other roles' statements and sessions; \
             grant it pg_monitor, see `erpscope check`"
                .to_owned(),
        );
    }
    lines
}
