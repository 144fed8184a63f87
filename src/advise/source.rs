//! Where a workload comes from: the history if it covers some of the days asked for, else what the
//! server has counted since its statistics began.

use std::path::Path;
use std::time::Duration;

use super::catalog::Writes;
use super::daily::Counted;
use super::existing::Remembered;
use super::search_path::{self, Work};
use super::workload::{self, Statement, Workload, WorkloadError};
use crate::config::Server;
use crate::history::{History, HistoryError, Period, Place, Reader};
use crate::pg::{self, Capabilities, ConnectError, Session, reason};

/// A history of less is no better than the server's own counters.
const LEAST_COVERED: Duration = Duration::from_secs(3_600);

/// Seconds over which the use of indexes is added up: a quarter's end is within.
const USAGE_SECONDS: i64 = 100 * 86_400;

/// What is known of one database.
pub struct Source {
    /// Its statements.
    pub workload: Workload,
    /// Rows written in a day, if they were counted.
    pub writes: Option<Counted>,
    /// How indexes and tables were used, over a longer time, if there is a history.
    pub remembered: Option<Remembered>,
    /// Which role has run what, as the server has counted it, or why that is not known.
    pub work: Result<Vec<Work>, String>,
    /// Where that comes from, for people.
    pub from: String,
}

/// Why a workload cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The history.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// The server.
    #[error(transparent)]
    Workload(#[from] WorkloadError),
    /// The database of the extension.
    #[error(transparent)]
    Connect(#[from] ConnectError),
}

/// The workload of one database: as remembered, else as the server has counted it.
pub async fn find(
    server: &Server,
    session: &Session,
    can: &Capabilities,
    datname: &str,
    remembered: Option<Source>,
) -> Result<Source, SourceError> {
    let other = match &can.statements {
        Ok(found) if found.datname != server.dbname => {
            pg::connect(server, &found.datname).await.map(Some)
        }
        _ => Ok(None),
    };
    if let Some(source) = remembered {
        // Of what is remembered the roles are not.
        let work = match &other {
            Ok(other) => roles(other.as_ref().unwrap_or(session), can, datname).await,
            Err(error) => Err(error.to_string()),
        };
        return Ok(Source { work, ..source });
    }
    let other = other?;
    let session = other.as_ref().unwrap_or(session);
    let workload = workload::read(session, can, datname).await?;
    let work = roles(session, can, datname).await;
    let from = format!("the server's counters of {}", span(workload.days));
    Ok(Source { workload, writes: None, remembered: None, work, from })
}

async fn roles(session: &Session, can: &Capabilities, datname: &str) -> Result<Vec<Work>, String> {
    let found = can.statements.as_ref().map_err(ToString::to_string)?;
    search_path::work(session, found, datname).await.map_err(|error| reason(&error))
}

/// The last `days` as the history's file has them, by the server's clock; `None` if there is no
/// file yet, or too little in it.
pub async fn in_file(
    session: &Session,
    place: Place,
    path: &Path,
    days: u32,
) -> Result<Option<Source>, SourceError> {
    if !path.exists() {
        return Ok(None);
    }
    let now = session.client().query_one(include_str!("clock.sql"), &[]).await;
    let now: i64 = now.and_then(|row| row.try_get(0)).map_err(WorkloadError::Query)?;
    let period = Period::last_days(place, days, now);
    Ok(remembered(&History::read_only(path)?, &period)?)
}

fn span(days: f64) -> String {
    if days < 2.0 { format!("{:.0} h", days * 24.0) } else { format!("{days:.0} days") }
}

/// A period as the history has it; `None` if there is too little in it.
pub fn remembered(reader: &Reader<'_>, period: &Period) -> Result<Option<Source>, HistoryError> {
    let sums = reader.statements(period)?;
    if sums.coverage.seconds < LEAST_COVERED.as_secs_f64() {
        return Ok(None);
    }
    let days = sums.coverage.seconds / 86_400.0;
    let statements = sums.rows.into_iter().filter_map(|row| {
        Some(Statement {
            queryid: row.queryid,
            text: row.text?,
            specimens: Vec::new(),
            calls: row.work.calls as f64 / days,
            seconds: Some(row.work.exec_seconds / days),
            rows: row.work.rows as f64 / days,
            temp_blocks: row.work.temp_blocks as f64 / days,
            search_path: None,
        })
    });
    let workload = Workload { statements: statements.collect(), days };
    let tables = reader.tables(period)?;
    let is_enough = tables.coverage.seconds >= LEAST_COVERED.as_secs_f64();
    let writes = is_enough.then(|| {
        let days = tables.coverage.seconds / 86_400.0;
        let per_day = |count: u64| count as f64 / days;
        let rows = tables.rows.into_iter().map(|row| {
            let writes = Writes {
                inserts: per_day(row.growth.n_tup_ins),
                updates: per_day(row.growth.n_tup_upd),
                hot_updates: per_day(row.growth.n_tup_hot_upd),
                deletes: per_day(row.growth.n_tup_del),
            };
            (row.schema, row.table, writes)
        });
        Counted { days, rows: rows.collect() }
    });
    let from = format!("{} of the history", span(days));
    let long = Period { from: period.from.min(period.until - USAGE_SECONDS), ..period.clone() };
    let remembered =
        Some(Remembered { indexes: reader.indexes(&long)?, tables: reader.tables(&long)? });
    Ok(Some(Source { workload, writes, remembered, work: Ok(Vec::new()), from }))
}
