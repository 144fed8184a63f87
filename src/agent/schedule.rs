//! When each sampler of one server is due.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::sample::Sampler;

/// Times are since the agent's start.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    due: BTreeMap<Sampler, Due>,
}

#[derive(Clone, Copy, Debug)]
struct Due {
    from: Duration,
    interval: Duration,
    longest: Duration,
}

impl Due {
    fn wait(&self, stretch: f64) -> Duration {
        self.interval.mul_f64(stretch).min(self.longest)
    }
}

impl Schedule {
    /// The sampler is due at `at`, whatever was planned before.
    pub(super) fn plan(&mut self, sampler: Sampler, at: Duration) {
        let due = Due { from: at, interval: Duration::ZERO, longest: Duration::ZERO };
        self.due.insert(sampler, due);
    }

    /// The sampler is due when its interval has passed since `from`, as it is stretched by then: who was told to
    /// wait for hours while the server was slow comes sooner when that is over. Never later than after `longest`.
    pub(super) fn plan_after(
        &mut self,
        sampler: Sampler,
        from: Duration,
        interval: Duration,
        longest: Duration,
    ) {
        self.due.insert(sampler, Due { from, interval, longest });
    }

    /// The sampler that is due first, and when, with intervals stretched by this. At the same time: in the order of
    /// [`Sampler::ALL`], since names must be known before they are used.
    pub(super) fn first(&self, stretch: f64) -> Option<(Sampler, Duration)> {
        let due = self.due.iter().map(|(sampler, due)| (*sampler, due.from + due.wait(stretch)));
        due.min_by_key(|(sampler, at)| (*at, *sampler))
    }

    /// How long samplers wait with intervals stretched by this, those aside that have none.
    pub(super) fn waits(&self, stretch: f64) -> Vec<(Sampler, Duration)> {
        let planned = self.due.iter().filter(|(_, due)| !due.interval.is_zero());
        planned.map(|(sampler, due)| (*sampler, due.wait(stretch))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn who_is_due_first_runs_first_and_names_come_before_counters() {
        let mut schedule = Schedule::default();
        schedule.plan(Sampler::Statements, SECOND * 5);
        schedule.plan(Sampler::Database, SECOND * 5);
        assert_eq!(schedule.first(1.0), Some((Sampler::Database, SECOND * 5)));
        schedule.plan(Sampler::Database, SECOND * 20);
        assert_eq!(schedule.first(1.0), Some((Sampler::Statements, SECOND * 5)));
    }

    #[test]
    fn a_stretched_wait_ends_with_what_stretched_it() {
        let mut schedule = Schedule::default();
        schedule.plan_after(Sampler::Usage, SECOND * 5, SECOND * 300, SECOND * 86_400);
        assert_eq!(schedule.first(40.0), Some((Sampler::Usage, SECOND * 12_005)));
        assert_eq!(schedule.first(1.0), Some((Sampler::Usage, SECOND * 305)));
        schedule.plan_after(Sampler::Usage, SECOND * 5, SECOND * 300, SECOND * 3_600);
        schedule.plan(Sampler::Texts, SECOND);
        assert_eq!(schedule.waits(40.0), [(Sampler::Usage, SECOND * 3_600)]);
    }
}
