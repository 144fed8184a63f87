//! Names of relations, for those that sessions wait for, each from its own database.

use std::collections::BTreeMap;

use tokio_postgres::Client;

use super::SampleError;
use super::activity::text;
use crate::pg::Session;

/// A relation of one server: `pg_database.oid` and `pg_class.oid`.
pub type RelationKey = (u32, u32);

/// Databases that are entered in one go: one further connection at a time, closed at once.
const MOST_DATABASES: usize = 5;

/// What was asked for, and what it is called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    /// What was asked for.
    pub asked: Vec<RelationKey>,
    /// Schema and name of those that were found.
    pub names: BTreeMap<RelationKey, (String, String)>,
}

/// Reads the names of `wanted`: of the database of `session` and of what all databases share by
/// that session, others by one beside it. A database that has no name in `datnames`, or cannot be
/// entered or read, leaves its relations without names.
///
/// # Errors
/// When `session` cannot be read.
pub async fn read(
    session: &Session,
    datnames: &BTreeMap<u32, String>,
    wanted: &[RelationKey],
) -> Result<Sample, SampleError> {
    let mut by_database: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for (dbid, oid) in wanted {
        by_database.entry(*dbid).or_default().push(*oid);
    }
    let mut sample = Sample::default();
    for (dbid, oids) in by_database.into_iter().take(MOST_DATABASES) {
        sample.asked.extend(oids.iter().map(|oid| (dbid, *oid)));
        let names = match datnames.get(&dbid) {
            Some(datname) if datname != session.datname() => {
                elsewhere(session, datname, &oids).await
            }
            Some(_) => names(session.client(), &oids).await?,
            None if dbid == 0 => names(session.client(), &oids).await?,
            None => BTreeMap::new(),
        };
        sample.names.extend(names.into_iter().map(|(oid, name)| ((dbid, oid), name)));
    }
    Ok(sample)
}

/// Schema and name by oid.
type Names = BTreeMap<u32, (String, String)>;

/// What is wrong in another database is not wrong with our own session.
async fn elsewhere(session: &Session, datname: &str, oids: &[u32]) -> Names {
    let other = match session.beside(datname).await {
        Ok(other) => other,
        Err(error) => {
            tracing::debug!(%datname, "no names of relations: {error}");
            return Names::new();
        }
    };
    names(other.client(), oids).await.unwrap_or_else(|error| {
        tracing::debug!(%datname, "no names of relations: {error}");
        Names::new()
    })
}

/// Names in the connected database.
async fn names(client: &Client, oids: &[u32]) -> Result<Names, SampleError> {
    let mut names = Names::new();
    for row in client.query(include_str!("relations.sql"), &[&oids]).await? {
        names.insert(row.try_get(0)?, (text(&row, 1)?, text(&row, 2)?));
    }
    Ok(names)
}
