//! The latest reports of all servers, in a bounded number.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::SystemTime;

use serde::Serialize;

use crate::track::reports::Report;

/// Reports of one kind that are kept: a thousand waits that end at once push no incident out.
const KEPT: usize = 500;

/// A report and where it belongs.
#[derive(Clone, Debug, Serialize)]
pub struct Entry {
    /// Counts up from 1 with the agent's start.
    pub seq: u64,
    /// When it was told, by the agent's clock.
    #[serde(serialize_with = "crate::track::reports::moment")]
    pub at: SystemTime,
    /// Of which server; absent where none had to do with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<Arc<str>>,
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
    pub fn add(&mut self, at: SystemTime, server: Option<Arc<str>>, report: Report) -> Arc<Entry> {
        self.last += 1;
        let entry = Arc::new(Entry { seq: self.last, at, server, report });
        let kind = entry.report.kind();
        let mut alike = self.entries.iter().enumerate().filter(|(_, e)| e.report.kind() == kind);
        if let (Some((oldest, _)), true) = (alike.next(), alike.count() + 1 >= KEPT) {
            self.entries.remove(oldest);
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
        let kept = u64::try_from(self.since(seq).count()).unwrap_or(u64::MAX);
        self.last.saturating_sub(seq).saturating_sub(kept)
    }

    /// The `seq` of the last one; 0 before the first.
    #[must_use]
    pub fn last(&self) -> u64 {
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::track::reports::{Deadlock, Party, SlowTransaction};

    fn party() -> Party {
        Party { pid: Some(1), application: "odoo".into(), ..Party::default() }
    }

    fn slow() -> Report {
        Report::SlowTransaction(SlowTransaction {
            party: party(),
            session_kind: "interactive",
            module: "sales".into(),
            last_module: "sales".into(),
            started: SystemTime::UNIX_EPOCH,
            seconds: 1.0,
            state: "active",
            idle_seconds: 0.0,
            waited_seconds: 0.0,
            blocked_others_seconds: 0.0,
            victims: 0,
            xmin_age: 0,
            keeps_back: None,
            kept_back_seconds: 0.0,
            wrote: false,
            statements: vec![],
            other_statements_seconds: 0.0,
        })
    }

    #[test]
    fn a_crowd_of_one_kind_pushes_nothing_of_another_out_and_what_is_gone_is_counted() {
        let (mut journal, server) = (Journal::default(), Some(Arc::from("erp")));
        let deadlock = Deadlock { party: party(), relation: None, module: "sales".into() };
        journal.add(SystemTime::UNIX_EPOCH, server.clone(), Report::Deadlock(deadlock));
        for _ in 0..2_000 {
            journal.add(SystemTime::UNIX_EPOCH, server.clone(), slow());
        }
        let kinds: Vec<&str> = journal.since(0).map(|entry| entry.report.kind()).collect();
        assert_eq!((kinds.len(), kinds[0]), (KEPT + 1, "deadlock"));
        assert_eq!((journal.last(), journal.missed(0)), (2_001, 2_001 - 501));
        assert_eq!(
            (journal.missed(1_999), journal.missed(2_001), journal.since(1_999).count()),
            (0, 0, 2)
        );
    }
}
