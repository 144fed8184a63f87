//! How tables and indexes are used, in our own database and in those of ERPs.

use std::time::Duration;

use tokio_postgres::Client;

use super::SampleError;
use super::extent::{self, Extent};
use super::function_usage::{self, Function};
use super::index_usage::{self, Index};
use super::table_usage::{self, Table};
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
    let mut databases = vec![here(session.client(), dbid).await?];
    let elsewhere = async {
        for (dbid, datname) in others.iter().take(MOST_DATABASES) {
            match there(session, *dbid, datname).await {
                Ok(database) => databases.push(database),
                Err(reason) => tracing::debug!(%datname, "nothing of its tables: {reason}"),
            }
        }
    };
    if tokio::time::timeout(patience, elsewhere).await.is_err() {
        tracing::debug!("not all databases could be looked into within {patience:?}");
    }
    let tried = others.len().min(MOST_DATABASES) + 1;
    let skipped = u64::try_from(tried.saturating_sub(databases.len())).unwrap_or(u64::MAX);
    Ok(Sample { databases, skipped })
}

async fn there(session: &Session, dbid: u32, datname: &str) -> Result<Database, String> {
    let other = session.beside(datname).await.map_err(|error| error.to_string())?;
    here(other.client(), dbid).await.map_err(|error| error.to_string())
}

async fn here(client: &Client, dbid: u32) -> Result<Database, SampleError> {
    let extent = Some(extent::read(client).await?);
    let tables = table_usage::read(client).await?;
    let indexes = index_usage::read(client).await?;
    Ok(Database { dbid, tables, indexes, functions: function_usage::read(client).await?, extent })
}
