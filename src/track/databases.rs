//! pg_stat_database as counters that only grow.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::SystemTime;

use super::cumulative::Cumulative;
use super::names::Names;
use crate::sample::database::{Counters, Sample};

/// What is known of one label `datname`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Database {
    /// Growth since the agent first saw it.
    pub counters: Counters,
    /// Sessions now.
    pub connections: u32,
    /// Connections allowed by `datconnlimit`.
    pub connection_limit: Option<u32>,
    /// Statistics resets seen.
    pub resets: u64,
}

/// The databases of one server, by label.
#[derive(Debug, Default)]
pub struct Databases {
    begun: bool,
    last: HashMap<u32, (Option<SystemTime>, Counters)>,
    shown: BTreeMap<Arc<str>, Database>,
}

impl Databases {
    /// Folds one sample in. `names` must have learnt from it.
    pub fn apply(&mut self, sample: &Sample, names: &Names) {
        for database in self.shown.values_mut() {
            database.connections = 0;
        }
        let mut last = HashMap::with_capacity(sample.databases.len());
        for seen in &sample.databases {
            let shown = self.shown.entry(names.datname(seen.dbid)).or_default();
            shown.connections += seen.connections;
            shown.connection_limit = seen.connection_limit;
            let from = match self.last.get(&seen.dbid) {
                Some((reset, before)) => {
                    let restarted = *reset != seen.stats_reset || !before.at_most(&seen.counters);
                    // Before PostgreSQL 15 the first activity in a database sets its reset time.
                    shown.resets += u64::from(restarted && *before != Counters::default());
                    if restarted { Counters::default() } else { *before }
                }
                // A database made since the last sample counts from zero.
                None if self.begun => Counters::default(),
                None => seen.counters,
            };
            shown.counters.add(&seen.counters.since(&from));
            last.insert(seen.dbid, (seen.stats_reset, seen.counters));
        }
        self.last = last;
        self.begun = true;
    }

    /// By label `datname`.
    #[must_use]
    pub fn shown(&self) -> &BTreeMap<Arc<str>, Database> {
        &self.shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::database::{Database as Seen, Server};

    fn sample(databases: &[(u32, &str, Option<u64>, u64)]) -> Sample {
        Sample {
            server: Server {
                version: "15.18".into(),
                version_num: 150_018,
                start_time: SystemTime::UNIX_EPOCH,
                in_recovery: false,
                max_connections: 100,
                reserved_connections: 3,
                statements_max: 5_000,
                connections: 1,
            },
            databases: databases
                .iter()
                .map(|&(dbid, name, reset, commits)| Seen {
                    dbid,
                    datname: name.into(),
                    stats_reset: reset
                        .map(|s| SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(s)),
                    connection_limit: None,
                    connections: 2,
                    counters: Counters { commits, ..Counters::default() },
                })
                .collect(),
            roles: vec![],
        }
    }

    fn fold(samples: &[Sample], max: usize) -> Databases {
        let (mut names, mut databases) = (Names::new(max), Databases::default());
        for sample in samples {
            names.learn(sample);
            databases.apply(sample, &names);
        }
        databases
    }

    #[test]
    fn the_first_sample_is_the_base_and_growth_is_counted() {
        let databases =
            fold(&[sample(&[(5, "erp", None, 100)]), sample(&[(5, "erp", None, 130)])], 9);
        assert_eq!(databases.shown()["erp"].counters.commits, 30);
    }

    #[test]
    fn a_reset_is_counted_and_what_came_after_it_is_kept() {
        let databases = fold(
            &[
                sample(&[(5, "erp", Some(1), 100)]),
                sample(&[(5, "erp", Some(2), 130)]),
                sample(&[(5, "erp", Some(2), 7)]),
            ],
            9,
        );
        assert_eq!(databases.shown()["erp"].counters.commits, 137);
        assert_eq!(databases.shown()["erp"].resets, 2);
    }

    #[test]
    fn databases_over_the_limit_are_summed_in_other() {
        let at = |n| sample(&[(5, "a", None, n), (6, "b", None, n), (7, "c", None, n)]);
        let databases = fold(&[at(0), at(10)], 1);
        assert_eq!(databases.shown()["a"].counters.commits, 10);
        assert_eq!(databases.shown()["other"].counters.commits, 20);
        assert_eq!(databases.shown()["other"].connections, 4);
    }
}
