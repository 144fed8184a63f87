//! Who runs which statement: pg_stat_statements counts by role, and all sessions of an ERP have one.

use std::collections::HashMap;
use std::sync::Arc;

use super::sessions::Seen;
use crate::erp::Kind;
use crate::sample::activity::{Backend, State};

/// Statements whose runner is remembered.
const MOST: usize = 5_000;

/// A session that was seen executing a statement, or idle in transaction right after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Runner {
    /// Its application, in the profile's words.
    pub application: Arc<str>,
    /// What it is for.
    pub kind: Kind,
}

/// By database and queryid: who was seen executing it last.
#[derive(Clone, Debug, Default)]
pub struct Runners {
    known: Arc<HashMap<(Arc<str>, i64), Runner>>,
}

impl Runners {
    /// Folds one sample in.
    pub(super) fn apply(&mut self, sessions: &[Seen<'_>]) {
        let active = sessions.iter().filter(|seen| {
            let is_within = matches!(seen.row.state, State::Active | State::IdleInTransaction);
            is_within && seen.who.backend == Backend::Client
        });
        for seen in active {
            let Some(queryid) = seen.statement.queryid else { continue };
            let key = (Arc::clone(&seen.who.datname), queryid);
            let is_known = self.known.get(&key).is_some_and(|runner| {
                runner.application == seen.who.application && runner.kind == seen.who.kind
            });
            if is_known || self.known.len() >= MOST && !self.known.contains_key(&key) {
                continue;
            }
            let runner =
                Runner { application: Arc::clone(&seen.who.application), kind: seen.who.kind };
            Arc::make_mut(&mut self.known).insert(key, runner);
        }
    }

    /// Who was seen executing it last.
    #[must_use]
    pub fn of(&self, datname: &Arc<str>, queryid: i64) -> Option<&Runner> {
        self.known.get(&(Arc::clone(datname), queryid))
    }

    /// Somebody was seen executing it; for tests of what reads this.
    #[cfg(test)]
    pub fn saw(&mut self, datname: &str, queryid: i64, application: &str, kind: Kind) {
        let runner = Runner { application: application.into(), kind };
        Arc::make_mut(&mut self.known).insert((datname.into(), queryid), runner);
    }
}
