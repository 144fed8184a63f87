//! How large tables are beside what their rows would take if they were written anew: the rest is room that
//! PostgreSQL keeps for rows to come.
//!
//! Only of tables with fresh statistics: analyzed since the server counts, and of ten rows not more than one
//! changed since. What values lie in TOAST is not looked at: of that there are no statistics.

use tokio_postgres::{Client, Row};

use super::SampleError;
use super::activity::text;
use super::decode::unsigned;
use super::layout::{Stored, align_of, table_bytes};
use super::table_options::Options;
use crate::pg::Lossy;

/// Of one database so many of the largest are looked at.
const MOST: i64 = 100;
/// Smaller ones are never told of: 1 MiB.
const LEAST_PAGES: i32 = 128;

/// The large tables of one database.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sample {
    /// Those of which it is known, the largest first.
    pub tables: Vec<Table>,
    /// Beyond the 100 largest.
    pub beyond: u64,
    /// Of which our role may not see statistics, or of some column of which there are none.
    pub hidden: u64,
    /// Not analyzed since the server counts, or changed much since.
    pub stale: u64,
}

/// One table.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub table: String,
    /// Bytes of its main fork at its last vacuum or analyze.
    pub bytes: f64,
    /// Bytes that its rows would take then, written anew with its fillfactor; never more than it has.
    pub bytes_after: f64,
}

/// Reads the connected database.
///
/// # Errors
/// When it cannot be read.
pub(super) async fn read(client: &Client) -> Result<Sample, SampleError> {
    let rows = client.query(include_str!("bloat.sql"), &[&MOST, &LEAST_PAGES]).await?;
    let total = rows.first().map_or(Ok(0), |row| row.try_get::<_, i64>(13))?;
    let read = u64::try_from(rows.len()).unwrap_or(u64::MAX);
    let mut sample = Sample { beyond: unsigned(total).saturating_sub(read), ..Sample::default() };
    for row in &rows {
        if !row.try_get::<_, bool>(6)? {
            sample.stale += 1;
        } else if row.try_get::<_, i64>(7)? > 0 {
            sample.hidden += 1;
        } else {
            sample.tables.push(table(row)?);
        }
    }
    Ok(sample)
}

fn table(row: &Row) -> Result<Table, SampleError> {
    let (bytes, rows): (f64, f64) = (row.try_get(2)?, row.try_get(3)?);
    let all: i32 = row.try_get(4)?;
    let options: Option<Vec<Lossy>> = row.try_get(5)?;
    let options = options.and_then(|all| Options::read(all.iter().map(|o| o.0.as_str())));
    let fill = options.and_then(|options| options.fillfactor).unwrap_or(100.0) / 100.0;
    let columns = columns(row)?;
    let all = usize::try_from(all).unwrap_or(0).max(columns.len());
    let bytes_after = table_bytes(rows, &columns, all, fill, row.try_get(12)?);
    Ok(Table {
        schema: text(row, 0)?,
        table: text(row, 1)?,
        bytes,
        bytes_after: bytes_after.min(bytes),
    })
}

fn columns(row: &Row) -> Result<Vec<Stored>, SampleError> {
    // A table without columns has none of these.
    let lengths: Option<Vec<i32>> = row.try_get(8)?;
    let aligns: Option<Vec<String>> = row.try_get(9)?;
    let widths: Option<Vec<f32>> = row.try_get(10)?;
    let nulls: Option<Vec<f32>> = row.try_get(11)?;
    let lengths = lengths.unwrap_or_default().into_iter().zip(aligns.unwrap_or_default());
    let values = widths.unwrap_or_default().into_iter().zip(nulls.unwrap_or_default());
    let stored = |((length, align), (width, nulls)): ((i32, String), (f32, f32))| Stored {
        width: f64::from(width),
        null_share: f64::from(nulls),
        align: align_of(&align),
        is_variable: length < 0,
    };
    Ok(lengths.zip(values).map(stored).collect())
}
