//! The same of several databases of one server: of that of a session, and of others by one connection each.

use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio_postgres::Client;

use super::SampleError;
use crate::pg::Session;

/// Reads the database of `session`, which is `dbid`, by `here`, and then those of `others`, one after the other.
/// One that cannot be entered or read is left out, and none is entered after `patience`: how many were left
/// out is told beside. `what` names what is read, for the log.
///
/// # Errors
/// When `session` cannot be read.
pub(super) async fn each<T>(
    session: &Session,
    dbid: u32,
    others: &[(u32, String)],
    patience: Duration,
    what: &str,
    here: impl for<'a> Fn(&'a Client, u32, &str) -> BoxFuture<'a, Result<T, SampleError>>,
) -> Result<(Vec<T>, u64), SampleError> {
    let mut databases = vec![here(session.client(), dbid, session.datname()).await?];
    let elsewhere = async {
        for (dbid, datname) in others {
            let read = async {
                let other = session.beside(datname).await.map_err(|error| error.to_string())?;
                let read = here(other.client(), *dbid, datname).await;
                read.map_err(|error| error.to_string())
            };
            match read.await {
                Ok(database) => databases.push(database),
                Err(reason) => tracing::debug!(%datname, "nothing of its {what}: {reason}"),
            }
        }
    };
    if tokio::time::timeout(patience, elsewhere).await.is_err() {
        tracing::debug!("{what} of not all databases could be read within {patience:?}");
    }
    let missed = (others.len() + 1).saturating_sub(databases.len());
    Ok((databases, u64::try_from(missed).unwrap_or(u64::MAX)))
}
