//! Advice on one database: the way that the command and the agent share.

use std::collections::BTreeSet;
use std::time::Duration;

use super::advice::{Advice, AdviceError, Request, advise};
use super::advisor::{Effort, Judge};
use super::candidate::Allowed;
use super::catalog::{self, Catalog};
use super::search_path::{self, follow_roles};
use super::select::Limits;
use super::source::{self, Source, SourceError};
use super::workload::WorkloadError;
use crate::config::Server;
use crate::erp::Erp;
use crate::pg::{self, ConnectError, ProbeError, Session};

/// Questions to the planner of one database.
const CALLS: u64 = 20_000;

/// How far an advice may go.
#[derive(Clone, Debug)]
pub struct Bounds {
    /// Bytes that all new indexes of a database may take.
    pub budget_bytes: u64,
    /// Their number.
    pub max: usize,
    /// Time of planning, by the server's clock.
    pub planning: Duration,
    /// What may be suggested.
    pub allowed: Allowed,
    /// Days that nothing has used an index before it is suggested to be dropped.
    pub unused_days: u32,
}

/// The usual number of those, in the agent, too: a month's end is among them.
pub const UNUSED_DAYS: u32 = 31;

/// An advice, and where its workload comes from.
pub struct Advised {
    /// The advice.
    pub advice: Advice,
    /// Where the workload comes from, for people.
    pub source: String,
    /// The session that has read the catalog.
    pub asking: Session,
}

/// Why a database cannot be advised on.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// No connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// What the server can is not known.
    #[error(transparent)]
    Probe(#[from] ProbeError),
    /// Its databases are not known.
    #[error("cannot list the databases: {0}")]
    Databases(#[from] tokio_postgres::Error),
    /// No workload.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// No advice.
    #[error(transparent)]
    Advice(#[from] AdviceError),
}

impl RunError {
    /// Its kind, one of few.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Connect(_) | Self::Source(SourceError::Connect(_)) => "connect",
            Self::Probe(_) => "probe",
            Self::Databases(_) => "databases",
            Self::Source(SourceError::History(_)) => "history",
            Self::Source(SourceError::Workload(WorkloadError::Missing(_))) => "no_statements",
            Self::Source(SourceError::Workload(WorkloadError::Query(_))) => "statements",
            Self::Advice(AdviceError::Catalog { .. }) => "catalog",
            Self::Advice(AdviceError::Planner { .. }) => "planner",
        }
    }
}

/// The databases that are worked with, the ten busiest, the busiest first.
pub async fn busiest(session: &Session) -> Result<Vec<String>, RunError> {
    let rows = session.client().query(include_str!("databases.sql"), &[]).await?;
    Ok(rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?)
}

/// Advises on one database, with two connections at a time. `remembered` is its workload as the
/// history has it, if it has one.
pub async fn advise_on(
    server: &Server,
    erp: &Erp,
    datname: &str,
    bounds: &Bounds,
    remembered: Option<Source>,
) -> Result<Advised, RunError> {
    let session = pg::connect(server, &server.dbname).await?;
    let can = pg::probe(server, &session).await?;
    let mut source = source::find(server, &session, &can, datname, remembered).await?;
    drop(session);
    let asking = pg::connect(server, datname).await?;
    let planning = pg::connect_to_plan(server, datname).await?;
    let request = Request {
        datname: datname.to_owned(),
        effort: Effort {
            limits: Limits { bytes: bounds.budget_bytes as f64, number: bounds.max },
            lean: true,
            sizes_of_hypopg: false,
            judge: Judge::Visits,
            calls: CALLS,
            planning_ms: bounds.planning.as_secs_f64() * 1e3,
        },
        allowed: bounds.allowed.clone(),
        writes: source.writes,
        remembered: source.remembered,
        unused_days: f64::from(bounds.unused_days),
    };
    let (work, workload) = (&source.work, &mut source.workload);
    let followed = match work {
        Ok(work) => follow_roles(workload, work, asking.client(), planning.client()).await,
        Err(error) => Some(search_path::unknown(error)),
    };
    let mut advice = advise(&asking, planning, workload, erp, &request).await?;
    advice.notes.extend(followed);
    Ok(Advised { advice, source: source.from, asking })
}

/// The tables of the ledger's lines as they are now, with their indexes.
pub async fn look(
    session: &Session,
    datname: &str,
    relations: &BTreeSet<(String, String)>,
) -> Result<Catalog, RunError> {
    let read = catalog::read_indexes(session.client(), relations).await;
    Ok(read.map_err(|source| AdviceError::Catalog { datname: datname.to_owned(), source })?)
}

/// Seconds by which the server's own time zone is ahead of UTC now.
pub async fn utc_offset(session: &Session) -> Result<i32, RunError> {
    let row = session.client().query_one(include_str!("utc_offset.sql"), &[]).await?;
    Ok(row.try_get(0)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn the_agent_and_the_command_mean_the_same_days_if_nobody_says_another_number() {
        assert_eq!(Config::of(Vec::new()).unwrap().advisor.unused_days, UNUSED_DAYS);
    }
}
