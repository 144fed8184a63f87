//! Where a queue is going: what came and what left over the window, and when that ends if it goes on so.

use std::time::Duration;

/// A queue over the window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Flow {
    /// How many waited when the window began.
    pub(super) before: u64,
    /// How many wait now.
    pub(super) waiting: u64,
    /// How many came in the window.
    pub(super) came: u64,
    /// How long the window is.
    pub(super) span: Duration,
}

impl Flow {
    /// By how many it has grown, a second; below zero if it got shorter.
    fn growth(&self) -> f64 {
        (self.waiting as f64 - self.before as f64) / self.span.as_secs_f64().max(1.0)
    }

    /// How many came, a second. What was not due yet when it came can be missing: more than it grew by
    /// have come at least.
    fn arrival(&self) -> f64 {
        (self.came as f64 / self.span.as_secs_f64().max(1.0)).max(self.growth())
    }

    /// How many left it, a second: those that came and are not among those that it grew by.
    fn service(&self) -> f64 {
        (self.arrival() - self.growth()).max(0.0)
    }

    /// How many come in a day.
    pub(super) fn come_per_day(&self) -> f64 {
        self.arrival() * 86_400.0
    }

    /// How many are done in a day.
    pub(super) fn done_per_day(&self) -> f64 {
        self.service() * 86_400.0
    }

    /// By how many it grows in an hour; below zero if it gets shorter.
    pub(super) fn grows_per_hour(&self) -> f64 {
        self.growth() * 3_600.0
    }

    /// How long who comes now waits until all before are done, in seconds (Little, "A proof for the
    /// queuing formula L = lambda W", 1961). `None` if nothing is done at all.
    pub(super) fn wait(&self) -> Option<f64> {
        (self.service() > 0.0).then(|| self.waiting as f64 / self.service())
    }

    /// Seconds until so many wait; 0 if they do. `None` if it does not grow.
    pub(super) fn until_depth(&self, depth: f64) -> Option<f64> {
        (self.growth() > 0.0).then(|| ((depth - self.waiting as f64) / self.growth()).max(0.0))
    }

    /// Seconds until who comes then will wait for so long; 0 if who comes now does. `None` if it does
    /// not grow, or nothing is done at all.
    pub(super) fn until_wait(&self, limit: f64) -> Option<f64> {
        self.wait().and_then(|_| self.until_depth(limit * self.service()))
    }

    /// Seconds until it is empty. `None` if it does not get shorter.
    pub(super) fn until_empty(&self) -> Option<f64> {
        (self.growth() < 0.0).then(|| self.waiting as f64 / -self.growth())
    }

    /// Whether it has grown by `least` or more, and in both halves of the window: of a burst that is
    /// being worked off, one half has seen the burst and the other the work.
    pub(super) fn keeps_growing(&self, middle: u64, least: f64) -> bool {
        let (then, middle, now) = (self.before as f64, middle as f64, self.waiting as f64);
        let all = now - then;
        all > 0.0 && all >= least && (middle - then).min(now - middle) >= all / 4.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(before: u64, waiting: u64, came: u64) -> Flow {
        Flow { before, waiting, came, span: Duration::from_secs(3_600) }
    }

    fn about(found: Option<f64>, expected: f64) -> bool {
        found.is_some_and(|found| (found - expected).abs() < 1e-6 * expected.max(1.0))
    }

    #[test]
    fn a_queue_to_which_more_comes_than_is_done_is_told_by_when_its_limits_are_reached() {
        // In the hour 300 came, 180 were done.
        let grows = flow(60, 180, 300);
        assert!(about(Some(grows.grows_per_hour()), 120.0));
        assert!(about(Some(grows.come_per_day()), 7_200.0));
        assert!(about(Some(grows.done_per_day()), 4_320.0));
        assert!(about(grows.wait(), 3_600.0), "180 wait, 180 an hour are done");
        assert!(about(grows.until_depth(1_140.0), 8.0 * 3_600.0));
        assert!(about(grows.until_wait(7_200.0), 1.5 * 3_600.0), "when 360 wait");
        assert_eq!(grows.until_depth(100.0), Some(0.0), "it is as long already");
        assert_eq!(grows.until_empty(), None);
    }

    #[test]
    fn a_queue_that_gets_shorter_is_told_by_when_it_is_empty() {
        let drains = flow(400, 100, 60);
        assert!(about(drains.until_empty(), 1_200.0), "100 wait, 300 an hour fewer");
        assert!(about(Some(drains.done_per_day()), 24.0 * 360.0));
        assert_eq!((drains.until_depth(1_000.0), drains.until_wait(60.0)), (None, None));
        assert!(!drains.keeps_growing(300, 1.0));
    }

    #[test]
    fn where_nothing_is_done_nobody_can_say_how_long_it_takes() {
        let stuck = flow(0, 50, 50);
        assert_eq!((stuck.wait(), stuck.until_wait(3_600.0)), (None, None));
        // Rows that were there and have come due: none was inserted, and none is done.
        assert!(about(Some(flow(0, 50, 0).come_per_day()), 1_200.0));
        assert_eq!(flow(0, 50, 0).wait(), None);
        let empty = flow(0, 0, 0);
        assert_eq!(
            (empty.wait(), empty.until_depth(10.0), empty.until_empty()),
            (None, None, None)
        );
    }

    #[test]
    fn a_burst_is_no_growth_whenever_it_comes() {
        let grown = |before, middle, now| flow(before, now, now).keeps_growing(middle, 100.0);
        assert!(grown(0, 100, 200) && grown(0, 50, 200) && grown(50, 100, 150));
        assert!(!grown(0, 0, 5_000), "it came in the second half");
        assert!(!grown(0, 5_000, 5_000), "it came in the first half");
        assert!(!grown(0, 5_000, 4_000), "and is being worked off");
        assert!(!grown(0, 50, 99), "it is small");
        assert!(!flow(5, 5, 9).keeps_growing(5, 0.0));
    }
}
