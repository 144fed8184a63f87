//! Who runs which statement: pg_stat_statements counts by role, and all sessions of an ERP have one.

use std::collections::HashMap;
use std::sync::Arc;

use super::sessions::Seen;
use crate::erp::Kind;
use crate::sample::activity::{Backend, State};

/// Statements whose runner is remembered, in each of two generations.
const MOST: usize = 2_500;

/// A session that was seen executing a statement, or idle in transaction right after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Runner {
    /// Its application, in the profile's words.
    pub application: Arc<str>,
    /// What it is for.
    pub kind: Kind,
}

type Generation = Arc<HashMap<(Arc<str>, i64), Runner>>;

/// By database and queryid: who was seen executing it last.
#[derive(Clone, Debug, Default)]
pub struct Runners {
    late: Generation,
    /// Those that were seen before `late` began, and perhaps not since: the next to be forgotten.
    before: Generation,
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
            let who = &seen.who;
            self.note(&who.datname, queryid, &who.application, who.kind);
        }
    }

    /// Somebody was seen executing it.
    pub(super) fn note(
        &mut self,
        datname: &Arc<str>,
        queryid: i64,
        application: &Arc<str>,
        kind: Kind,
    ) {
        let key = (Arc::clone(datname), queryid);
        let known = self.late.get(&key);
        if known.is_some_and(|known| known.application == *application && known.kind == kind) {
            return;
        }
        if known.is_none() && self.late.len() >= MOST {
            self.before = std::mem::take(&mut self.late);
        }
        let runner = Runner { application: Arc::clone(application), kind };
        Arc::make_mut(&mut self.late).insert(key, runner);
    }

    /// Who was seen executing it last.
    #[must_use]
    pub fn of(&self, datname: &Arc<str>, queryid: i64) -> Option<&Runner> {
        let key = (Arc::clone(datname), queryid);
        self.late.get(&key).or_else(|| self.before.get(&key))
    }

    /// Somebody was seen executing it; for tests of what reads this.
    #[cfg(test)]
    pub fn saw(&mut self, datname: &str, queryid: i64, application: &str, kind: Kind) {
        self.note(&datname.into(), queryid, &application.into(), kind);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_very_many_statements_those_that_were_seen_last_are_known() {
        let mut runners = Runners::default();
        let erp: Arc<str> = "erp".into();
        for queryid in 0..20_000 {
            runners.saw("erp", queryid, "odoo", Kind::Interactive);
            // One that is seen again and again is not forgotten.
            runners.saw("erp", -1, "cron", Kind::Interactive);
            let known =
                [queryid, (queryid - 2_000).max(0)].map(|id| runners.of(&erp, id).is_some());
            assert_eq!(known, [true, true], "{queryid}");
            assert!(runners.late.len() + runners.before.len() <= 2 * MOST);
        }
        assert_eq!(runners.of(&erp, 0), None);
        assert_eq!(&*runners.of(&erp, -1).unwrap().application, "cron");
        runners.saw("erp", 19_999, "report", Kind::Interactive);
        assert_eq!(&*runners.of(&erp, 19_999).unwrap().application, "report");
    }
}
