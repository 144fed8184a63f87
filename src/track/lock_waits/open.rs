//! A wait that goes on.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::{BlockedKey, Charge, Root, WaitKey};
use crate::erp::OTHER;
use crate::sample::activity::{State, Wait};
use crate::sample::relations::RelationKey;
use crate::track::names::UNKNOWN;
use crate::track::sessions::{Origin, Seen, Statement, Who};
use crate::track::timeline::{Now, span};

/// Roots of one wait that are told apart.
const ROOTS: usize = 8;

/// What is known of a wait.
#[derive(Clone, Debug)]
pub struct Open {
    /// When it began, on the server's line of time.
    pub start: SystemTime,
    /// Whether the server told when it began.
    pub is_exact: bool,
    /// The last sample with it.
    pub seen: SystemTime,
    /// Up to when its time was charged.
    pub charged: SystemTime,
    /// When it ended, if samples do not show it and nobody has looked since.
    pub(super) lost: Option<SystemTime>,
    /// When it ended, if what samples show again is another wait: the next look tells.
    pub(super) gap: Option<SystemTime>,
    /// Whose session waits; absent if the role may not see it, or not yet.
    pub who: Option<Arc<Who>>,
    /// What that session runs.
    pub statement: Option<Arc<Statement>>,
    /// On whose behalf.
    pub origin: Option<Arc<Origin>>,
    /// What it waits for.
    pub object: Option<Object>,
    /// The module of that.
    pub module: Arc<str>,
    /// Time charged, by root blocker; the last one is the root of now.
    pub roots: Vec<(Root, Duration)>,
    /// The sample before the first with it.
    before: Option<SystemTime>,
    /// While one sample alone shows it: the time since the sample before that.
    stands_for: Option<Duration>,
    backend_start: Option<SystemTime>,
    query_start: Option<SystemTime>,
    /// By the server's clock, as last looked: of the session and of the workers that help it.
    waitstarts: Vec<SystemTime>,
}

/// What is waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// As in pg_locks.
    pub locktype: Arc<str>,
    /// As in pg_locks.
    pub mode: Arc<str>,
    /// The relation it is about.
    pub relation: Option<RelationKey>,
}

impl Open {
    /// A wait that this sample shows and `before`, the one before it, did not.
    pub(super) fn begin(now: Now, before: Option<SystemTime>, seen: Option<&Seen<'_>>) -> Self {
        // What a session waits for is read a moment after its statement: of one that shows none that runs, it is the next.
        let active = seen.filter(|seen| seen.row.state == State::Active);
        let query_start = active.and_then(|seen| seen.row.query_start);
        let start = match (before, query_start.map(|start| now.place(start))) {
            (Some(before), Some(query)) => now.beginning_after(before.max(query)),
            (Some(before), None) => now.beginning_after(before),
            // The first sample of all: it may have waited for long.
            (None, _) => now.at,
        };
        Self {
            start,
            is_exact: false,
            seen: now.at,
            stands_for: before.map(|before| now.reached_from(before)),
            charged: start,
            lost: None,
            gap: None,
            who: None,
            statement: None,
            origin: None,
            object: None,
            module: OTHER.into(),
            roots: Vec::new(),
            before,
            backend_start: seen.and_then(|seen| seen.row.backend_start),
            query_start,
            waitstarts: Vec::new(),
        }
    }

    /// The wait that follows this one in the same session, without a sample between.
    pub(super) fn next(&self, begun: SystemTime, now: Now, last: Option<SystemTime>) -> Self {
        Self {
            stands_for: last.map(|last| now.reached_from(last)),
            start: begun.max(self.charged),
            charged: begun.max(self.charged),
            lost: None,
            gap: None,
            object: None,
            roots: Vec::new(),
            waitstarts: Vec::new(),
            is_exact: false,
            before: Some(begun),
            ..self.clone()
        }
    }

