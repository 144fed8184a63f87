//! The latest reports of all servers, in a bounded number.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::SystemTime;

use serde::Serialize;

use crate::track::reports::Report;

/// Reports that are kept.
const KEPT: usize = 1_000;

/// A report and where it belongs.
#[derive(Clone, Debug, Serialize)]
pub struct Entry {
    /// Counts up from 1 with the agent's start.
    pub seq: u64,
    /// When it was told, by the agent's clock.
    #[serde(serialize_with = "crate::track::reports::moment")]
    pub at: SystemTime,
    /// Of which server.
    pub server: Arc<str>,
    /// What.
    #[serde(flatten)]
    pub report: Report,
}

/// The latest entries, the oldest first.
#[derive(Clone, Debug, Default)]
pub struct Journal {
    entries: VecDeque<Arc<Entry>>,
    last: u64,
}

impl Journal {
    /// Adds a report.
    pub fn add(&mut self, at: SystemTime, server: &Arc<str>, report: Report) -> Arc<Entry> {
        self.last += 1;
        let entry = Arc::new(Entry { seq: self.last, at, server: Arc::clone(server), report });
        if self.entries.len() >= KEPT {
            self.entries.pop_front();
        }
        self.entries.push_back(Arc::clone(&entry));
        entry
    }

    /// Entries after `seq`, the oldest first.
    pub fn since(&self, seq: u64) -> impl Iterator<Item = &Arc<Entry>> {
        self.entries.iter().filter(move |entry| entry.seq > seq)
    }

    /// How many after `seq` are kept no more.
    #[must_use]
    pub fn missed(&self, seq: u64) -> u64 {
        let first = self.entries.front().map_or(self.last + 1, |entry| entry.seq);
        first.saturating_sub(seq.saturating_add(1))
    }

    /// The `seq` of the last one; 0 before the first.
    #[must_use]
    pub fn last(&self) -> u64 {
        self.last
    }
}
