//! Waits that sampling has missed, and the server's log tells of: those while the agent did not look.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::{BlockedKey, LockWaits, Root, WaitKey};
use crate::track::timeline::Now;

/// A wait that the server's log tells of.
#[derive(Clone, Debug)]
pub struct Missed {
    /// The waiter's process.
    pub pid: i32,
    /// When it was logged, at its end, by the server's clock.
    pub logged: Option<SystemTime>,
    /// How long it was.
    pub length: Duration,
    /// The waiter's database.
    pub datname: Arc<str>,
    /// The waiter's.
    pub application: Arc<str>,
    /// Of the object waited for.
    pub module: Arc<str>,
    /// As in pg_locks.
    pub mode: &'static str,
    /// For people.
    pub object: String,
}

impl LockWaits {
    /// Counts a wait that the log tells of, unless sampling has seen it; returns when it began.
    pub fn add_missed(&mut self, missed: &Missed, now: Now) -> Option<SystemTime> {
        let end = missed.logged.map_or(now.at, |logged| now.place(logged));
        let start = end - missed.length;
        let is_open = self.open.get(&missed.pid).is_some_and(|open| open.start < end);
        let is_seen = self.recent.iter().any(|&(pid, seen_start, seen_end)| {
            pid == missed.pid && seen_start < end && seen_end > start
        });
        if is_open || is_seen {
            return None;
        }
        let unknown = Root::unknown();
        let root_application = Arc::clone(&unknown.application);
        *self.blocked.of(BlockedKey {
            datname: Arc::clone(&missed.datname),
            module: Arc::clone(&missed.module),
            application: Arc::clone(&missed.application),
            root_application: Arc::clone(&root_application),
            root_state: unknown.state,
        }) += missed.length;
        *self.finished.of(WaitKey {
            datname: Arc::clone(&missed.datname),
            module: Arc::clone(&missed.module),
            mode: missed.mode.into(),
            application: Arc::clone(&missed.application),
            root_application,
        }) += 1;
        let key = (Arc::clone(&missed.datname), Arc::clone(&missed.module));
        self.seconds.of(key).observe(missed.length);
        Some(start)
    }
}
