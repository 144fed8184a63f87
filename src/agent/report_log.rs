//! Reports as lines of the log, one JSON object each; not more of them than a log can bear.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::state::Entry;

/// Lines in one period; an incident with a thousand victims is to be seen, not its end a
/// thousand times.
const LINES: usize = 60;
/// The period.
const PERIOD: Duration = Duration::from_secs(60);

/// Counts the lines of the current period.
#[derive(Debug)]
pub(super) struct ReportLog {
    begun: SystemTime,
    written: usize,
    left_out: usize,
}

impl Default for ReportLog {
    fn default() -> Self {
        Self { begun: SystemTime::UNIX_EPOCH, written: 0, left_out: 0 }
    }
}

impl ReportLog {
    /// Writes what there is room for; the rest is counted and stays in the API.
    pub(super) fn write(&mut self, entries: &[Arc<Entry>]) {
        for entry in entries {
            let is_over = entry.at.duration_since(self.begun).is_ok_and(|past| past >= PERIOD);
            if is_over {
                if self.left_out > 0 {
                    tracing::warn!(
                        "{} more events are not in this log; they are at /api/v1/events",
                        self.left_out
                    );
                }
                *self = Self { begun: entry.at, written: 0, left_out: 0 };
            }
            if self.written >= LINES {
                self.left_out += 1;
                continue;
            }
            self.written += 1;
            match serde_json::to_string(&**entry) {
                Ok(line) => tracing::info!(target: "erpscope::event", "{line}"),
                Err(error) => tracing::error!(%error, "an event cannot be written as JSON"),
            }
        }
    }
}
