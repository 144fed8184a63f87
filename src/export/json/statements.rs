//! `/api/v1/statements`: the statements shown singly, sorted and limited.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{BadQuery, MAX_LIMIT, servers};
use crate::sample::statements::Counters;
use crate::state::{ServerSnapshot, Snapshot};
use crate::track::statements::Shown;

/// What to sort by, largest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Executing and planning time.
    #[default]
    Time,
    /// Time of one call.
    MeanTime,
    /// Calls.
    Calls,
    /// Rows.
    Rows,
    /// Shared blocks read and written.
    Io,
    /// Temporary blocks read and written.
    Temp,
    /// Bytes of write-ahead log.
    Wal,
}

/// The parameters of a request.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StatementsQuery {
    /// Only this server.
    pub server: Option<String>,
    /// Only this database.
    pub datname: Option<String>,
    /// Only this role.
    pub usename: Option<String>,
    /// Sort order.
    pub sort: Order,
    /// At most so many (default 50).
    pub limit: Option<usize>,
}

/// An answer.
#[derive(Debug, Serialize)]
pub struct StatementsPage {
    /// The statements, in the order asked for.
    pub statements: Vec<StatementJson>,
    /// How many there are before the limit.
    pub total: usize,
    /// Per server and database: what is not shown singly, since the agent's start.
    pub other: Vec<OtherJson>,
}

/// One statement; counters since the agent first saw it.
#[derive(Debug, Serialize)]
pub struct StatementJson {
    server: Arc<str>,
    datname: Arc<str>,
    usename: Arc<str>,
    /// As text: JavaScript cannot hold 64 bits.
    queryid: String,
    module: Arc<str>,
    query: Option<Arc<str>>,
    mean_seconds: Option<f64>,
    #[serde(flatten)]
    counters: CountersJson,
}

/// What is not shown singly of one database.
#[derive(Debug, Serialize)]
pub struct OtherJson {
    server: Arc<str>,
    datname: Arc<str>,
    module: Arc<str>,
    #[serde(flatten)]
    counters: CountersJson,
}

#[derive(Debug, Serialize)]
struct CountersJson {
    calls: u64,
    rows: u64,
    exec_seconds: f64,
    plan_seconds: f64,
    io_read_seconds: f64,
    io_write_seconds: f64,
    blocks_hit: u64,
    blocks_read: u64,
    blocks_dirtied: u64,
    blocks_written: u64,
    temp_blocks_read: u64,
    temp_blocks_written: u64,
    wal_bytes: u64,
}

/// Answers a request.
///
/// # Errors
/// When it names a server that is not watched or a limit out of range.
pub fn statements(
    snapshot: &Snapshot,
    query: &StatementsQuery,
) -> Result<StatementsPage, BadQuery> {
    let limit = query.limit.unwrap_or(50);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(BadQuery::Limit(limit));
    }
    let servers = servers(snapshot, query.server.as_deref())?;
    let mut found: Vec<(&ServerSnapshot, &Shown)> = servers
        .iter()
        .flat_map(|server| server.statements.shown.iter().map(move |shown| (*server, shown)))
        .filter(|(_, shown)| query.datname.as_ref().is_none_or(|name| **name == *shown.datname))
        .filter(|(_, shown)| query.usename.as_ref().is_none_or(|name| **name == *shown.usename))
        .collect();
    let weight = |shown: &Shown| weight(query.sort, &shown.total);
    found.sort_by(|(_, a), (_, b)| weight(b).total_cmp(&weight(a)));
    let other = servers
        .iter()
        .flat_map(|server| {
            server.statements.other.iter().map(|((datname, module), counters)| OtherJson {
                server: Arc::clone(&server.name),
                datname: Arc::clone(datname),
                module: Arc::clone(module),
                counters: counters.into(),
            })
        })
        .filter(|other| query.datname.as_ref().is_none_or(|name| **name == *other.datname))
        .collect();
    let total = found.len();
    found.truncate(limit);
    let statements = found.into_iter().map(|(server, shown)| statement(server, shown)).collect();
    Ok(StatementsPage { statements, total, other })
}

fn statement(server: &ServerSnapshot, shown: &Shown) -> StatementJson {
    StatementJson {
        server: Arc::clone(&server.name),
        datname: Arc::clone(&shown.datname),
        usename: Arc::clone(&shown.usename),
        queryid: shown.queryid.to_string(),
        module: Arc::clone(&shown.module),
        query: shown.query.clone(),
        mean_seconds: (shown.total.calls > 0).then(|| weight(Order::MeanTime, &shown.total)),
        counters: (&shown.total).into(),
    }
}

fn weight(order: Order, total: &Counters) -> f64 {
    let time = total.exec_seconds + total.plan_seconds;
    match order {
        Order::Time => time,
        Order::MeanTime => time / (total.calls.max(1) as f64),
        Order::Calls => total.calls as f64,
        Order::Rows => total.rows as f64,
        Order::Io => (total.blocks_read + total.blocks_written) as f64,
        Order::Temp => (total.temp_read + total.temp_written) as f64,
        Order::Wal => total.wal_bytes as f64,
    }
}

impl From<&Counters> for CountersJson {
    fn from(c: &Counters) -> Self {
        Self {
            calls: c.calls,
            rows: c.rows,
            exec_seconds: c.exec_seconds,
            plan_seconds: c.plan_seconds,
            io_read_seconds: c.io_read_seconds,
            io_write_seconds: c.io_write_seconds,
            blocks_hit: c.blocks_hit,
            blocks_read: c.blocks_read,
            blocks_dirtied: c.blocks_dirtied,
            blocks_written: c.blocks_written,
            temp_blocks_read: c.temp_read,
            temp_blocks_written: c.temp_written,
            wal_bytes: c.wal_bytes,
        }
    }
}
