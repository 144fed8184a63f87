//! Names of relations that sessions wait for, each from its own database.

use std::collections::BTreeMap;

use super::Watch;
use crate::pg::{self, Session};
use crate::sample::SampleError;
use crate::sample::relations::{Sample, read as read_names};

/// Databases that are entered in one go: one further connection at a time, closed at once.
const MOST_DATABASES: usize = 5;

/// Reads the names that are wanted; `None` if none is. A database that cannot be entered leaves
/// its relations without names.
pub(super) async fn read(watch: &Watch, session: &Session) -> Result<Option<Sample>, SampleError> {
    let wanted = watch.see(|server| {
        let datnames: BTreeMap<u32, String> =
            server.databases.datnames.iter().map(|(dbid, name)| (*dbid, name.clone())).collect();
        (server.activity.wanted.clone(), datnames)
    });
    let Some((wanted, datnames)) = wanted.filter(|(wanted, _)| !wanted.is_empty()) else {
        return Ok(None);
    };
    let mut by_database: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for (dbid, oid) in wanted {
        by_database.entry(dbid).or_default().push(oid);
    }
    let mut sample = Sample::default();
    for (dbid, oids) in by_database.into_iter().take(MOST_DATABASES) {
        sample.asked.extend(oids.iter().map(|oid| (dbid, *oid)));
        let other = match datnames.get(&dbid) {
            Some(datname) if datname != session.datname() => {
                match pg::connect(&watch.server, datname).await {
                    Ok(other) => Some(other),
                    Err(error) => {
                        tracing::debug!(server = %watch.name, %datname, "no names of relations: {error}");
                        continue;
                    }
                }
            }
            // Relations that all databases share belong to none.
            _ => None,
        };
        let client = other.as_ref().unwrap_or(session).client();
        let names = read_names(client, &oids).await?;
        sample.names.extend(names.into_iter().map(|(oid, name)| ((dbid, oid), name)));
    }
    Ok(Some(sample))
}