    /// Whether a session that waits now can be in this wait still.
    pub(super) fn is_still(&self, seen: Option<&&Seen<'_>>) -> bool {
        seen.is_none_or(|seen| {
            self.is_of(seen) && !is_other(self.query_start, seen.row.query_start)
        })
    }

    fn is_of(&self, seen: &Seen<'_>) -> bool {
        !is_other(self.backend_start, seen.row.backend_start)
    }

    /// Takes the statement that a session has now for the one that waits; whether it is the same session.
    pub(super) fn adopt(&mut self, seen: Option<&&Seen<'_>>) -> bool {
        let Some(seen) = seen.filter(|seen| self.is_of(seen)) else { return false };
        self.query_start = seen.row.query_start;
        self.statement = None;
        self.origin = None;
        true
    }

    /// A sample at `at` shows it.
    pub(super) fn see(&mut self, at: SystemTime, seen: Option<&Seen<'_>>) {
        if self.seen != at {
            self.stands_for = None;
        }
        self.gap = self.gap.or(self.lost.take());
        self.seen = at;
        self.name(seen);
    }

    /// Whether a look that finds this finds it. (Before PostgreSQL 14 nothing tells one wait of a
    /// statement from the next.)
    pub(super) fn is_in(&self, wait: &Wait) -> bool {
        self.waitstarts.is_empty()
            || wait.since.is_none_or(|since| self.waitstarts.contains(&since))
    }

    /// Whether a look that finds this finds it, and no other.
    pub(super) fn is_surely(&self, wait: &Wait) -> bool {
        wait.since.is_some_and(|since| self.waitstarts.contains(&since))
    }

    /// A sample does not show it; since when none has.
    pub(super) fn lose(&mut self, now: Now) -> SystemTime {
        let end = self.end(now);
        *self.lost.insert(end)
    }

    /// When it ended, if a sample shows it no more.
    pub(super) fn end(&self, now: Now) -> SystemTime {
        if let Some(lost) = self.lost {
            return lost;
        }
        let latest = self.seen + now.reached_from(self.seen);
        self.stands_for.map_or_else(
            || now.end_of(self.seen),
            |time| (self.start + time).max(self.seen).min(latest),
        )
    }

    /// How wrong its length may be when samples are so far apart.
    #[must_use]
    pub fn error(&self, interval: Duration) -> Duration {
        if self.is_exact && self.stands_for.is_none() { interval / 2 } else { interval }
    }

    fn name(&mut self, seen: Option<&Seen<'_>>) {
        let Some(seen) = seen else { return };
        if self.who.is_none() {
            self.who = Some(Arc::clone(&seen.who));
        }
        if !matches!(seen.row.state, State::Active | State::Hidden) {
            return;
        }
        if self.query_start.is_none() {
            self.query_start = seen.row.query_start;
        }
        if self.statement.as_ref().is_none_or(|statement| statement.text.is_none()) {
            self.statement = Some(Arc::clone(&seen.statement));
        }
        if self.origin.is_none() {
            self.origin = Some(Arc::clone(&seen.origin));
        }
    }

    /// When the waits that a look shows began, if they are others than this one. It goes on for as
    /// long as one of the processes that wait in it does.
    pub(super) fn is_followed_by(&self, waits: &[&Wait], now: Now) -> Option<SystemTime> {
        let since = || waits.iter().filter_map(|wait| wait.since);
        let goes_on = since().any(|since| self.waitstarts.contains(&since));
        let begun = now.place(since().min()?);
        let is_later = self.gap.is_some_and(|gap| begun > gap);
        (!goes_on && (!self.waitstarts.is_empty() || is_later)).then_some(begun)
    }

