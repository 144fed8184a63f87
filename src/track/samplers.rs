//! How the samplers of one server are doing.

use std::collections::BTreeMap;
use std::time::Duration;

use super::histogram::{Histogram, WORK_SECONDS};
use crate::sample::{Moment, Outcome, Sampler};

/// How a run went.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    /// From asking to the last row.
    pub took: Duration,
    /// What of that the database may have spent.
    pub cost: Duration,
    /// How long from its beginning to that of the next run, if that is known.
    pub interval: Option<Duration>,
    /// How it ended.
    pub outcome: Outcome,
}

/// One sampler's record.
#[derive(Clone, Debug)]
pub struct Record {
    /// Runs by how they ended.
    pub runs: BTreeMap<Outcome, u64>,
    /// How long runs took, failed ones too.
    pub durations: Histogram,
    /// When it last returned a sample.
    pub last_success: Option<Moment>,
    /// Seconds that the database spent for it: from asking to the last row, so an upper bound.
    pub own_database_seconds: f64,
    /// How long from the last run's beginning to the next one's, as intervals are stretched now.
    pub interval: Option<Duration>,
    /// The message of the last run, if it failed.
    pub failure: Option<String>,
}

impl Default for Record {
    fn default() -> Self {
        Self {
            runs: BTreeMap::new(),
            durations: Histogram::new(WORK_SECONDS),
            last_success: None,
            own_database_seconds: 0.0,
            interval: None,
            failure: None,
        }
    }
}

/// All samplers of one server.
#[derive(Clone, Debug, Default)]
pub struct Samplers {
    /// The records; a sampler that never ran has none.
    pub records: BTreeMap<Sampler, Record>,
}

impl Samplers {
    /// Notes a run: when, how it went, and why it failed.
    pub fn ran(&mut self, at: Moment, sampler: Sampler, run: Run, failure: Option<String>) {
        let record = self.records.entry(sampler).or_default();
        *record.runs.entry(run.outcome).or_default() += 1;
        record.durations.observe(run.took);
        record.own_database_seconds += run.cost.as_secs_f64();
        record.interval = run.interval.or(record.interval);
        if run.outcome == Outcome::Ok {
            record.last_success = Some(at);
        }
        record.failure = failure;
    }

    /// Notes how long it is now from one run to the next, of samplers that ran.
    pub fn paced(&mut self, intervals: &[(Sampler, Duration)]) {
        for (sampler, interval) in intervals {
            if let Some(record) = self.records.get_mut(sampler) {
                record.interval = Some(*interval);
            }
        }
    }
}
