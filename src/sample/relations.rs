//! Names of relations, for those that sessions wait for.

use std::collections::BTreeMap;

use tokio_postgres::Client;

use super::SampleError;
use super::activity::text;

/// A relation of one server: `pg_database.oid` and `pg_class.oid`.
pub type RelationKey = (u32, u32);

/// What was asked for, and what it is called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    /// What was asked for.
    pub asked: Vec<RelationKey>,
    /// Schema and name of those that were found.
    pub names: BTreeMap<RelationKey, (String, String)>,
}

/// Names in the connected database, by oid: schema and name.
pub async fn read(
    client: &Client,
    oids: &[u32],
) -> Result<BTreeMap<u32, (String, String)>, SampleError> {
    let mut names = BTreeMap::new();
    for row in client.query(include_str!("relations.sql"), &[&oids]).await? {
        names.insert(row.try_get(0)?, (text(&row, 1)?, text(&row, 2)?));
    }
    Ok(names)
}