    /// What a look says of the session's own wait and of those of the workers that help it.
    pub(super) fn learn(&mut self, waits: &[&Wait], now: Now) {
        self.gap = None;
        let is_new = self.waitstarts.is_empty();
        let since: Vec<SystemTime> = waits.iter().filter_map(|wait| wait.since).collect();
        if let Some(first) = since.iter().min().copied() {
            self.waitstarts = since;
            // What is charged is charged.
            if is_new && self.charged == self.start {
                let begun = now.place(first).min(self.seen);
                self.start = self.before.map_or(begun, |before| begun.max(before));
                self.charged = self.start;
                self.is_exact = true;
            }
        }
        let Some(wait) = waits.iter().min_by_key(|wait| (wait.since.is_none(), wait.since)) else {
            return;
        };
        let relation =
            wait.relation.or_else(|| self.object.as_ref().and_then(|object| object.relation));
        let is_known = self.object.as_ref().is_some_and(|object| {
            *object.locktype == *wait.locktype
                && *object.mode == *wait.mode
                && object.relation == relation
        });
        if !is_known {
            self.object = Some(Object {
                locktype: wait.locktype.as_str().into(),
                mode: wait.mode.as_str().into(),
                relation,
            });
        }
    }

    /// The time up to `until` that was not charged yet; it is from now on.
    pub(super) fn take_charge(&mut self, until: SystemTime) -> Duration {
        let time = span(self.charged, until);
        self.charged = self.charged.max(until);
        time
    }

    /// Adds time to a root's share.
    pub(super) fn blame(&mut self, root: Root, time: Duration) {
        let known = self.roots.iter().position(|(known, _)| known.is_same(&root));
        let entry = match known {
            Some(index) => {
                let (known, before) = self.roots.remove(index);
                (Root { xact_start: root.xact_start, ..known }, before + time)
            }
            None if self.roots.len() >= ROOTS => return,
            None => (root, time),
        };
        self.roots.push(entry);
    }

    /// The root that blocked it when last looked at.
    pub(super) fn last_root(&self) -> Option<&Root> {
        self.roots.last().map(|(root, _)| root)
    }

    /// The root that blocked it longest.
    #[must_use]
    pub fn worst_root(&self) -> Option<&Root> {
        self.roots.iter().max_by_key(|(_, time)| *time).map(|(root, _)| root)
    }

    /// How long it was, so far or in the end: what has been charged.
    #[must_use]
    pub fn charged_time(&self) -> Duration {
        span(self.start, self.charged)
    }

    /// The relation it is about.
    #[must_use]
    pub fn relation(&self) -> Option<RelationKey> {
        self.object.as_ref()?.relation
    }

    /// Its database.
    #[must_use]
    pub fn datname(&self) -> Arc<str> {
        self.who.as_ref().map_or_else(|| UNKNOWN.into(), |who| Arc::clone(&who.datname))
    }

    pub(super) fn statement_module(&self) -> Arc<str> {
        self.statement.as_ref().map_or_else(|| OTHER.into(), |s| Arc::clone(&s.module))
    }

    fn application(&self) -> Arc<str> {
        self.who.as_ref().map_or_else(|| UNKNOWN.into(), |who| Arc::clone(&who.application))
    }

    pub(super) fn charge(&self, pid: i32, root: &Root, time: Duration, is_last: bool) -> Charge {
        Charge {
            waiter: pid,
            origin: self.origin.clone(),
            root: root.pid,
            root_application: Arc::clone(&root.application),
            root_origin: root.origin.clone(),
            root_xact: root.xact_start,
            time,
            is_last,
        }
    }

    pub(super) fn blocked_key(&self, root: &Root) -> BlockedKey {
        BlockedKey {
            datname: self.datname(),
            module: Arc::clone(&self.module),
            application: self.application(),
            root_application: Arc::clone(&root.application),
            root_state: root.state,
        }
    }

    pub(super) fn wait_key(&self, root: &Root) -> WaitKey {
        let mode = self.object.as_ref().map(|object| Arc::clone(&object.mode));
        WaitKey {
            datname: self.datname(),
            module: Arc::clone(&self.module),
            mode: mode.unwrap_or_else(|| UNKNOWN.into()),
            application: self.application(),
            root_application: Arc::clone(&root.application),
        }
    }
}

fn is_other(a: Option<SystemTime>, b: Option<SystemTime>) -> bool {
    a.is_some() && a != b
}
