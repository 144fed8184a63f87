//! Names behind oids, as label values from a bounded set.

use std::collections::HashMap;
use std::sync::Arc;

use crate::sample::database::Sample;

/// The label value of everything that is not shown singly.
pub const OTHER: &str = "other";

/// The label value of an oid whose name is not known (dropped, or not seen yet).
pub const UNKNOWN: &str = "unknown";

/// Database and role names of one server.
///
/// A database keeps the label it was first given, also when it is renamed or dropped: a series
/// must not change its name under way. The first `max_databases` get a label of their own.
#[derive(Debug)]
pub struct Names {
    max_databases: usize,
    databases: HashMap<u32, Arc<str>>,
    roles: HashMap<u32, Arc<str>>,
    other: Arc<str>,
    unknown: Arc<str>,
}

impl Names {
    /// No names yet.
    #[must_use]
    pub fn new(max_databases: usize) -> Self {
        Self {
            max_databases,
            databases: HashMap::new(),
            roles: HashMap::new(),
            other: OTHER.into(),
            unknown: UNKNOWN.into(),
        }
    }

    /// Another limit from now on; databases that have a label keep it.
    pub fn limit(&mut self, max_databases: usize) {
        self.max_databases = max_databases;
    }

    /// Learns the names in a sample.
    pub fn learn(&mut self, sample: &Sample) {
        for database in &sample.databases {
            let full = self.databases.len() >= self.max_databases;
            if !full {
                self.databases
                    .entry(database.dbid)
                    .or_insert_with(|| database.datname.as_str().into());
            }
        }
        for (oid, name) in &sample.roles {
            if self.roles.get(oid).is_none_or(|known| **known != **name) {
                self.roles.insert(*oid, name.as_str().into());
            }
        }
        if self.roles.len() > sample.roles.len() {
            let live: std::collections::HashSet<u32> =
                sample.roles.iter().map(|(oid, _)| *oid).collect();
            self.roles.retain(|oid, _| live.contains(oid));
        }
    }

    /// The label of a database.
    #[must_use]
    pub fn datname(&self, dbid: u32) -> Arc<str> {
        match self.databases.get(&dbid) {
            Some(name) => Arc::clone(name),
            None if self.databases.len() >= self.max_databases => Arc::clone(&self.other),
            None => Arc::clone(&self.unknown),
        }
    }

    /// Whether a database has a label of its own.
    #[must_use]
    pub fn is_single(&self, dbid: u32) -> bool {
        self.databases.contains_key(&dbid)
    }

    /// The label of a role.
    #[must_use]
    pub fn usename(&self, userid: u32) -> Arc<str> {
        self.roles.get(&userid).unwrap_or(&self.unknown).clone()
    }

    /// Both labels, if both names are known and the database is shown singly.
    #[must_use]
    pub fn both(&self, dbid: u32, userid: u32) -> Option<(Arc<str>, Arc<str>)> {
        Some((Arc::clone(self.databases.get(&dbid)?), Arc::clone(self.roles.get(&userid)?)))
    }
}
