//! How durations are distributed: an HDR histogram inside, classic buckets outside.

use std::time::Duration;

use hdrhistogram::Histogram as Hdr;

use super::histogram::Histogram;

/// The longest that is told apart.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 3_600);

/// Durations to 1 % or 0.1 ms.
#[derive(Clone, Debug)]
pub struct Distribution {
    /// In steps of 0.1 ms. None if it could not be made, which its fixed bounds rule out.
    hdr: Option<Hdr<u32>>,
    sum: Duration,
}

impl Default for Distribution {
    fn default() -> Self {
        Self { hdr: Hdr::new_with_bounds(1, steps(LONGEST), 2).ok(), sum: Duration::ZERO }
    }
}

impl Distribution {
    /// Counts one.
    pub fn observe(&mut self, duration: Duration) {
        self.sum += duration;
        if let Some(hdr) = &mut self.hdr {
            hdr.saturating_record(steps(duration));
        }
    }

    /// As classic buckets with these upper bounds, in seconds.
    #[must_use]
    pub fn buckets(&self, bounds: &'static [f64]) -> Histogram {
        let recorded = self.hdr.iter().flat_map(Hdr::iter_recorded);
        let values = recorded.map(|value| {
            // An observation counts as the middle of its step.
            let middle = value.value_iterated_to() as f64 * (1.0 - 0.5 / 128.0);
            (middle * 1e-4, u64::from(value.count_at_value()))
        });
        Histogram::of(bounds, values, self.sum)
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.hdr.as_ref().map_or(0, Hdr::len)
    }

    /// These and those of another.
    #[must_use]
    pub fn with(&self, other: &Self) -> Self {
        let mut both = self.clone();
        both.sum += other.sum;
        if let (Some(ours), Some(theirs)) = (&mut both.hdr, &other.hdr) {
            // Both have the same bounds.
            let _added = ours.add(theirs);
        }
        both
    }

    /// The duration that this share of all is at or below; zero when there is none.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Duration {
        let steps = self.hdr.as_ref().map_or(0, |hdr| hdr.value_at_quantile(share));
        Duration::from_micros(steps * 100)
    }
}

fn steps(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros() / 100).unwrap_or(u64::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_sum_and_quantiles_are_those_of_what_was_observed() {
        let mut distribution = Distribution::default();
        for ms in [40, 90, 400, 2_000, 40_000] {
            distribution.observe(Duration::from_millis(ms));
        }
        let buckets = distribution.buckets(&[0.05, 0.1, 1.0, 10.0]);
        let counts: Vec<u64> = buckets.cumulative().map(|(_, count)| count).collect();
        assert_eq!((counts, buckets.count()), (vec![1, 2, 3, 4], 5));
        assert!((buckets.sum_seconds() - 42.53).abs() < 1e-9);
        let median = distribution.quantile(0.5).as_secs_f64();
        assert!((median - 0.4).abs() < 0.005, "{median}");
    }
}
