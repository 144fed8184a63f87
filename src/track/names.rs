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
/// its name under way. But once another database has that name the label is its own, as no two
/// share one. The first `max_databases` get a label of their own; it is free again some
/// time after its database was dropped, so that every scraper sees the last values.
#[derive(Debug)]
pub struct Names {
    max_databases: usize,
    /// The next sample is another server's.
    elsewhere: bool,
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
            elsewhere: false,
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

    /// The next sample is another server's: oids say nothing there, and labels stay with names alone.
    pub fn rebase(&mut self) {
        self.elsewhere = true;
    }

    /// Learns the names in a sample.
    pub fn learn(&mut self, sample: &Sample, at: Duration) {
        for database in &sample.databases {
            if let Some(known) = self.databases.get_mut(&database.dbid) {
                known.seen = at;
            }
        }
        self.pass_on(sample, at);
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

    /// Gives labels to the databases that have these names now, where others held them.
    fn pass_on(&mut self, sample: &Sample, at: Duration) {
        let elsewhere = std::mem::take(&mut self.elsewhere);
        let databases = sample.databases.iter();
        let named: HashMap<&str, u32> = databases.map(|d| (d.datname.as_str(), d.dbid)).collect();
        let passed: Vec<Arc<str>> = self
            .databases
            .extract_if(|dbid, known| {
                named.get(&*known.label).map_or(elsewhere, |of_that_name| of_that_name != dbid)
            })
            .map(|(_, known)| known.label)
            .collect();
        for label in passed {
            if let Some(dbid) = named.get(&*label) {
                self.databases.insert(*dbid, Database { label, seen: at });
            }
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

    fn labels<const N: usize>(names: &Names, databases: [u32; N]) -> [String; N] {
        databases.map(|dbid| names.datname(dbid).to_string())
    }

    #[test]
    fn a_label_goes_to_the_database_that_has_its_name_now() {
        let mut names = Names::new(2);
        names.learn(&sample(&[(5, "erp"), (6, "erp_new")]), Duration::ZERO);
        names.learn(&sample(&[(5, "erp_old"), (6, "erp")]), Duration::ZERO);
        assert_eq!(labels(&names, [5, 6]), ["erp_old", "erp"]);
        names.learn(&sample(&[(5, "erp"), (6, "erp_old")]), Duration::ZERO);
        assert_eq!(labels(&names, [5, 6]), ["erp", "erp_old"], "they have swapped");
        names.learn(&sample(&[(6, "erp_old"), (7, "erp")]), Duration::ZERO);
        assert_eq!(labels(&names, [5, 6, 7]), ["other", "erp_old", "erp"], "dropped and made anew");
        names.learn(&sample(&[(6, "erp_old"), (7, "erp_older"), (8, "erp")]), Duration::ZERO);
        assert_eq!(labels(&names, [6, 7, 8]), ["erp_old", "other", "erp"], "there is no room");
    }

    #[test]
    fn on_another_server_labels_stay_with_names_and_not_with_oids() {
        let mut names = Names::new(2);
        names.learn(&sample(&[(5, "erp"), (6, "test")]), Duration::ZERO);
        names.rebase();
        let there = sample(&[(4, "a"), (5, "test"), (6, "crm"), (7, "erp")]);
        names.learn(&there, Duration::from_secs(1_000));
        assert_eq!(labels(&names, [4, 5, 6, 7]), ["other", "test", "other", "erp"]);
        names.rebase();
        names.learn(&sample(&[(7, "crm")]), Duration::from_secs(1_000));
        names.learn(&sample(&[(7, "renamed")]), Duration::from_secs(1_000));
        assert_eq!(labels(&names, [5, 7]), ["unknown", "crm"], "it was called so at first sight");
    }
}
