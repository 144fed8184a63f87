//! Queues that the profiles of ERPs name, as they were last seen.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::names::Names;
use crate::erp::Erps;
use crate::sample::Moment;
use crate::sample::queues::{MOST, Reading, Sample};

/// By label `datname`, of those that were looked into.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct View {
    /// Those with a label of their own.
    pub databases: BTreeMap<Arc<str>, Database>,
    /// Times that one could not be entered.
    pub skipped: u64,
}

/// One database.
#[derive(Clone, Debug, PartialEq)]
pub struct Database {
    /// When it was looked into.
    pub at: Moment,
    /// Its queues.
    pub queues: Vec<Queue>,
    /// Queues that are there and could not be read, and why.
    pub unread: Vec<(Arc<str>, &'static str)>,
}

/// One queue.
#[derive(Clone, Debug, PartialEq)]
pub struct Queue {
    /// What was counted.
    pub now: Reading,
    /// The business module of its table.
    pub module: Arc<str>,
    /// Rows that were inserted since it was first seen: never goes back. Those of transactions that
    /// were rolled back count, too.
    pub arrived: u64,
}

impl Queue {
    /// Whether more rows wait than are counted.
    #[must_use]
    pub const fn is_longer(&self) -> bool {
        self.now.waiting >= MOST
    }
}

/// The queues of one server.
#[derive(Debug, Default)]
pub struct Queues {
    view: View,
    arrivals: BTreeMap<Arc<str>, BTreeMap<Arc<str>, Arrivals>>,
}

/// What the server last said of a queue's table, and what that makes together.
#[derive(Debug, Default)]
struct Arrivals {
    /// Its database, schema and name.
    table: (u32, String, String),
    /// `None`: the next look is only a base.
    inserted: Option<u64>,
    arrived: u64,
}

impl Arrivals {
    /// Another table of that name is another count; less than before means that statistics were reset.
    fn learn(&mut self, dbid: u32, now: &Reading) -> u64 {
        let table = (dbid, now.schema.clone(), now.table.clone());
        let before = self.inserted.replace(now.inserted).filter(|_| self.table == table);
        if let Some(before) = before {
            let grown = now.inserted.checked_sub(before).unwrap_or(now.inserted);
            self.arrived = self.arrived.saturating_add(grown);
        }
        self.table = table;
        self.arrived
    }
}

impl Queues {
    /// The next look at each queue is only a base: the server is another one.
    pub fn rebase(&mut self) {
        for arrivals in self.arrivals.values_mut().flat_map(BTreeMap::values_mut) {
            arrivals.inserted = None;
        }
    }

    /// Folds a sample in. Databases without a label of their own are left out.
    pub fn apply(&mut self, at: Moment, sample: Sample, names: &Names, erps: &Erps) -> View {
        self.view.skipped += sample.skipped;
        for read in sample.databases.into_iter().filter(|read| names.is_single(read.dbid)) {
            let datname = names.datname(read.dbid);
            let erp = erps.of(&datname);
            let known = self.arrivals.entry(Arc::clone(&datname)).or_default();
            let queues = read.queues.into_iter();
            let queues = queues.map(|now| {
                let arrivals = known.entry(Arc::clone(&now.name)).or_default();
                let arrived = arrivals.learn(read.dbid, &now);
                Queue { module: erp.module(&now.table), now, arrived }
            });
            let database = Database { at, queues: queues.collect(), unread: read.unread };
            self.view.databases.insert(datname, database);
        }
        let labels = names.labels();
        self.view.databases.retain(|datname, _| labels.contains(&**datname));
        self.arrivals.retain(|datname, _| labels.contains(&**datname));
        self.view.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::sample::queues::Database as Read;
    use crate::track::names::tests::sample;

    fn named(dbid: u32) -> Names {
        let mut names = Names::new(5);
        names.learn(&sample(&[(dbid, "erp")]), Duration::ZERO);
        names
    }

    fn reading() -> Reading {
        Reading {
            name: "jobs".into(),
            schema: "public".into(),
            table: "job_queue".into(),
            waiting: MOST,
            oldest_seconds: Some(5.0),
            tries: None,
            running: None,
            longest_seconds: None,
            failed: None,
            inserted: 9,
        }
    }

    const AT: Moment = Moment { wall: SystemTime::UNIX_EPOCH, elapsed: Duration::ZERO };

    #[test]
    fn what_arrives_is_counted_over_resets_and_other_tables_and_never_goes_back() {
        let (mut queues, erps) = (Queues::default(), Erps::default());
        let mut arrived = |table: &str, inserted| {
            let now = Reading { table: table.to_owned(), inserted, ..reading() };
            let read = Read { dbid: 1, queues: vec![now], unread: Vec::new() };
            let sample = Sample { databases: vec![read], skipped: 0 };
            queues.apply(AT, sample, &named(1), &erps).databases["erp"].queues[0].arrived
        };
        assert_eq!((arrived("job_queue", 900), arrived("job_queue", 950)), (0, 50));
        assert_eq!(arrived("job_queue", 7), 57, "statistics were reset");
        assert_eq!((arrived("job_queue_v2", 5_000), arrived("job_queue_v2", 5_001)), (57, 58));
    }

    #[test]
    fn what_another_server_or_database_says_first_is_only_a_base() {
        let (mut queues, erps) = (Queues::default(), Erps::default());
        let look = |queues: &mut Queues, dbid, inserted| {
            let now = Reading { inserted, ..reading() };
            let read = Read { dbid, queues: vec![now], unread: Vec::new() };
            let sample = Sample { databases: vec![read], skipped: 0 };
            queues.apply(AT, sample, &named(dbid), &erps).databases["erp"].queues[0].arrived
        };
        assert_eq!([900, 950].map(|inserted| look(&mut queues, 1, inserted)), [0, 50]);
        let both = [5_000, 5_001].map(|inserted| look(&mut queues, 2, inserted));
        assert_eq!(both, [50, 51], "another database has the name");
        queues.rebase();
        let both = [70_000, 70_002].map(|inserted| look(&mut queues, 2, inserted));
        assert_eq!(both, [51, 53], "another server has the same oids");
    }

    #[test]
    fn a_queue_has_the_module_of_its_table_and_goes_with_its_database() {
        let read = |dbid| Read { dbid, queues: vec![reading()], unread: Vec::new() };
        let sample = Sample { databases: vec![read(1), read(2)], skipped: 3 };
        let (mut queues, erps) = (Queues::default(), Erps::default());
        let view = queues.apply(AT, sample, &named(1), &erps);
        let erp = &view.databases["erp"].queues[0];
        assert_eq!((view.databases.len(), &*erp.module, erp.is_longer()), (1, "jobs", true));
        let view = queues.apply(AT, Sample::default(), &Names::new(5), &erps);
        assert!(view.databases.is_empty() && view.skipped == 3);
    }
}
