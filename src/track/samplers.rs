//! How the samplers of one server are doing.

use std::collections::BTreeMap;
use std::time::Duration;

use super::histogram::{Histogram, WORK_SECONDS};
use crate::sample::{Moment, Outcome, Sampler};

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
    /// Notes a run: its end, its time, and why it failed.
    pub fn ran(
        &mut self,
        at: Moment,
        sampler: Sampler,
        took: Duration,
        outcome: Outcome,
        failure: Option<String>,
    ) {
        let record = self.records.entry(sampler).or_default();
        *record.runs.entry(outcome).or_default() += 1;
        record.durations.observe(took);
        record.own_database_seconds += took.as_secs_f64();
        if outcome == Outcome::Ok {
            record.last_success = Some(at);
        }
        record.failure = failure;
    }
}
