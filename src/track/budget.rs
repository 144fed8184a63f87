//! Keeping the agent's share of the database's time within its budget.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::sample::Sampler;

/// Weight of the newest run in a sampler's mean cost: about the last ten runs count.
const NEWEST: f64 = 0.2;
/// Intervals are never stretched by more than this: a sample an hour late is no sample.
const MAX_STRETCH: f64 = 60.0;

/// What sampling one server costs, and how far intervals must be stretched to afford it.
///
/// The demand is the sum over the samplers of mean cost divided by interval, in cores;
/// when it is above the budget, every interval is multiplied by demand / budget.
#[derive(Clone, Debug)]
pub struct Budget {
    limit: f64,
    samplers: BTreeMap<Sampler, Cost>,
}

#[derive(Clone, Debug)]
struct Cost {
    interval: Duration,
    mean_seconds: f64,
}

impl Budget {
    /// A budget of `limit` cores (0.01 is 1 % of one core).
    #[must_use]
    pub fn new(limit: f64) -> Self {
        Self { limit, samplers: BTreeMap::new() }
    }

    /// Notes that a run took this long, for a sampler that runs at this interval unless stretched.
    pub fn spent(&mut self, sampler: Sampler, interval: Duration, took: Duration) {
        let seconds = took.as_secs_f64();
        let cost = self.samplers.entry(sampler).or_insert(Cost { interval, mean_seconds: seconds });
        cost.interval = interval;
        cost.mean_seconds += NEWEST * (seconds - cost.mean_seconds);
    }

    /// Notes that a sampler has nothing to ask for: what it cost before is no demand.
    pub fn rests(&mut self, sampler: Sampler) {
        self.samplers.remove(&sampler);
    }

    /// The budget in cores.
    #[must_use]
    pub fn limit(&self) -> f64 {
        self.limit
    }

    /// What sampling would cost without stretching, in cores.
    #[must_use]
    pub fn demand(&self) -> f64 {
        self.samplers.values().map(|c| c.mean_seconds / c.interval.as_secs_f64().max(1e-3)).sum()
    }

    /// Factor on every interval, from 1 to 60.
    #[must_use]
    pub fn stretch(&self) -> f64 {
        (self.demand() / self.limit.max(f64::MIN_POSITIVE)).clamp(1.0, MAX_STRETCH)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_stretched_by_what_the_demand_exceeds_the_budget() {
        let mut budget = Budget::new(0.01);
        assert!((budget.stretch() - 1.0).abs() < 1e-9);
        budget.spent(Sampler::Statements, Duration::from_secs(10), Duration::from_millis(200));
        assert!((budget.demand() - 0.02).abs() < 1e-9);
        assert!((budget.stretch() - 2.0).abs() < 1e-9);
    }

    #[test]
    fn one_slow_run_does_not_stop_sampling_and_is_forgotten() {
        let mut budget = Budget::new(0.01);
        let interval = Duration::from_secs(10);
        budget.spent(Sampler::Statements, interval, Duration::from_secs(3_600));
        assert!(budget.stretch() <= 60.0);
        for _ in 0..60 {
            budget.spent(Sampler::Statements, interval, Duration::from_millis(8));
        }
        assert!((budget.stretch() - 1.0).abs() < 1e-9);
    }

    #[test]
    fn a_sampler_that_runs_more_rarely_demands_less() {
        let mut budget = Budget::new(0.01);
        budget.spent(Sampler::Texts, Duration::from_secs(60), Duration::from_secs(2));
        budget.spent(Sampler::Texts, Duration::from_secs(120), Duration::from_secs(2));
        assert!((budget.demand() - 2.0 / 120.0).abs() < 1e-9);
    }
}
