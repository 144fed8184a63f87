//! How the functions of one database are called: pg_stat_user_functions.

use tokio_postgres::Client;

use super::SampleError;
use super::activity::text;
use super::decode::unsigned;

/// Functions of one database that are read, the heaviest first.
const MOST: i64 = 1_000;

/// Cumulative counters of one function, or a difference of two.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Counters {
    /// Calls.
    pub calls: u64,
    /// Seconds in it and in what it called.
    pub total_seconds: f64,
    /// Seconds in it alone; the statements of a PL/pgSQL function are in it.
    pub self_seconds: f64,
}

/// One function that was called.
#[derive(Clone, Debug, PartialEq)]
pub struct Function {
    /// `pg_proc.oid`.
    pub oid: u32,
    /// Its schema.
    pub schema: String,
    /// Its name, without arguments.
    pub function: String,
    /// Its counters.
    pub counters: Counters,
}

/// Reads the heaviest of the connected database; none where nothing is tracked.
///
/// # Errors
/// When they cannot be read.
pub async fn read(client: &Client) -> Result<Vec<Function>, SampleError> {
    let rows = client.query(include_str!("function_usage.sql"), &[&MOST]).await?;
    rows.iter()
        .map(|row| {
            let seconds = |column| row.try_get::<_, f64>(column).map(|ms| ms * 1e-3);
            Ok(Function {
                oid: row.try_get(0)?,
                schema: text(row, 1)?,
                function: text(row, 2)?,
                counters: Counters {
                    calls: unsigned(row.try_get(3)?),
                    total_seconds: seconds(4)?,
                    self_seconds: seconds(5)?,
                },
            })
        })
        .collect()
}
