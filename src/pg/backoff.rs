//! Waiting before the next try.

use std::time::Duration;

/// Exponential, capped, with full jitter: agents which lost the same server do not come back at
/// once. (Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.)
#[derive(Debug)]
pub struct Backoff {
    initial: Duration,
    cap: Duration,
    ceiling: Duration,
    random: fastrand::Rng,
}

impl Backoff {
    /// The first wait is up to `initial`, each later one up to twice as long, never over `cap`.
    #[must_use]
    pub fn new(initial: Duration, cap: Duration) -> Self {
        Self { initial, cap, ceiling: initial, random: fastrand::Rng::new() }
    }

    /// The next wait: from half its ceiling to its ceiling.
    pub fn next_wait(&mut self) -> Duration {
        let ceiling = self.ceiling;
        self.ceiling = (ceiling * 2).min(self.cap);
        ceiling.mul_f64(0.5 + self.random.f64() / 2.0)
    }

    /// A try has succeeded.
    pub fn reset(&mut self) {
        self.ceiling = self.initial;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_the_cap_and_begin_anew_after_success() {
        let (initial, cap) = (Duration::from_millis(500), Duration::from_secs(4));
        let mut backoff = Backoff::new(initial, cap);
        for ceiling in [0.5, 1.0, 2.0, 4.0, 4.0] {
            let wait = backoff.next_wait().as_secs_f64();
            assert!((ceiling / 2.0..=ceiling).contains(&wait), "{wait} of {ceiling}");
        }
        backoff.reset();
        assert!(backoff.next_wait() <= initial);
    }
}
