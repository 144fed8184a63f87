//! What statements took over the window.

use std::collections::HashMap;
use std::sync::Arc;

use crate::sample::statements::Counters;
use crate::state::ServerSnapshot;
use crate::track::cumulative::Cumulative;
use crate::track::statements::Shown;

/// A statement and what it took over the window.
#[derive(Clone, Debug, PartialEq)]
pub struct Grown {
    /// Its database.
    pub datname: Arc<str>,
    /// Its role.
    pub usename: Arc<str>,
    /// Hash of its shape.
    pub queryid: i64,
    /// The business module of its tables.
    pub module: Arc<str>,
    /// Its normalised text.
    pub query: Option<Arc<str>>,
    /// What has grown.
    pub work: Counters,
}

impl Grown {
    /// Shared blocks that it asked for.
    #[must_use]
    pub fn blocks(&self) -> f64 {
        (self.work.blocks_hit.saturating_add(self.work.blocks_read)) as f64
    }

    /// This much for each call.
    #[must_use]
    pub fn per_call(&self, much: f64) -> f64 {
        much / (self.work.calls.max(1) as f64)
    }

    /// Its text, or nothing.
    #[must_use]
    pub fn text(&self) -> &str {
        self.query.as_deref().unwrap_or_default()
    }
}

/// What statements have grown by. Of one that was not shown singly when the window began, what it
/// took since it is.
pub(super) fn grown(now: &ServerSnapshot, before: &ServerSnapshot) -> Vec<Grown> {
    let key =
        |shown: &Shown| (Arc::clone(&shown.datname), shown.queryid, Arc::clone(&shown.usename));
    let then: HashMap<_, &Shown> =
        before.statements.shown.iter().map(|shown| (key(shown), shown)).collect();
    let work = |shown: &Shown| match then.get(&key(shown)) {
        Some(before) => shown.total.since(&before.total),
        None if before.statements.shown.is_empty() => shown.total,
        None => shown.here,
    };
    let own = own_role(now);
    let others = now.statements.shown.iter().filter(|shown| Some(&*shown.usename) != own);
    let all = others.map(|shown| Grown {
        datname: Arc::clone(&shown.datname),
        usename: Arc::clone(&shown.usename),
        queryid: shown.queryid,
        module: Arc::clone(&shown.module),
        query: shown.query.clone(),
        work: work(shown),
    });
    all.filter(|grown| grown.work.calls > 0).collect()
}

/// The role of the agent, whose statements are nobody's fault; nothing if somebody else works as it: the
/// agent never writes.
fn own_role(now: &ServerSnapshot) -> Option<&str> {
    let role = now.databases.server.as_ref()?.role.as_str();
    let writes = |shown: &Shown| {
        let text = shown.query.as_deref().unwrap_or_default().trim_start();
        let starts =
            |word: &&str| text.get(..word.len()).is_some_and(|w| w.eq_ignore_ascii_case(word));
        ["insert", "update", "delete", "merge"].iter().any(starts)
    };
    let mut all = now.statements.shown.iter().filter(|shown| *shown.usename == *role);
    (!all.any(writes)).then_some(role)
}
