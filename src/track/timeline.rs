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
}

impl Timeline {
    /// A sample read when the server's clock said `server` and `elapsed` after the agent's start.
    pub fn now(&mut self, server: SystemTime, elapsed: Duration) -> Now {
        let (first, begun) = *self.anchor.get_or_insert((server, elapsed));
        Now { at: first + elapsed.saturating_sub(begun), server }
    }
}

impl Now {
    /// A past moment of the server's clock, on the line; never later than now.
    #[must_use]
    pub fn place(&self, moment: SystemTime) -> SystemTime {
        self.at - span(moment, self.server)
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

/// Halfway: the best guess for something between two samples.
#[must_use]
pub fn middle(from: SystemTime, to: SystemTime) -> SystemTime {
    from + span(from, to) / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn a_jump_of_the_servers_clock_moves_nothing() {
        let mut line = Timeline::default();
        let before = line.now(clock(10_000), Duration::from_secs(5));
        let after = line.now(clock(13_601), Duration::from_secs(6));
        assert_eq!(span(before.at, after.at), Duration::from_secs(1));
        assert_eq!(span(after.place(clock(13_599)), after.at), Duration::from_secs(2));
        assert_eq!(after.place(clock(99_999)), after.at);
    }
}
