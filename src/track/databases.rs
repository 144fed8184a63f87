//! pg_stat_database as counters that only grow.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::SystemTime;

use super::cumulative::Cumulative;
use super::names::Names;
use crate::sample::database::{ConnectionLimit, Counters, Sample};

/// What is known of one label `datname`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Database {
    /// Growth since the agent first saw it.
    pub counters: Counters,
    /// Sessions now, workers too.
    pub connections: u32,
    /// Connections allowed by `datconnlimit`, and those that count toward it.
    pub connection_limit: Option<ConnectionLimit>,
    /// Statistics resets seen, and fail-overs to another server's statistics.
    pub resets: u64,
    /// When its statistics, or those of one of its tables, were last reset, by the server's clock; `None` if never.
    pub stats_reset: Option<SystemTime>,
}

/// The databases of one server, by label.
#[derive(Debug, Default)]
pub struct Databases {
    last_server: Option<Seen>,
    last: HashMap<u32, Counters>,
    shown: BTreeMap<Arc<str>, Database>,
}

/// When a server had started, and when that was read, both by its own clock.
#[derive(Clone, Copy, Debug)]
struct Seen {
    start_time: SystemTime,
    read_at: SystemTime,
}

impl Databases {
    /// Whether a sample is another server's than the one before (a fail-over).
    #[must_use]
    pub fn is_elsewhere(&self, sample: &Sample) -> bool {
        self.last_server.is_some_and(|last| last.is_another_than(Seen::of(sample)))
    }

    /// Folds one sample in; another server's is only a new base. `names` must have learnt from it.
    pub fn apply(&mut self, sample: &Sample, names: &Names) {
        for database in self.shown.values_mut() {
            database.connections = 0;
            database.connection_limit = None;
            database.stats_reset = None;
        }
        let begun = self.last_server.is_some();
        let elsewhere = self.is_elsewhere(sample);
        let mut last = HashMap::with_capacity(sample.databases.len());
        for seen in &sample.databases {
            let shown = self.shown.entry(names.datname(seen.dbid)).or_default();
            shown.connections += seen.connections;
            shown.stats_reset = shown.stats_reset.max(seen.stats_reset);
            shown.connection_limit = seen.connection_limit.filter(|_| names.is_single(seen.dbid));
            let from = match self.last.get(&seen.dbid) {
                _ if elsewhere => {
                    shown.resets += 1;
                    seen.counters
                }
                // `stats_reset` tells nothing: it also moves when the counters of one table are reset,
                // which those of the database survive.
                Some(before) => {
                    let restarted = !before.at_most(&seen.counters);
                    shown.resets += u64::from(restarted);
                    if restarted { Counters::default() } else { *before }
                }
                // A database made since the last sample counts from zero.
                None if begun => Counters::default(),
                None => seen.counters,
            };
            shown.counters.add(&seen.counters.since(&from));
            last.insert(seen.dbid, seen.counters);
        }
        let labels = names.labels();
        self.shown.retain(|label, _| labels.contains(&**label));
        self.last = last;
        self.last_server = Some(Seen::of(sample));
    }

    /// By label `datname`.
    #[must_use]
    pub fn shown(&self) -> &BTreeMap<Arc<str>, Database> {
        &self.shown
    }
}

impl Seen {
    fn of(sample: &Sample) -> Self {
        Self { start_time: sample.server.start_time, read_at: sample.read_at }
    }

    /// A server that was restarted has started after it was last read.
    fn is_another_than(self, now: Self) -> bool {
        now.start_time != self.start_time && now.start_time <= self.read_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::database::{Database as Row, Server};

    fn sample(databases: &[(u32, &str, Option<u64>, u64)]) -> Sample {
        Sample {
            read_at: SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(100),
            server: Server {
                version: "15.18".into(),
                version_num: 150_018,
                start_time: SystemTime::UNIX_EPOCH,
                in_recovery: false,
                max_connections: 100,
                role: "erpscope".into(),
                reserved_connections: 3,
                statements_max: 5_000,
                connections: 1,
            },
            databases: databases
                .iter()
                .map(|&(dbid, name, reset, commits)| Row {
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
            horizon: vec![],
        }
    }

    fn fold(samples: &[Sample], max: usize) -> Databases {
        let (mut names, mut databases) = (Names::new(max), Databases::default());
        for sample in samples {
            names.learn(sample, std::time::Duration::ZERO);
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
                sample(&[(5, "erp", Some(2), 30)]),
                sample(&[(5, "erp", Some(2), 7)]),
            ],
            9,
        );
        assert_eq!(databases.shown()["erp"].counters.commits, 37);
        assert_eq!(databases.shown()["erp"].resets, 2);
    }

    #[test]
    fn a_reset_of_one_table_makes_nothing_of_the_database_count_again() {
        let databases =
            fold(&[sample(&[(5, "erp", None, 100)]), sample(&[(5, "erp", Some(2), 130)])], 9);
        assert_eq!(databases.shown()["erp"].counters.commits, 30);
        assert_eq!(databases.shown()["erp"].resets, 0);
    }

    #[test]
    fn databases_over_the_limit_are_summed_in_other() {
        let at = |n| sample(&[(5, "a", None, n), (6, "b", None, n), (7, "c", None, n)]);
        let databases = fold(&[at(0), at(10)], 1);
        assert_eq!(databases.shown()["a"].counters.commits, 10);
        assert_eq!(databases.shown()["other"].counters.commits, 20);
        assert_eq!(databases.shown()["other"].connections, 4);
    }

    #[test]
    fn the_counters_of_another_server_are_a_new_base_and_not_growth() {
        let mut standby = sample(&[(5, "erp", Some(9), 80)]);
        // It ran already when the first was last read: it is no restart.
        standby.server.start_time += std::time::Duration::from_secs(50);
        let mut later = standby.clone();
        later.databases[0].counters.commits = 83;
        let first = sample(&[(5, "erp", Some(1), 100)]);
        let databases = fold(&[first, standby, later], 9);
        assert_eq!(databases.shown()["erp"].counters.commits, 3);
        assert_eq!(databases.shown()["erp"].resets, 1);
    }

    #[test]
    fn other_has_no_limit_of_connections_of_its_own() {
        let mut both = sample(&[(5, "a", None, 0), (6, "b", None, 0), (7, "c", None, 0)]);
        both.databases[2].connection_limit = Some(ConnectionLimit { most: 3, used: 1 });
        assert_eq!(fold(&[both.clone()], 1).shown()["other"].connection_limit, None);
        let limit = fold(&[both], 9).shown()["c"].connection_limit;
        assert_eq!(limit, Some(ConnectionLimit { most: 3, used: 1 }));
    }
}
