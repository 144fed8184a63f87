//! Reports as lines of the log, one JSON object each; not more of them than a log can bear.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::state::Entry;

/// Lines of one kind in one period: the end of an incident is to be seen, also when a thousand
/// waits end with it.
const LINES: usize = 30;
/// The period.
const PERIOD: Duration = Duration::from_secs(60);

/// Counts the lines of the current period.
#[derive(Debug)]
pub(super) struct ReportLog {
    begun: SystemTime,
    /// By kind.
    lines: BTreeMap<&'static str, usize>,
}

impl Default for ReportLog {
    fn default() -> Self {
        Self { begun: SystemTime::UNIX_EPOCH, lines: BTreeMap::new() }
    }
}

impl ReportLog {
    /// Writes what there is room for; the rest is counted and stays in the API.
    pub(super) fn write(&mut self, entries: &[Arc<Entry>]) {
        for entry in entries {
            if let Some(left_out) = self.turn(entry.at) {
                tracing::warn!(
                    "{left_out} more events are not in this log; they are at /api/v1/events"
                );
            }
            if !self.has_room(entry.report.kind()) {
                continue;
            }
            match serde_json::to_string(&**entry) {
                Ok(line) => tracing::info!(target: "erpscope::event", "{line}"),
                Err(error) => tracing::error!(%error, "an event cannot be written as JSON"),
            }
        }
    }

    /// Begins a new period when the last one is over; returns how many lines that left out. A
    /// clock that was put back begins one, too.
    fn turn(&mut self, at: SystemTime) -> Option<usize> {
        if at.duration_since(self.begun).is_ok_and(|past| past < PERIOD) {
            return None;
        }
        let left_out: usize = self.lines.values().map(|lines| lines.saturating_sub(LINES)).sum();
        *self = Self { begun: at, lines: BTreeMap::new() };
        (left_out > 0).then_some(left_out)
    }

    fn has_room(&mut self, kind: &'static str) -> bool {
        let lines = self.lines.entry(kind).or_default();
        *lines += 1;
        *lines <= LINES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000 + seconds)
    }

    #[test]
    fn a_crowd_of_waits_leaves_room_for_the_incident_and_what_is_left_out_is_said() {
        let mut log = ReportLog::default();
        assert_eq!(log.turn(at(0)), None);
        assert_eq!((0..1_000).filter(|_| log.has_room("lock_wait")).count(), LINES);
        assert!(log.has_room("lock_incident"));
        assert_eq!(log.turn(at(59)), None);
        assert_eq!(log.turn(at(60)), Some(1_000 - LINES));
        assert!(log.has_room("lock_wait"));
    }

    #[test]
    fn a_clock_that_is_put_back_does_not_silence_the_log() {
        let mut log = ReportLog::default();
        log.turn(at(7_200));
        assert_eq!((0..100).filter(|_| log.has_room("lock_wait")).count(), LINES);
        assert!(log.turn(at(0)).is_some());
        assert!(log.has_room("lock_wait"));
    }
}
