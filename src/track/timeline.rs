//! One line of time for a server: its own clock as it was at the first sample, carried on by ours.

use std::time::{Duration, SystemTime};

/// Makes moments of the server's clock comparable, also across a jump of either clock.
///
/// What the server says of the past (a wait began at ...) is taken as an age, by its own clock;
/// from sample to sample time goes on by the agent's clock, which never jumps.
#[derive(Clone, Copy, Debug, Default)]
pub struct Timeline {
    anchor: Option<(SystemTime, Duration)>,
}

/// A sample's place on the line.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// On the line.
    pub at: SystemTime,
    /// By the server's clock.
    server: SystemTime,
    /// For how long the sample before this one stands at most.
    reach: Duration,
}

/// A sample stands for this time at least, however short the interval.
const REACH: Duration = Duration::from_secs(2);

impl Timeline {
    /// A sample read when the server's clock said `server` and `elapsed` after the agent's start;
    /// it was meant to come `interval` after the one before it.
    pub fn now(&mut self, server: SystemTime, elapsed: Duration, interval: Duration) -> Now {
        let (first, begun) = *self.anchor.get_or_insert((server, elapsed));
        let at = first + elapsed.saturating_sub(begun);
        Now { at, server, reach: REACH.max(interval * 2) }
    }
}

impl Now {
    /// A past moment of the server's clock, on the line; never later than now.
    #[must_use]
    pub fn place(&self, moment: SystemTime) -> SystemTime {
        self.at - span(moment, self.server)
    }

    /// The time since the sample at `last`, as far as that stands for it: of a longer one, when
    /// the agent did not look, nobody knows.
    #[must_use]
    pub fn reached_from(&self, last: SystemTime) -> Duration {
        span(last, self.at).min(self.reach)
    }

    /// When something ended that the sample at `last` has shown and this one does not: halfway.
    #[must_use]
    pub fn end_of(&self, last: SystemTime) -> SystemTime {
        last + self.reached_from(last) / 2
    }

    /// When something began that this sample shows and the one at `last` did not: halfway.
    #[must_use]
    pub fn beginning_after(&self, last: SystemTime) -> SystemTime {
        self.at - self.reached_from(last) / 2
    }
}

/// From `from` to `to`; nothing if that is backwards.
#[must_use]
pub fn span(from: SystemTime, to: SystemTime) -> Duration {
    to.duration_since(from).unwrap_or_default()
}

/// In seconds, to the tenth of a millisecond: sampling knows no more.
#[must_use]
pub fn in_seconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e4).round() / 1e4
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICK: Duration = Duration::from_millis(100);

    fn clock(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn a_jump_of_the_servers_clock_moves_nothing() {
        let mut line = Timeline::default();
        let before = line.now(clock(10_000), Duration::from_secs(5), TICK);
        let after = line.now(clock(13_601), Duration::from_secs(6), TICK);
        assert_eq!(span(before.at, after.at), Duration::from_secs(1));
        assert_eq!(span(after.place(clock(13_599)), after.at), Duration::from_secs(2));
        assert_eq!(after.place(clock(99_999)), after.at);
    }
    #[test]
    fn a_sample_does_not_stand_for_time_when_the_agent_did_not_look() {
        let mut line = Timeline::default();
        let first = line.now(clock(0), Duration::ZERO, TICK).at;
        let next = line.now(clock(1), Duration::from_secs(1), TICK);
        assert_eq!(span(first, next.end_of(first)), Duration::from_millis(500));
        let late = line.now(clock(3_600), Duration::from_secs(3_600), TICK);
        assert_eq!(span(first, late.end_of(first)), Duration::from_secs(1));
        assert_eq!(span(late.beginning_after(first), late.at), Duration::from_secs(1));
        let rare = line.now(clock(3_610), Duration::from_secs(3_610), Duration::from_secs(10));
        assert_eq!(rare.reached_from(late.at), Duration::from_secs(10), "as it was meant to be");
    }
}
