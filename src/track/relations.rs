//! Names of relations that somebody waited for.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::sample::relations::{RelationKey, Sample};

/// A name is asked for again after this time: tables are renamed, and oids used again.
const STALE: Duration = Duration::from_secs(3_600);
/// Names that are kept.
const MOST: usize = 10_000;

/// The names of one server's relations, each asked for when somebody waits for it.
#[derive(Debug, Default)]
pub struct Relations {
    known: BTreeMap<RelationKey, Known>,
    wanted: BTreeSet<RelationKey>,
}

#[derive(Debug)]
struct Known {
    /// Schema and name; `None` if there was no such relation.
    name: Option<(String, String)>,
    at: Duration,
}

impl Relations {
    /// Somebody waits for this one.
    pub fn want(&mut self, key: RelationKey, at: Duration) {
        let is_fresh =
            self.known.get(&key).is_some_and(|known| at.saturating_sub(known.at) < STALE);
        // Shared catalogs belong to no database: every database can tell their names.
        if !is_fresh && self.wanted.len() < MOST {
            self.wanted.insert(key);
        }
    }

    /// Learns the answer to a request.
    pub fn learn(&mut self, sample: &Sample, at: Duration) {
        if self.known.len() >= MOST {
            self.known.clear();
        }
        for key in &sample.asked {
            self.wanted.remove(key);
            self.known.insert(*key, Known { name: sample.names.get(key).cloned(), at });
        }
    }

    /// Schema and name.
    #[must_use]
    pub fn name(&self, key: RelationKey) -> Option<(&str, &str)> {
        let (schema, name) = self.known.get(&key)?.name.as_ref()?;
        Some((schema, name))
    }

    /// Those whose names should be asked for.
    #[must_use]
    pub fn wanted(&self) -> Vec<RelationKey> {
        self.wanted.iter().copied().collect()
    }
}
