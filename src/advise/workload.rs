//! What the database is asked all day.

use tokio_postgres::types::Type;

use super::search_path::SearchPath;
use crate::pg::{Capabilities, Lossy, Session, StatStatements, quoted};

/// Seconds that one unit of the planner's cost takes, where nobody has measured: a page from the
/// cache, or a hundred rows.
pub const SECONDS_PER_COST: f64 = 10e-6;

/// One statement of a day.
#[derive(Clone, Debug, Default)]
pub struct Statement {
    /// Hash of its shape.
    pub queryid: Option<i64>,
    /// Its text as pg_stat_statements has it.
    pub text: String,
    /// The same with real values, as seen running. Never shown, never kept.
    pub specimens: Vec<Specimen>,
    /// Executions a day.
    pub calls: f64,
    /// Seconds a day, if they were measured.
    pub seconds: Option<f64>,
    /// Rows a day.
    pub rows: f64,
    /// Blocks of temporary files a day, written or read.
    pub temp_blocks: f64,
    /// Where names in it are looked up first, if that is known.
    pub search_path: Option<SearchPath>,
}

/// A statement's time counts up to so many times what its plan costs: more of it is waiting, which
/// no index makes shorter.
const MOST_OVER_PLAN: f64 = 10.0;

impl Statement {
    /// Rows of one call; those of a cursor are counted where they are fetched.
    #[must_use]
    pub fn rows_of_call(&self) -> Option<f64> {
        let is_cursor = self.text.get(..7).is_some_and(|word| word.eq_ignore_ascii_case("declare"));
        (self.calls > 0.0 && !is_cursor).then(|| self.rows / self.calls)
    }

    /// Seconds a day that it works, if one call costs so much.
    #[must_use]
    pub fn worth(&self, cost: f64) -> f64 {
        let by_plan = self.calls * cost * SECONDS_PER_COST;
        self.seconds.map_or(by_plan, |seconds| seconds.min(by_plan * MOST_OVER_PLAN))
    }
}

/// A text with literals.
#[derive(Clone)]
pub struct Specimen(pub String);

impl std::fmt::Debug for Specimen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

/// A day's statements, and what is known about that knowledge.
#[derive(Clone, Debug, Default)]
pub struct Workload {
    /// The heaviest first.
    pub statements: Vec<Statement>,
    /// Days that it was counted over; a day at most is extrapolated from.
    pub days: f64,
}

/// Why the workload cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum WorkloadError {
    /// No pg_stat_statements.
    #[error("there is no workload to read: {0}; see `erpscope check`")]
    Missing(String),
    /// A query failed.
    #[error("cannot read pg_stat_statements: {0}")]
    Query(#[from] tokio_postgres::Error),
}

/// Counters of less than an hour are taken as those of an hour.
const LEAST_DAYS: f64 = 1.0 / 24.0;

/// Statements that are read at most.
const MOST: i64 = 2_000;

/// The column with the milliseconds of executing, as this version of the extension calls it.
pub(super) fn exec_time(found: &StatStatements) -> &'static str {
    if found.columns.contains("total_exec_time") { "total_exec_time" } else { "total_time" }
}

/// Reads what the server has counted for one database. `session` is where the extension is.
pub async fn read(
    session: &Session,
    can: &Capabilities,
    datname: &str,
) -> Result<Workload, WorkloadError> {
    let found = can.statements.as_ref().map_err(|e| WorkloadError::Missing(e.to_string()))?;
    let schema = quoted(&found.schema);
    let since = if found.has_info {
        format!("(select stats_reset from {schema}.pg_stat_statements_info)")
    } else {
        "null::timestamptz".to_owned()
    };
    let client = session.client();
    let counting = include_str!("counting.sql").replace("{since}", &since);
    let seconds: f64 = client.query_one(&counting, &[]).await?.try_get(0)?;
    let days = (seconds / 86_400.0).max(LEAST_DAYS);
    let sql = include_str!("workload.sql")
        .replace("{schema}", &schema)
        .replace("{exec_time}", exec_time(found));
    let rows = client.query_typed(&sql, &[(&datname, Type::TEXT), (&MOST, Type::INT8)]).await?;
    let mut statements = Vec::with_capacity(rows.len());
    for row in rows {
        statements.push(Statement {
            queryid: row.try_get(0)?,
            text: row.try_get::<_, Option<Lossy>>(1)?.map_or_else(String::new, |Lossy(text)| text),
            specimens: Vec::new(),
            calls: row.try_get::<_, f64>(2)? / days,
            seconds: Some(row.try_get::<_, f64>(3)? / days),
            rows: row.try_get::<_, f64>(4)? / days,
            temp_blocks: row.try_get::<_, f64>(5)? / days,
            search_path: None,
        });
    }
    Ok(Workload { statements, days })
}
