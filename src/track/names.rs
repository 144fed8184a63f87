//! Names behind oids, as label values from a bounded set.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use super::statements::LINGER;
use crate::sample::database::Sample;

/// The label value of everything that is not shown singly.
pub const OTHER: &str = "other";

/// The label value of an oid whose name is not known (dropped, or not seen yet).
pub const UNKNOWN: &str = "unknown";

/// Database and role names of one server.
///
/// A database keeps the label it was first given, also when it is renamed: a series must not change
/// its name under way. The first `max_databases` get a label of their own; it is free again some
/// time after its database was dropped, so that every scraper sees the last values.
#[derive(Debug)]
pub struct Names {
    max_databases: usize,
    databases: HashMap<u32, Database>,
    roles: HashMap<u32, Arc<str>>,
    other: Arc<str>,
    unknown: Arc<str>,
}

#[derive(Debug)]
struct Database {
    label: Arc<str>,
    seen: Duration,
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
    pub fn learn(&mut self, sample: &Sample, at: Duration) {
        for database in &sample.databases {
            if let Some(known) = self.databases.get_mut(&database.dbid) {
                known.seen = at;
            }
        }
        self.databases.retain(|_, known| at.saturating_sub(known.seen) < LINGER);
        for database in &sample.databases {
            if self.databases.len() >= self.max_databases {
                break;
            }
            self.databases
                .entry(database.dbid)
                .or_insert_with(|| Database { label: database.datname.as_str().into(), seen: at });
        }
        for (oid, name) in &sample.roles {
            if self.roles.get(oid).is_none_or(|known| **known != **name) {
                self.roles.insert(*oid, name.as_str().into());
            }
        }
        if self.roles.len() > sample.roles.len() {
            let live: HashSet<u32> = sample.roles.iter().map(|(oid, _)| *oid).collect();
            self.roles.retain(|oid, _| live.contains(oid));
        }
    }

    /// The label of a database.
    #[must_use]
    pub fn datname(&self, dbid: u32) -> Arc<str> {
        match self.databases.get(&dbid) {
            Some(known) => Arc::clone(&known.label),
            None if self.databases.len() >= self.max_databases => Arc::clone(&self.other),
            None => Arc::clone(&self.unknown),
        }
    }

    /// Whether a database has a label of its own.
    #[must_use]
    pub fn is_single(&self, dbid: u32) -> bool {
        self.databases.contains_key(&dbid)
    }

    /// Every label that a database can have now.
    #[must_use]
    pub fn labels(&self) -> HashSet<&str> {
        self.databases.values().map(|known| &*known.label).chain([OTHER, UNKNOWN]).collect()
    }

    /// The label of a role.
    #[must_use]
    pub fn usename(&self, userid: u32) -> Arc<str> {
        self.roles.get(&userid).unwrap_or(&self.unknown).clone()
    }

    /// Both labels, if both names are known and the database is shown singly.
    #[must_use]
    pub fn both(&self, dbid: u32, userid: u32) -> Option<(Arc<str>, Arc<str>)> {
        Some((Arc::clone(&self.databases.get(&dbid)?.label), Arc::clone(self.roles.get(&userid)?)))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::sample::database::{Counters, Database as Row, Server};

    /// A sample with these databases.
    pub(in crate::track) fn sample(databases: &[(u32, &str)]) -> Sample {
        let row = |&(dbid, datname): &(u32, &str)| Row {
            dbid,
            datname: datname.into(),
            stats_reset: None,
            connection_limit: None,
            connections: 0,
            counters: Counters::default(),
        };
        Sample {
            read_at: SystemTime::UNIX_EPOCH,
            server: Server {
                version: String::new(),
                version_num: 150_000,
                start_time: SystemTime::UNIX_EPOCH,
                in_recovery: false,
                max_connections: 1,
                role: "erpscope".into(),
                reserved_connections: 0,
                statements_max: 0,
                connections: 0,
            },
            databases: databases.iter().map(row).collect(),
            roles: vec![],
            horizon: vec![],
        }
    }

    #[test]
    fn a_label_is_kept_through_a_rename_and_free_again_after_a_drop() {
        let seconds = Duration::from_secs;
        let mut names = Names::new(1);
        names.learn(&sample(&[(5, "erp"), (6, "test")]), seconds(0));
        assert_eq!((&*names.datname(5), &*names.datname(6)), ("erp", "other"));
        names.learn(&sample(&[(5, "renamed"), (6, "test")]), seconds(1_000));
        assert_eq!(&*names.datname(5), "erp");
        names.learn(&sample(&[(6, "test")]), seconds(1_015));
        assert!(names.labels().contains("erp"), "scrapers have not seen its last values");
        names.learn(&sample(&[(6, "test")]), seconds(1_400));
        assert_eq!((&*names.datname(6), names.labels().contains("erp")), ("test", false));
    }
}
