//! What was read and written in the tables of one database: what pg_stat_all_tables is made of.

use std::time::SystemTime;

use tokio_postgres::{Client, Row};

use super::SampleError;
use super::activity::text;
use super::decode::unsigned;
use super::table_options::Options;
use crate::pg::Lossy;

/// More tables than this in one database are not read.
const MOST: usize = 50_000;

/// Cumulative counters of one table, or a difference of two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Sequential scans.
    pub seq_scan: u64,
    /// Rows read by them.
    pub seq_tup_read: u64,
    /// Scans of the indexes that it has now: less when one is dropped.
    pub idx_scan: u64,
    /// Rows fetched by them.
    pub idx_tup_fetch: u64,
    /// Rows inserted.
    pub n_tup_ins: u64,
    /// Rows updated, the HOT ones included.
    pub n_tup_upd: u64,
    /// Rows deleted.
    pub n_tup_del: u64,
    /// Rows updated without an entry in any index.
    pub n_tup_hot_upd: u64,
}

/// One table, materialised view or partitioned table.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// `pg_class.oid`.
    pub oid: u32,
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub table: String,
    /// Its counters.
    pub counters: Counters,
    /// Live rows as the statistics have them, else as the last analyze or vacuum did.
    pub n_live_tup: u64,
    /// Bytes of its main fork at its last vacuum, analyze or create index.
    pub bytes: u64,
    /// What vacuum and analyze have done and have to do.
    pub upkeep: Upkeep,
}

/// How far vacuum and analyze have come with a table. Times are by the server's clock.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Upkeep {
    /// Dead rows, as the statistics estimate.
    pub n_dead_tup: u64,
    /// Rows changed since its last analyze.
    pub n_mod_since_analyze: u64,
    /// Rows inserted since its last vacuum.
    pub n_ins_since_vacuum: u64,
    /// Somebody's last vacuum (without full).
    pub last_vacuum: Option<SystemTime>,
    /// Autovacuum's last vacuum.
    pub last_autovacuum: Option<SystemTime>,
    /// Somebody's last analyze.
    pub last_analyze: Option<SystemTime>,
    /// Autovacuum's last analyze.
    pub last_autoanalyze: Option<SystemTime>,
    /// Transactions since the oldest that is not frozen in it or in its TOAST table; a
    /// partitioned table has none.
    pub xid_age: Option<u32>,
    /// The same for multixacts.
    pub mxid_age: Option<u32>,
    /// Bytes of its TOAST table at its last vacuum.
    pub toast_bytes: u64,
    /// Live rows at its last vacuum or analyze; `None` if there was none yet.
    pub reltuples: Option<u64>,
    /// What differs from the server's settings, if anything does.
    pub options: Option<Box<Options>>,
}

impl Upkeep {
    /// Its last vacuum, whoever's.
    #[must_use]
    pub fn vacuumed(&self) -> Option<SystemTime> {
        self.last_vacuum.max(self.last_autovacuum)
    }

    /// Its last analyze, whoever's.
    #[must_use]
    pub fn analyzed(&self) -> Option<SystemTime> {
        self.last_analyze.max(self.last_autoanalyze)
    }
}

/// Reads all of the connected database, but for catalogs, TOAST and temporary ones. Their scans by index are those of their
/// indexes, which [`super::usage`] adds.
///
/// # Errors
/// When it cannot be read, or there are more than 50,000.
pub async fn read(client: &Client) -> Result<Vec<Table>, SampleError> {
    let limit = i64::try_from(MOST + 1).unwrap_or(i64::MAX);
    let rows = client.query(include_str!("table_usage.sql"), &[&limit]).await?;
    if rows.len() > MOST {
        return Err(SampleError::TooMany { what: "tables", most: MOST });
    }
    rows.iter().map(decode).collect()
}

fn decode(row: &Row) -> Result<Table, SampleError> {
    let count = |column| row.try_get::<_, i64>(column).map(unsigned);
    let age = |column| {
        let age: Option<i32> = row.try_get(column)?;
        Ok::<_, SampleError>(age.map(|age| u32::try_from(age).unwrap_or(0)))
    };
    let options: Option<Vec<Lossy>> = row.try_get(23)?;
    let reltuples = rows_of(row.try_get(22)?);
    let upkeep = Upkeep {
        n_dead_tup: count(12)?,
        n_mod_since_analyze: count(13)?,
        n_ins_since_vacuum: count(14)?,
        last_vacuum: row.try_get(15)?,
        last_autovacuum: row.try_get(16)?,
        last_analyze: row.try_get(17)?,
        last_autoanalyze: row.try_get(18)?,
        xid_age: age(19)?,
        mxid_age: age(20)?,
        toast_bytes: count(21)?,
        reltuples,
        options: options.and_then(|all| Options::read(all.iter().map(|o| o.0.as_str()))),
    };
    let n_live_tup = count(10)?;
    // After a reset of its statistics a table has as many rows as came since, by them.
    let may_be_reset =
        n_live_tup == 0 || (upkeep.vacuumed().is_none() && upkeep.analyzed().is_none());
    Ok(Table {
        oid: row.try_get(0)?,
        schema: text(row, 1)?,
        table: text(row, 2)?,
        counters: Counters {
            seq_scan: count(3)?,
            seq_tup_read: count(4)?,
            idx_scan: 0,
            idx_tup_fetch: count(5)?,
            n_tup_ins: count(6)?,
            n_tup_upd: count(7)?,
            n_tup_del: count(8)?,
            n_tup_hot_upd: count(9)?,
        },
        n_live_tup: n_live_tup.max(reltuples.filter(|_| may_be_reset).unwrap_or(0)),
        bytes: count(11)?,
        upkeep,
    })
}

/// `pg_class.reltuples`: -1 before the first vacuum or analyze (0 before PostgreSQL 14).
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an estimate above 0")]
fn rows_of(reltuples: f32) -> Option<u64> {
    (reltuples >= 0.0).then_some(reltuples as u64)
}
