//! Keeping the agent's share of the database's time within its budget.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::sample::Sampler;

/// Weight of the newest run in a sampler's mean cost, for each interval since the run before: about the last ten
/// intervals count. After a stretched one the run before is nearly forgotten: else a server that was slow for a
/// moment would be looked at rarely for hours.
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
    /// When the last run began, since the agent's start.
    at: Duration,
}

impl Budget {
    /// A budget of `limit` cores (0.01 is 1 % of one core).
    #[must_use]
    pub fn new(limit: f64) -> Self {
        Self { limit, samplers: BTreeMap::new() }
    }

    /// Notes that a run which began at `at` (since the agent's start) took this long, for a sampler that runs at this
    /// interval unless stretched.
    pub fn spent(&mut self, sampler: Sampler, interval: Duration, at: Duration, took: Duration) {
        let seconds = took.as_secs_f64();
        let first = Cost { interval, mean_seconds: seconds, at };
        let cost = self.samplers.entry(sampler).or_insert(first);
        let since = at.saturating_sub(cost.at).as_secs_f64();
        let intervals = (since / interval.as_secs_f64().max(1e-3)).max(1.0);
        cost.mean_seconds += (1.0 - (1.0 - NEWEST).powf(intervals)) * (seconds - cost.mean_seconds);
        (cost.interval, cost.at) = (interval, at);
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

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn intervals_are_stretched_by_what_the_demand_exceeds_the_budget() {
        let mut budget = Budget::new(0.01);
        assert!((budget.stretch() - 1.0).abs() < 1e-9);
        budget.spent(Sampler::Statements, SECOND * 10, SECOND, SECOND / 5);
        assert!((budget.demand() - 0.02).abs() < 1e-9);
        assert!((budget.stretch() - 2.0).abs() < 1e-9);
    }

    #[test]
    fn one_slow_run_does_not_stop_sampling_and_is_forgotten_at_the_next() {
        let mut budget = Budget::new(0.01);
        let interval = SECOND * 10;
        budget.spent(Sampler::Statements, interval, SECOND, SECOND * 3_600);
        assert!(budget.stretch() <= 60.0);
        budget.spent(Sampler::Statements, interval, SECOND * 601, SECOND / 125);
        assert!((budget.stretch() - 1.0).abs() < 1e-9);
    }

    #[test]
    fn about_the_last_ten_runs_count_while_intervals_are_kept() {
        let mut budget = Budget::new(0.01);
        let interval = SECOND * 10;
        budget.spent(Sampler::Statements, interval, Duration::ZERO, SECOND);
        let mut demands = Vec::new();
        for run in 1..=20 {
            budget.spent(Sampler::Statements, interval, interval * run, Duration::ZERO);
            demands.push(budget.demand());
        }
        assert!((demands[0] - 0.08).abs() < 1e-9 && demands[9] > 0.01 && demands[19] < 0.002);
    }

    #[test]
    fn a_sampler_that_runs_more_rarely_demands_less() {
        let mut budget = Budget::new(0.01);
        budget.spent(Sampler::Texts, SECOND * 60, SECOND, SECOND * 2);
        budget.spent(Sampler::Texts, SECOND * 120, SECOND * 61, SECOND * 2);
        assert!((budget.demand() - 2.0 / 120.0).abs() < 1e-9);
    }
}
