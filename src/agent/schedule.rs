//! When each sampler of one server is due.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::sample::Sampler;

/// Times are since the agent's start.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    due: BTreeMap<Sampler, Duration>,
}

impl Schedule {
    /// The sampler is due at `at`, whatever was planned before.
    pub(super) fn plan(&mut self, sampler: Sampler, at: Duration) {
        self.due.insert(sampler, at);
    }

    /// The sampler that is due first, and when. At the same time: in the order of
    /// [`Sampler::ALL`], since names must be known before they are used.
    pub(super) fn first(&self) -> Option<(Sampler, Duration)> {
        self.due.iter().map(|(sampler, at)| (*sampler, *at)).min_by_key(|(s, at)| (*at, *s))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_due_first_runs_first_and_names_come_before_counters() {
        let mut schedule = Schedule::default();
        schedule.plan(Sampler::Statements, Duration::from_secs(5));
        schedule.plan(Sampler::Database, Duration::from_secs(5));
        assert_eq!(schedule.first(), Some((Sampler::Database, Duration::from_secs(5))));
        schedule.plan(Sampler::Database, Duration::from_secs(20));
        assert_eq!(schedule.first(), Some((Sampler::Statements, Duration::from_secs(5))));
    }
}
