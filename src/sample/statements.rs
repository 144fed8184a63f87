//! Counters of pg_stat_statements, without texts.

use std::pin::pin;
use std::time::SystemTime;

use futures_util::TryStreamExt;
use tokio_postgres::{Client, Row, Statement as Prepared};

use super::SampleError;
use super::decode::Count;
use crate::pg::{StatStatements, quoted};

/// What identifies one entry of pg_stat_statements. Leaving out a part makes two entries one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Role that ran it (`pg_roles.oid`).
    pub userid: u32,
    /// Database it ran in (`pg_database.oid`).
    pub dbid: u32,
    /// Hash of the statement's shape; `None` when the role of the agent may not see it.
    pub queryid: Option<i64>,
    /// False when it ran inside a function.
    pub toplevel: bool,
}

/// Cumulative counters of one entry, or a difference of two.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Counters {
    /// Executions.
    pub calls: u64,
    /// Rows returned or changed.
    pub rows: u64,
    /// Seconds spent executing.
    pub exec_seconds: f64,
    /// Seconds spent planning (0 unless pg_stat_statements.track_planning).
    pub plan_seconds: f64,
    /// Seconds spent reading shared blocks (0 unless track_io_timing).
    pub io_read_seconds: f64,
    /// Seconds spent writing shared blocks (0 unless track_io_timing).
    pub io_write_seconds: f64,
    /// Shared blocks found in the buffer cache.
    pub blocks_hit: u64,
    /// Shared blocks read.
    pub blocks_read: u64,
    /// Shared blocks dirtied.
    pub blocks_dirtied: u64,
    /// Shared blocks written.
    pub blocks_written: u64,
    /// Blocks read from temporary files.
    pub temp_read: u64,
    /// Blocks written to temporary files.
    pub temp_written: u64,
    /// Bytes of write-ahead log.
    pub wal_bytes: u64,
}

/// One entry.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    /// Its identity.
    pub key: Key,
    /// When its counting began (PostgreSQL 17 and later).
    pub since: Option<SystemTime>,
    /// Its counters.
    pub counters: Counters,
}

/// pg_stat_statements_info (PostgreSQL 14 and later).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Info {
    /// How often the least used entries were thrown out.
    pub dealloc: u64,
    /// When everything was last set to zero, by the server's clock.
    pub stats_reset: Option<SystemTime>,
    /// When this was read, by the server's clock.
    pub read_at: SystemTime,
}

/// All entries at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sample {
    /// The entries, in no order.
    pub statements: Vec<Statement>,
    /// Absent before PostgreSQL 14.
    pub info: Option<Info>,
}

/// The prepared queries of one session.
pub struct Reader {
    statements: Prepared,
    info: Option<Prepared>,
}

impl Reader {
    /// Prepares the queries for the columns that this server's extension has.
    pub async fn prepare(client: &Client, found: &StatStatements) -> Result<Self, SampleError> {
        let info = if found.has_info {
            let sql = include_str!("statements_info.sql");
            Some(client.prepare(&sql.replace("{schema}", &quoted(&found.schema))).await?)
        } else {
            None
        };
        Ok(Self { statements: client.prepare(&counters_sql(found)).await?, info })
    }

    /// Reads all entries.
    ///
    /// # Errors
    /// [`SampleError::Reset`] when the statistics were reset in the middle: such a sample would
    /// count part of the entries twice.
    pub async fn read(&self, client: &Client) -> Result<Sample, SampleError> {
        let before = self.info(client).await?;
        let mut statements = Vec::new();
        {
            let none: [&str; 0] = [];
            let mut rows = pin!(client.query_raw(&self.statements, none).await?);
            while let Some(row) = rows.try_next().await? {
                statements.push(decode(&row)?);
            }
        }
        let info = self.info(client).await?;
        if before.map(|i| i.stats_reset) != info.map(|i| i.stats_reset) {
            return Err(SampleError::Reset);
        }
        Ok(Sample { statements, info })
    }

    async fn info(&self, client: &Client) -> Result<Option<Info>, SampleError> {
        let Some(query) = &self.info else {
            return Ok(None);
        };
        let row = client.query_one(query, &[]).await?;
        Ok(Some(Info {
            dealloc: unsigned(row.try_get(0)?),
            stats_reset: row.try_get(1)?,
            read_at: row.try_get(2)?,
        }))
    }
}

/// The query, made for the columns of the extension's installed version, which can be older than
/// the server's (after pg_upgrade).
fn counters_sql(found: &StatStatements) -> String {
    let column = |names: &[&str], absent: &str| {
        names
            .iter()
            .find(|name| found.columns.contains(**name))
            .map_or_else(|| absent.to_owned(), |name| format!("s.{name}"))
    };
    include_str!("statements.sql")
        .replace("{schema}", &quoted(&found.schema))
        .replace("{toplevel}", &column(&["toplevel"], "true"))
        .replace("{since}", &column(&["stats_since"], "null::timestamptz"))
        .replace("{exec_time}", &column(&["total_exec_time", "total_time"], "0::float8"))
        .replace("{plan_time}", &column(&["total_plan_time"], "0::float8"))
        .replace("{io_read_time}", &column(&["shared_blk_read_time", "blk_read_time"], "0::float8"))
        .replace(
            "{io_write_time}",
            &column(&["shared_blk_write_time", "blk_write_time"], "0::float8"),
        )
        .replace("{wal_bytes}", &column(&["wal_bytes"], "0::numeric"))
}

fn decode(row: &Row) -> Result<Statement, SampleError> {
    const MILLISECONDS: f64 = 1e-3;
    // What is zero was sent as null, which costs less.
    let count = |column| row.try_get::<_, Option<i64>>(column).map(|n| n.map_or(0, unsigned));
    let seconds =
        |column| row.try_get::<_, Option<f64>>(column).map(|ms| ms.unwrap_or(0.0) * MILLISECONDS);
    Ok(Statement {
        key: Key {
            userid: row.try_get(0)?,
            dbid: row.try_get(1)?,
            toplevel: row.try_get(2)?,
            queryid: row.try_get(3)?,
        },
        since: row.try_get(4)?,
        counters: Counters {
            calls: count(5)?,
            rows: count(6)?,
            exec_seconds: seconds(7)?,
            plan_seconds: seconds(8)?,
            io_read_seconds: seconds(9)?,
            io_write_seconds: seconds(10)?,
            blocks_hit: count(11)?,
            blocks_read: count(12)?,
            blocks_dirtied: count(13)?,
            blocks_written: count(14)?,
            temp_read: count(15)?,
            temp_written: count(16)?,
            wal_bytes: row.try_get::<_, Option<Count>>(17)?.map_or(0, |count| count.0),
        },
    })
}

/// PostgreSQL counts in signed integers which are never negative.
fn unsigned(count: i64) -> u64 {
    u64::try_from(count).unwrap_or(0)
}
