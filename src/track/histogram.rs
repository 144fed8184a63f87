//! A classic Prometheus histogram.

use std::time::Duration;

/// Upper bounds in seconds of the buckets for durations of our own work.
pub const WORK_SECONDS: &[f64] =
    &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];

/// Upper bounds in seconds of the buckets for waits and transactions.
pub const EPISODE_SECONDS: &[f64] =
    &[0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1_800.0, 3_600.0];

/// Upper bounds in seconds of the buckets for calls of integrations.
pub const CALL_SECONDS: &[f64] =
    &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

/// Counts of observations by upper bound.
#[derive(Clone, Debug)]
pub struct Histogram {
    bounds: &'static [f64],
    counts: Vec<u64>,
    above: u64,
    sum_seconds: f64,
}

impl Histogram {
    /// An empty histogram with these upper bounds, ascending, in seconds.
    #[must_use]
    pub fn new(bounds: &'static [f64]) -> Self {
        Self { bounds, counts: vec![0; bounds.len()], above: 0, sum_seconds: 0.0 }
    }

    /// The histogram of these observations: seconds and how many, with their true sum.
    #[must_use]
    pub fn of(
        bounds: &'static [f64],
        observations: impl Iterator<Item = (f64, u64)>,
        sum: Duration,
    ) -> Self {
        let mut histogram = Self { sum_seconds: sum.as_secs_f64(), ..Self::new(bounds) };
        for (seconds, count) in observations {
            *histogram.bucket(seconds) += count;
        }
        histogram
    }

    /// Counts one observation.
    pub fn observe(&mut self, took: Duration) {
        let seconds = took.as_secs_f64();
        self.sum_seconds += seconds;
        *self.bucket(seconds) += 1;
    }

    fn bucket(&mut self, seconds: f64) -> &mut u64 {
        let bucket = self.bounds.partition_point(|bound| *bound < seconds);
        self.counts.get_mut(bucket).unwrap_or(&mut self.above)
    }

    /// `(upper bound, observations at or below it)`, ascending.
    pub fn cumulative(&self) -> impl Iterator<Item = (f64, u64)> + '_ {
        self.bounds.iter().zip(&self.counts).scan(0, |sum, (bound, count)| {
            *sum += count;
            Some((*bound, *sum))
        })
    }

    /// All observations.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().sum::<u64>() + self.above
    }

    /// Sum of all observations in seconds.
    #[must_use]
    pub fn sum_seconds(&self) -> f64 {
        self.sum_seconds
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_observation_counts_in_every_bucket_at_or_above_it() {
        let mut histogram = Histogram::new(&[0.1, 1.0]);
        for ms in [100, 101, 1_000, 5_000] {
            histogram.observe(Duration::from_millis(ms));
        }
        assert_eq!(histogram.cumulative().collect::<Vec<_>>(), [(0.1, 1), (1.0, 3)]);
        assert_eq!(histogram.count(), 4);
        assert!((histogram.sum_seconds() - 6.201).abs() < 1e-9);
    }
}
