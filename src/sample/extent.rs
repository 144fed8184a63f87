//! How large one database is, by its catalog.

use std::time::SystemTime;

use tokio_postgres::Client;

use super::SampleError;
use super::activity::text;
use super::decode::unsigned;

/// One database when it was looked into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extent {
    /// When, by the server's clock.
    pub read_at: SystemTime,
    /// Bytes of all relations at their last vacuums: no file is looked at, and nothing waited for.
    pub bytes: u64,
    /// `track_functions`: `none`, `pl` or `all`.
    pub track_functions: String,
}

/// Reads it, of the connected database.
///
/// # Errors
/// When it cannot be read.
pub async fn read(client: &Client) -> Result<Extent, SampleError> {
    let row = client.query_one(include_str!("extent.sql"), &[]).await?;
    Ok(Extent {
        read_at: row.try_get(0)?,
        bytes: unsigned(row.try_get(1)?),
        track_functions: text(&row, 2)?,
    })
}
