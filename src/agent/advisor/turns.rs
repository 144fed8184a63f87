//! When the advisor's turns at one server are due. Time is an argument.

use std::time::Duration;

use crate::config;

/// After a run that brought nothing, the next one comes sooner than usual by this factor.
const SOONER: u32 = 6;

/// What is known of past turns. Seconds are since 1970, durations since the agent's start.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Turns {
    /// When it last ran.
    pub(super) ran: Option<i64>,
    /// That run brought nothing.
    pub(super) failed: bool,
    /// When it was last looked whether suggestions were applied.
    pub(super) looked: Option<Duration>,
    /// By what the server's clock is ahead of UTC, in seconds, and when that was asked.
    pub(super) ahead: Option<(i32, Duration)>,
}

/// A server's time zone, with its daylight saving, is asked for again after this time.
const AHEAD_HOLDS: Duration = Duration::from_secs(3_600);

impl Turns {
    /// Whether it is time for a run, if the hour is right.
    pub(super) fn run_is_due(
        &self,
        config: &config::Advisor,
        elapsed: Duration,
        now: i64,
        stretch: f64,
    ) -> bool {
        let interval = if self.failed { config.interval / SOONER } else { config.interval };
        let interval = interval.mul_f64(stretch.max(1.0)).as_secs_f64();
        // A clock that was put back is no reason to wait for ever.
        let rests = |ran: i64| (0.0..interval).contains(&((now - ran) as f64));
        elapsed >= config.first_after && !self.ran.is_some_and(rests)
    }

    /// Whether the hour is right; `None` if the server's clock must be asked first.
    pub(super) fn is_hour(
        &self,
        config: &config::Advisor,
        elapsed: Duration,
        now: i64,
    ) -> Option<bool> {
        if config.hours == config::Hours::ALWAYS {
            return Some(true);
        }
        let (ahead, asked) = self.ahead?;
        if elapsed.saturating_sub(asked) >= AHEAD_HOLDS {
            return None;
        }
        let minute = (now + i64::from(ahead)).rem_euclid(86_400) / 60;
        Some(u32::try_from(minute).is_ok_and(|minute| config.hours.contains(minute)))
    }

    /// Whether it is time to look whether suggestions were applied.
    pub(super) fn look_is_due(
        &self,
        config: &config::Advisor,
        elapsed: Duration,
        stretch: f64,
    ) -> bool {
        let interval = config.look_interval.mul_f64(stretch.max(1.0));
        self.looked.is_none_or(|looked| elapsed.saturating_sub(looked) >= interval)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Hours};

    const HOUR: u64 = 3_600;

    fn config() -> config::Advisor {
        Config::of(vec![]).unwrap().advisor
    }

    #[test]
    fn it_never_runs_at_start_and_then_once_an_interval() {
        let config = config();
        let due = |turns: &Turns, elapsed, now| {
            turns.run_is_due(&config, Duration::from_secs(elapsed), now, 1.0)
        };
        let never = Turns::default();
        assert!(!due(&never, 0, 0) && !due(&never, HOUR - 1, 0) && due(&never, HOUR, 0));
        let ran = Turns { ran: Some(1_000), ..never };
        assert!(!due(&ran, HOUR, 1_000 + 6 * 3_600 - 1) && due(&ran, HOUR, 1_000 + 6 * 3_600));
        let failed = Turns { failed: true, ..ran };
        assert!(!due(&failed, HOUR, 1_000 + 3_599) && due(&failed, HOUR, 1_000 + 3_600));
        assert!(due(&ran, HOUR, 999), "the clock was put back");
        let stretched = |now| ran.run_is_due(&config, Duration::from_secs(HOUR), now, 2.0);
        assert!(!stretched(1_000 + 6 * 3_600) && stretched(1_000 + 12 * 3_600));
    }

    #[test]
    fn the_hour_is_the_servers() {
        let config = config();
        let (elapsed, noon) = (Duration::ZERO, 43_200);
        let ahead =
            |hours: i32| Turns { ahead: Some((hours * 3_600, Duration::ZERO)), ..Turns::default() };
        assert_eq!(Turns::default().is_hour(&config, elapsed, noon), None, "it must be asked");
        assert_eq!(ahead(0).is_hour(&config, elapsed, noon), Some(false));
        assert_eq!(ahead(9).is_hour(&config, elapsed, noon), Some(true), "21:00 there");
        assert_eq!(ahead(-7).is_hour(&config, elapsed, noon), Some(true), "05:00 there");
        let later = Duration::from_secs(HOUR);
        assert_eq!(ahead(9).is_hour(&config, later, noon), None, "summer time may have begun");
        let always = config::Advisor { hours: Hours::ALWAYS, ..config };
        assert_eq!(Turns::default().is_hour(&always, elapsed, noon), Some(true));
    }
}
