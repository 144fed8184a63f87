//! How the indexes of one database are used: what pg_stat_all_indexes is made of.

use std::collections::HashMap;

use tokio_postgres::Client;

use super::SampleError;
use super::activity::text;
use super::decode::unsigned;
use super::table_usage::Table;

/// More indexes than this in one database are not read.
const MOST: usize = 150_000;

/// Cumulative counters of one index, or a difference of two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Scans.
    pub idx_scan: u64,
    /// Entries returned by them.
    pub idx_tup_read: u64,
}

/// Whether an index has to do with partitions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Partitions {
    /// It has not.
    #[default]
    None,
    /// It is that of a partitioned table: it has nothing itself, and scans are counted in its parts.
    Whole,
    /// It is a part of another, and cannot be dropped without it.
    Part,
}

/// One index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Index {
    /// `pg_class.oid`.
    pub oid: u32,
    /// Schema of its table and of itself.
    pub schema: String,
    /// Its table.
    pub table: String,
    /// Its name.
    pub index: String,
    /// Its counters.
    pub counters: Counters,
    /// Bytes of its main fork at its last vacuum, analyze or when it was made.
    pub bytes: u64,
    /// It can be used: `create index concurrently` did not fail or break off, and is not under way.
    pub is_valid: bool,
    /// It enforces something: a primary key, a unique or exclusion constraint, or unique by itself.
    pub enforces: bool,
    /// Whether it is a partitioned one, or a part of one.
    pub partitions: Partitions,
}

/// Reads all of the connected database, but for those of catalogs, TOAST and temporary tables, and adds the scans of each
/// to `tables`. One whose table is not among these, as it was made since, is left for the next time.
///
/// # Errors
/// When it cannot be read, or there are more than 150,000.
pub async fn read(client: &Client, tables: &mut [Table]) -> Result<Vec<Index>, SampleError> {
    let limit = i64::try_from(MOST + 1).unwrap_or(i64::MAX);
    let rows = client.query(include_str!("index_usage.sql"), &[&limit]).await?;
    if rows.len() > MOST {
        return Err(SampleError::TooMany { what: "indexes", most: MOST });
    }
    let mut tables: HashMap<u32, &mut Table> =
        tables.iter_mut().map(|table| (table.oid, table)).collect();
    let mut indexes = Vec::with_capacity(rows.len());
    for row in &rows {
        let count = |column| row.try_get::<_, i64>(column).map(unsigned);
        let Some(table) = tables.get_mut(&row.try_get(1)?) else { continue };
        let counters = Counters { idx_scan: count(3)?, idx_tup_read: count(4)? };
        table.counters.idx_scan += counters.idx_scan;
        table.counters.idx_tup_fetch += count(5)?;
        indexes.push(Index {
            oid: row.try_get(0)?,
            schema: table.schema.clone(),
            table: table.table.clone(),
            index: text(row, 2)?,
            counters,
            bytes: count(6)?,
            is_valid: row.try_get(7)?,
            enforces: row.try_get(8)?,
            partitions: match (row.try_get(9)?, row.try_get(10)?) {
                (_, true) => Partitions::Part,
                (true, false) => Partitions::Whole,
                (false, false) => Partitions::None,
            },
        });
    }
    Ok(indexes)
}

#[cfg(test)]
impl Index {
    pub(crate) fn named(oid: u32, schema: String, table: String, index: String) -> Self {
        let counters = Counters::default();
        let (partitions, is_valid, enforces) = (Partitions::None, true, false);
        Self { oid, schema, table, index, counters, bytes: 0, is_valid, enforces, partitions }
    }
}
