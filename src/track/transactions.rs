//! Transactions as episodes: from xact_start to the end, what ran in them, how long they were
//! idle, whom they waited for and who waited for them.
//!
//! A transaction ends halfway between the last sample with it and the first without (or with
//! the next one of its session, whichever is earlier).

mod open;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

pub use self::open::{Open, Share};
use super::capped::{Capped, Coarse};
use super::distribution::Distribution;
use super::lock_waits::Charge;
use super::sessions::Seen;
use super::timeline::{Now, span};
use crate::erp::OTHER;
use crate::sample::activity::{Backend, Session, State};

/// Labels of the metrics of slow transactions.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SlowKey {
    /// The session's database.
    pub datname: Arc<str>,
    /// Its application.
    pub application: Arc<str>,
    /// Of the statements that took most of its time.
    pub module: Arc<str>,
}

impl Coarse for SlowKey {
    fn coarse(&self) -> Self {
        Self { datname: Arc::clone(&self.datname), application: OTHER.into(), module: OTHER.into() }
    }
}

/// From when on a transaction is slow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SlowAfter {
    /// Unless the application has its own.
    pub general: Duration,
    /// By application.
    pub of_application: BTreeMap<String, Duration>,
}

impl SlowAfter {
    /// For this application.
    #[must_use]
    pub fn of(&self, application: &str) -> Duration {
        self.of_application.get(application).copied().unwrap_or(self.general)
    }
}

/// A transaction that has ended.
#[derive(Clone, Debug)]
pub struct Finished {
    /// What was seen of it.
    pub transaction: Open,
    /// Its process.
    pub pid: i32,
    /// When it ended, on the server's line of time.
    pub end: SystemTime,
}

/// The transactions of one server.
#[derive(Debug)]
pub struct Transactions {
    slow_after: SlowAfter,
    open: BTreeMap<i32, Open>,
    slow: Capped<SlowKey, Distribution>,
}

impl Transactions {
    /// Nothing seen yet; at most `series` series of each metric.
    #[must_use]
    pub fn new(series: usize, slow_after: SlowAfter) -> Self {
        Self { slow_after, open: BTreeMap::new(), slow: Capped::new(series) }
    }

    /// Other limits from now on.
    pub fn limit(&mut self, series: usize, slow_after: SlowAfter) {
        self.slow.limit(series);
        self.slow_after = slow_after;
    }

    /// Folds one sample in; returns the transactions that have ended.
    pub fn apply(
        &mut self,
        sessions: &[Seen<'_>],
        now: Now,
        last: Option<SystemTime>,
        charges: &[Charge],
    ) -> Vec<Finished> {
        let mut ended = Vec::new();
        self.charge(charges.iter().filter(|charge| charge.is_last));
        for seen in sessions {
            let row = seen.row;
            let Some(xact_start) = start(row).filter(|_| is_of_a_client(seen)) else { continue };
            let begun = now.place(xact_start);
            match self.open.get_mut(&row.pid) {
                Some(open) if open.is(row) => open.go_on(seen, now, last),
                Some(open) => {
                    let next = Open::begin(seen, now, begun);
                    let before = std::mem::replace(open, next);
                    // The next one began before this sample.
                    let halfway = before.seen + span(before.seen, begun) / 2;
                    let end = halfway.min(now.end_of(before.seen));
                    ended.push(Finished { transaction: before, pid: row.pid, end });
                }
                None => {
                    self.open.insert(row.pid, Open::begin(seen, now, begun));
                }
            }
        }
        self.charge(charges.iter().filter(|charge| !charge.is_last));
        let gone: Vec<i32> =
            self.open.iter().filter(|(_, open)| open.seen != now.at).map(|(pid, _)| *pid).collect();
        for pid in gone {
            let Some(transaction) = self.open.remove(&pid) else { continue };
            let end = now.end_of(transaction.seen);
            ended.push(Finished { transaction, pid, end });
        }
        for finished in &ended {
            if !self.is_slow(finished) {
                continue;
            }
            self.slow.of(finished.transaction.key()).observe(finished.length());
        }
        ended
    }

    /// What has ended was of the transactions of the last sample; the rest is of those of this one.
    fn charge<'a>(&mut self, charges: impl Iterator<Item = &'a Charge>) {
        for charge in charges {
            if let Some(waiter) = self.open.get_mut(&charge.waiter) {
                waiter.waited += charge.time;
            }
            let root = charge.root.and_then(|pid| self.open.get_mut(&pid));
            if let Some(root) = root.filter(|root| root.began_at(charge.root_xact)) {
                root.blame(charge.waiter, charge.time);
            }
        }
    }

    /// Whether one that has ended was slow.
    #[must_use]
    pub fn is_slow(&self, finished: &Finished) -> bool {
        finished.length() >= self.slow_after.of(&finished.transaction.who.application)
    }

    /// Those that go on, by pid.
    #[must_use]
    pub fn open(&self) -> &BTreeMap<i32, Open> {
        &self.open
    }

    /// Whether one that goes on is slow already.
    #[must_use]
    pub fn is_slow_now(&self, open: &Open, at: SystemTime) -> bool {
        span(open.start, at) >= self.slow_after.of(&open.who.application)
    }

    /// Slow ones that have ended: their number and length.
    #[must_use]
    pub fn slow(&self) -> &Capped<SlowKey, Distribution> {
        &self.slow
    }
}

impl Finished {
    /// From beginning to end.
    #[must_use]
    pub fn length(&self) -> Duration {
        span(self.transaction.start, self.end)
    }
}

/// When the transaction of a session began. PostgreSQL takes that away when it fails: of one that
/// was never seen before, it is known only that it had begun when its last statement did.
fn start(row: &Session) -> Option<SystemTime> {
    row.xact_start.or_else(|| row.query_start.filter(|_| row.state == State::Aborted))
}

/// A parallel worker's transaction is its leader's; vacuum and replication are no transactions of
/// the ERP's.
fn is_of_a_client(seen: &Seen<'_>) -> bool {
    seen.who.backend == Backend::Client && seen.row.state != State::Idle
}

#[cfg(test)]
mod tests;
