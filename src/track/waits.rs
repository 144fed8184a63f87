//! Where sessions spend their time.
//!
//! Each sample stands for the time since the one before it. Time that no sample stands for (the
//! agent was not connected, or the server did not answer) is counted as unseen, never guessed.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::capped::{Capped, Coarse};
use super::sessions::Seen;
use super::timeline::{Now, span};
use crate::erp::OTHER;
use crate::sample::activity::{Backend, State};

/// Labels of `erpscope_active_seconds_total`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ActiveKey {
    /// The session's database.
    pub datname: Arc<str>,
    /// Its application.
    pub application: Arc<str>,
    /// Of its statement.
    pub module: Arc<str>,
    /// `CPU` when it waits for nothing.
    pub wait_event_type: Arc<str>,
    /// `CPU` when it waits for nothing.
    pub wait_event: Arc<str>,
}

impl Coarse for ActiveKey {
    fn coarse(&self) -> Self {
        let other = || Arc::from(OTHER);
        Self {
            datname: Arc::clone(&self.datname),
            application: other(),
            module: other(),
            wait_event_type: other(),
            wait_event: other(),
        }
    }
}

/// Database and application.
pub type IdleKey = (Arc<str>, Arc<str>);

/// The time of one server's sessions.
#[derive(Clone, Debug)]
pub struct Waits {
    active: Capped<ActiveKey, Duration>,
    idle_in_transaction: Capped<IdleKey, Duration>,
    unseen: Duration,
    cpu: Arc<str>,
}

impl Waits {
    /// Nothing seen yet; at most `series` series of each metric.
    #[must_use]
    pub fn new(series: usize) -> Self {
        Self {
            active: Capped::new(series),
            idle_in_transaction: Capped::new(series),
            unseen: Duration::ZERO,
            cpu: "CPU".into(),
        }
    }

    /// Another number of series from now on.
    pub fn limit(&mut self, series: usize) {
        self.active.limit(series);
        self.idle_in_transaction.limit(series);
    }

    /// Folds one sample in; `last` is that before it.
    pub fn apply(&mut self, sessions: &[Seen<'_>], now: Now, last: Option<SystemTime>) {
        let time = last.map_or(Duration::ZERO, |last| now.reached_from(last));
        self.unseen += last.map_or(Duration::ZERO, |last| span(last, now.at).saturating_sub(time));
        for seen in sessions {
            let who = &seen.who;
            match seen.row.state {
                State::Active if who.backend != Backend::Replication => {
                    let (class, event) = match &seen.row.wait {
                        Some((class, event)) => (class.as_str().into(), event.as_str().into()),
                        None => (Arc::clone(&self.cpu), Arc::clone(&self.cpu)),
                    };
                    *self.active.of(ActiveKey {
                        datname: Arc::clone(&who.datname),
                        application: Arc::clone(&who.application),
                        module: Arc::clone(&seen.statement.module),
                        wait_event_type: class,
                        wait_event: event,
                    }) += time;
                }
                State::IdleInTransaction | State::Aborted => {
                    let key = (Arc::clone(&who.datname), Arc::clone(&who.application));
                    *self.idle_in_transaction.of(key) += time;
                }
                _ => {}
            }
        }
    }

    /// Time of sessions that execute.
    #[must_use]
    pub fn active(&self) -> &Capped<ActiveKey, Duration> {
        &self.active
    }

    /// Time of sessions idle in transaction.
    #[must_use]
    pub fn idle_in_transaction(&self) -> &Capped<IdleKey, Duration> {
        &self.idle_in_transaction
    }

    /// Time that no sample stands for.
    #[must_use]
    pub fn unseen(&self) -> Duration {
        self.unseen
    }
}
