//! How tables and indexes are used, in our own database and in those of ERPs.

use std::time::Duration;

use tokio_postgres::Client;

use super::extent::{self, Extent};
use super::function_usage::{self, Function};
use super::index_usage::{self, Index};
use super::table_usage::{self, Table};
use super::{SampleError, elsewhere};
use crate::pg::Session;

/// Other databases that are entered in one go: one further connection at a time, closed at once.
pub const MOST_DATABASES: usize = 5;

/// One database.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Database {
    /// `pg_database.oid`.
    pub dbid: u32,
    /// All its tables.
    pub tables: Vec<Table>,
    /// All their indexes.
    pub indexes: Vec<Index>,
    /// Its heaviest functions, where they are tracked.
    pub functions: Vec<Function>,
    /// How large it is, and when that was.
    pub extent: Option<Extent>,
}

/// Those that could be read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sample {
    /// One after the other.
    pub databases: Vec<Database>,
    /// How many could not be entered or read in this turn.
    pub skipped: u64,
}

/// Reads the database of `session`, which is `dbid`, and then by one connection each the first
/// [`MOST_DATABASES`] of `others`. One that cannot be entered or read is left out; none is
/// entered after `patience`.
///
/// # Errors
/// When `session` cannot be read.
pub async fn read(
    session: &Session,
    dbid: u32,
    others: &[(u32, String)],
    patience: Duration,
) -> Result<Sample, SampleError> {
    let others = others.get(..MOST_DATABASES).unwrap_or(others);
    let (databases, skipped) =
        elsewhere::each(session, dbid, others, patience, "tables", |client, dbid, _| {
            Box::pin(here(client, dbid))
        })
        .await?;
    Ok(Sample { databases, skipped })
}

async fn here(client: &Client, dbid: u32) -> Result<Database, SampleError> {
    let extent = Some(extent::read(client).await?);
    let mut tables = table_usage::read(client).await?;
    let indexes = index_usage::read(client, &mut tables).await?;
    Ok(Database { dbid, tables, indexes, functions: function_usage::read(client).await?, extent })
}
