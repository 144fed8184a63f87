//! What was read and written in the tables of one database: pg_stat_all_tables.

use tokio_postgres::Client;

use super::SampleError;
use super::activity::text;
use super::decode::unsigned;

/// More tables than this in one database are not read.
const MOST: usize = 50_000;

/// Cumulative counters of one table, or a difference of two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Sequential scans.
    pub seq_scan: u64,
    /// Rows read by them.
    pub seq_tup_read: u64,
    /// Index scans.
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
#[derive(Clone, Debug, PartialEq, Eq)]
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
}

/// Reads all of the connected database, but for catalogs, TOAST and temporary ones.
///
/// # Errors
/// When it cannot be read, or there are more than 50,000.
pub async fn read(client: &Client) -> Result<Vec<Table>, SampleError> {
    let limit = i64::try_from(MOST + 1).unwrap_or(i64::MAX);
    let rows = client.query(include_str!("table_usage.sql"), &[&limit]).await?;
    if rows.len() > MOST {
        return Err(SampleError::TooMany { what: "tables", most: MOST });
    }
    rows.iter()
        .map(|row| {
            let count = |column| row.try_get::<_, i64>(column).map(unsigned);
            Ok(Table {
                oid: row.try_get(0)?,
                schema: text(row, 1)?,
                table: text(row, 2)?,
                counters: Counters {
                    seq_scan: count(3)?,
                    seq_tup_read: count(4)?,
                    idx_scan: count(5)?,
                    idx_tup_fetch: count(6)?,
                    n_tup_ins: count(7)?,
                    n_tup_upd: count(8)?,
                    n_tup_del: count(9)?,
                    n_tup_hot_upd: count(10)?,
                },
                n_live_tup: count(11)?,
                bytes: count(12)?,
            })
        })
        .collect()
}
