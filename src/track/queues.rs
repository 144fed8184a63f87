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
}

impl Queues {
    /// Folds a sample in. Databases without a label of their own are left out.
    pub fn apply(&mut self, at: Moment, sample: Sample, names: &Names, erps: &Erps) -> View {
        self.view.skipped += sample.skipped;
        for read in sample.databases.into_iter().filter(|read| names.is_single(read.dbid)) {
            let datname = names.datname(read.dbid);
            let erp = erps.of(&datname);
            let queues = read.queues.into_iter();
            let queues = queues.map(|now| Queue { module: erp.module(&now.table), now });
            let database = Database { at, queues: queues.collect(), unread: read.unread };
            self.view.databases.insert(datname, database);
        }
        let labels = names.labels();
        self.view.databases.retain(|datname, _| labels.contains(&**datname));
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

    #[test]
    fn a_queue_has_the_module_of_its_table_and_goes_with_its_database() {
        let reading = Reading {
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
        };
        let read = |dbid| Read { dbid, queues: vec![reading.clone()], unread: Vec::new() };
        let sample = Sample { databases: vec![read(1), read(2)], skipped: 3 };
        let at = Moment { wall: SystemTime::UNIX_EPOCH, elapsed: Duration::ZERO };
        let (mut queues, erps) = (Queues::default(), Erps::default());
        let view = queues.apply(at, sample, &named(1), &erps);
        let erp = &view.databases["erp"].queues[0];
        assert_eq!((view.databases.len(), &*erp.module, erp.is_longer()), (1, "jobs", true));
        let view = queues.apply(at, Sample::default(), &Names::new(5), &erps);
        assert!(view.databases.is_empty() && view.skipped == 3);
    }
}
