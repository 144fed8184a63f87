//! Footprints: what each integration does in one server's databases, and what it suffers there.

mod breaches;
mod shares;
mod trail;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

pub use self::breaches::{Breach, BreachKey, Breaches};
pub use self::shares::{BlockedKey, Shares, WorkKey};
pub use self::trail::{Gap, Step, Stretch, Ties, Trail};
use super::capped::Capped;
use super::lock_waits::Charge;
use super::sessions::{Seen, Words};
use super::statements;
use super::timeline::Now;

/// The footprints of all integrations in one server.
#[derive(Debug)]
pub struct Footprints {
    shares: Shares,
    breaches: Breaches,
    /// What of late may explain a call.
    pub trail: Trail,
}

/// What was counted of them.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// Executing time.
    pub active: Capped<WorkKey, Duration>,
    /// Time waited for locks.
    pub blocked: Capped<BlockedKey, Duration>,
    /// Time that others waited because of it.
    pub blocking: BTreeMap<Arc<str>, Duration>,
    /// Slow transactions that have ended.
    pub slow_transactions: BTreeMap<Arc<str>, u64>,
    /// Rows changed, by role.
    pub rows_written: Capped<WorkKey, u64>,
    /// Writes of what it does not own.
    pub breaches: Capped<BreachKey, u64>,
}

impl Footprints {
    /// Nothing seen yet; at most `series` series of each metric.
    #[must_use]
    pub fn new(series: usize) -> Self {
        Self {
            shares: Shares::new(series),
            breaches: Breaches::new(series),
            trail: Trail::default(),
        }
    }

    /// Another number of series from now on.
    pub fn limit(&mut self, series: usize) {
        self.shares.limit(series);
        self.breaches.limit(series);
    }

    /// Folds one sample in, `all` if idle sessions are in it, too; returns the breaches that it shows
    /// for the first time.
    pub fn apply(
        &mut self,
        sessions: &[Seen<'_>],
        all: bool,
        charges: &[Charge],
        now: Now,
        last: Option<SystemTime>,
    ) -> Vec<Breach> {
        self.shares.apply(sessions, charges, now, last);
        self.trail.apply(sessions, now);
        self.breaches.apply(sessions, all, now.at)
    }

    /// The ERP's words are others from now on.
    pub fn learn_words(&mut self) {
        self.breaches.learn_words();
    }

    /// Takes what pg_stat_statements has counted of their roles.
    pub fn read_statements(&mut self, view: &statements::View, words: Words<'_>) -> Vec<Breach> {
        self.breaches.read_statements(view, words)
    }

    /// A slow transaction of this integration has ended.
    pub fn was_slow(&mut self, integration: &Arc<str>) {
        self.shares.was_slow(integration);
    }

    /// What was counted so far.
    #[must_use]
    pub fn view(&self) -> View {
        View {
            active: self.shares.active().clone(),
            blocked: self.shares.blocked().clone(),
            blocking: self.shares.blocking().clone(),
            slow_transactions: self.shares.slow_transactions().clone(),
            rows_written: self.breaches.rows_written().clone(),
            breaches: self.breaches.counted().clone(),
        }
    }
}

#[cfg(test)]
mod tests;
