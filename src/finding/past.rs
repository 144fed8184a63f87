//! Earlier snapshots, to measure what has grown since.

use std::collections::VecDeque;
use std::time::Duration;

use crate::sample::Moment;
use crate::state::{ServerSnapshot, Snapshot};

/// So many are kept: a window is right to a twelfth of it.
const KEPT: u32 = 12;

/// With those of servers that come and go not more than so many.
const MOST: usize = 36;

/// A server of which everything was sampled once.
pub(super) fn has_begun(server: &ServerSnapshot) -> bool {
    server.is_up() && server.databases.server.is_some()
}

fn begun(snapshot: &Snapshot) -> usize {
    snapshot.servers.iter().filter(|server| has_begun(server)).count()
}

/// Snapshots of the last window.
#[derive(Clone, Debug, Default)]
pub struct Past {
    snapshots: VecDeque<(Moment, Snapshot)>,
}

impl Past {
    /// Remembers one, if it is time for one; forgets those that are not needed for `window`.
    pub fn remember(&mut self, at: Moment, snapshot: &Snapshot, window: Duration) {
        let age = |then: &Moment| at.elapsed.saturating_sub(then.elapsed);
        while self.snapshots.get(1).is_some_and(|(then, _)| age(then) >= window) {
            self.snapshots.pop_front();
        }
        let due = window / KEPT;
        // A server that has just been met is measured from then on, not from the next one kept.
        let meets = |then: &Snapshot| begun(snapshot) > begun(then) && self.snapshots.len() < MOST;
        if self.snapshots.back().is_none_or(|(then, kept)| age(then) >= due || meets(kept)) {
            self.snapshots.push_back((at, snapshot.clone()));
        }
    }

    /// The earliest in which `is_good`, and when that was.
    pub fn earliest(&self, is_good: impl Fn(&Snapshot) -> bool) -> Option<(Moment, &Snapshot)> {
        let mut all = self.snapshots.iter();
        all.find(|(_, snapshot)| is_good(snapshot)).map(|(at, snapshot)| (*at, snapshot))
    }

    /// The one nearest to the middle between `then` and `now`, of those between them.
    #[must_use]
    pub fn middle(&self, then: Moment, now: Moment) -> Option<&Snapshot> {
        let half = then.elapsed + now.elapsed.saturating_sub(then.elapsed) / 2;
        let between = self
            .snapshots
            .iter()
            .filter(|(at, _)| at.elapsed > then.elapsed && at.elapsed < now.elapsed);
        let nearest = between.min_by_key(|(at, _)| at.elapsed.abs_diff(half));
        nearest.map(|(_, snapshot)| snapshot)
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn what_is_measured_is_a_window_long_and_few_snapshots_are_kept() {
        let mut past = Past::default();
        let window = Duration::from_secs(3_600);
        for seconds in (0..20_000).step_by(30) {
            let elapsed = Duration::from_secs(seconds);
            let at = Moment { wall: SystemTime::UNIX_EPOCH, elapsed };
            past.remember(at, &Snapshot::default(), window);
            let first = past.earliest(|_| true).unwrap().0.elapsed;
            let span = elapsed.checked_sub(first).unwrap();
            assert!(span >= window.min(elapsed) && span <= window + window / 12, "{span:?}");
            assert!(past.snapshots.len() <= 14, "{}", past.snapshots.len());
        }
        let at = |seconds| Moment {
            wall: SystemTime::UNIX_EPOCH,
            elapsed: Duration::from_secs(seconds),
        };
        assert!(past.middle(at(16_000), at(19_000)).is_some());
        assert!(past.middle(at(19_990), at(19_999)).is_none(), "nothing is between them");
    }
}
