//! The trail: what sessions did of late that may explain a call of an integration.
//!
//! Only what carries a trace id or belongs to an integration is kept, and gaps in which a session was
//! idle in transaction: the ERP may have called somebody then.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::integration::TraceId;
use crate::sample::activity::{Backend, State};
use crate::track::reports::{LockWait, Party, SlowTransaction};
use crate::track::sessions::{Origin, Seen};
use crate::track::timeline::{Now, span};
use crate::track::transactions;

/// How long something is remembered.
const KEPT: Duration = Duration::from_secs(180);
/// How much of each kind.
const MOST: usize = 20_000;
/// How far from the order of their ends things may be remembered.
const DISORDER: Duration = Duration::from_secs(5);
/// A gap shorter than this explains no call.
const GAP: Duration = Duration::from_millis(80);

/// From when to when, on the server's line of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// Its beginning.
    pub start: SystemTime,
    /// Its end, or as far as it was seen.
    pub end: SystemTime,
}

impl Stretch {
    /// How long both last together.
    #[must_use]
    pub fn overlap(&self, other: &Self) -> Duration {
        span(self.start.max(other.start), self.end.min(other.end))
    }

    /// Whether it can reach into one that begins at another's start. Things are remembered in the order
    /// of their ends, but for the error of an interval.
    fn is_late_for(&self, other: Self) -> bool {
        span(self.end, other.start) <= DISORDER
    }

    /// Whether the other lies within this one, to `tolerance` at each end.
    #[must_use]
    pub fn holds(&self, other: &Self, tolerance: Duration) -> bool {
        span(other.start, self.start) <= tolerance && span(self.end, other.end) <= tolerance
    }
}

/// A wait or transaction, and what ties it to calls.
#[derive(Clone, Debug)]
pub struct Step<T> {
    /// When.
    pub stretch: Stretch,
    /// Its process.
    pub pid: i32,
    /// On whose behalf.
    pub integration: Option<Arc<str>>,
    /// The requests it worked for.
    pub traces: Vec<TraceId>,
    /// What it was.
    pub what: Arc<T>,
}

/// What ties something to calls.
#[derive(Clone, Debug)]
pub struct Ties {
    integration: Option<Arc<str>>,
    traces: Vec<TraceId>,
}

impl Ties {
    /// Of a statement; `None` if nothing ties it.
    #[must_use]
    pub fn of(origin: Option<&Origin>) -> Option<Self> {
        let origin = origin?;
        Self::new(origin, origin.trace.into_iter().collect())
    }

    /// Of a transaction; `None` if nothing ties it.
    #[must_use]
    pub fn of_transaction(transaction: &transactions::Open) -> Option<Self> {
        Self::new(&transaction.origin, transaction.traces.clone())
    }

    fn new(origin: &Origin, traces: Vec<TraceId>) -> Option<Self> {
        let integration = origin.integration.as_ref().map(|i| Arc::clone(&i.name));
        (integration.is_some() || !traces.is_empty()).then_some(Self { integration, traces })
    }

    /// Whether that can tie it to a call of this integration or request.
    #[must_use]
    pub fn can_be_of(&self, integration: &Arc<str>, trace: Option<TraceId>) -> bool {
        self.integration.as_ref() == Some(integration)
            || trace.is_some_and(|trace| self.traces.contains(&trace))
    }

    /// Something that is tied so.
    #[must_use]
    pub fn step<T>(self, stretch: Stretch, pid: i32, what: &Arc<T>) -> Step<T> {
        let Self { integration, traces } = self;
        Step { stretch, pid, integration, traces, what: Arc::clone(what) }
    }
}

/// A time in which a session was idle within a transaction.
#[derive(Clone, Debug)]
pub struct Gap {
    /// When.
    pub stretch: Stretch,
    /// Its process.
    pub pid: i32,
    /// The requests that its statements worked for.
    pub traces: Vec<TraceId>,
    /// Whose; its statement is the one before the gap.
    pub party: Arc<Party>,
    /// The transaction had changed something, so it holds locks.
    pub wrote: bool,
    since: Option<SystemTime>,
}

/// What is remembered of one server.
#[derive(Debug, Default)]
pub struct Trail {
    /// Waits for locks that have ended.
    waits: VecDeque<Step<LockWait>>,
    /// Transactions that have ended.
    transactions: VecDeque<Step<SlowTransaction>>,
    /// Gaps that have ended.
    gaps: VecDeque<Gap>,
    open_gaps: HashMap<i32, Gap>,
}

impl Trail {
    pub(super) fn apply(&mut self, sessions: &[Seen<'_>], now: Now) {
        for seen in sessions {
            let row = seen.row;
            let is_idle = matches!(row.state, State::IdleInTransaction | State::Aborted)
                && seen.who.backend == Backend::Client;
            let is_same = |gap: &Gap| is_idle && gap.since == row.state_change;
            match self.open_gaps.get_mut(&row.pid) {
                Some(gap) if is_same(gap) => gap.stretch.end = now.at,
                Some(_) => {
                    let next = row.query_start.map(|start| now.place(start));
                    self.end(row.pid, next, now);
                    if is_idle {
                        self.open_gaps.insert(row.pid, gap(seen, now));
                    }
                }
                None if is_idle => {
                    self.open_gaps.insert(row.pid, gap(seen, now));
                }
                None => {}
            }
        }
        let gone = self.open_gaps.iter().filter(|(_, gap)| gap.stretch.end != now.at);
        let gone: Vec<i32> = gone.map(|(pid, _)| *pid).collect();
        for pid in gone {
            self.end(pid, None, now);
        }
        self.forget(now.at);
    }

    /// Ends a gap: when its session's next statement began, if that is seen.
    fn end(&mut self, pid: i32, next: Option<SystemTime>, now: Now) {
        let Some(mut gap) = self.open_gaps.remove(&pid) else { return };
        let seen = gap.stretch.end;
        gap.stretch.end = next.filter(|next| *next >= seen).unwrap_or_else(|| now.end_of(seen));
        if span(gap.stretch.start, gap.stretch.end) >= GAP {
            self.gaps.push_back(gap);
        }
    }

    fn forget(&mut self, now: SystemTime) {
        let is_old = |stretch: &Stretch| span(stretch.end, now) > KEPT;
        while self.waits.front().is_some_and(|s| is_old(&s.stretch)) || self.waits.len() > MOST {
            self.waits.pop_front();
        }
        while self.transactions.front().is_some_and(|s| is_old(&s.stretch))
            || self.transactions.len() > MOST
        {
            self.transactions.pop_front();
        }
        while self.gaps.front().is_some_and(|g| is_old(&g.stretch)) || self.gaps.len() > MOST {
            self.gaps.pop_front();
        }
    }

    /// Waits that have not ended long before a stretch began.
    pub fn waits(&self, stretch: Stretch) -> impl Iterator<Item = &Step<LockWait>> {
        self.waits.iter().rev().take_while(move |wait| wait.stretch.is_late_for(stretch))
    }

    /// Transactions that have not ended long before a stretch began.
    pub fn transactions(&self, stretch: Stretch) -> impl Iterator<Item = &Step<SlowTransaction>> {
        self.transactions.iter().rev().take_while(move |step| step.stretch.is_late_for(stretch))
    }

    /// Adds a wait that has ended.
    pub fn add_wait(&mut self, wait: Step<LockWait>) {
        self.waits.push_back(wait);
    }

    /// Adds a transaction that has ended.
    pub fn add_transaction(&mut self, transaction: Step<SlowTransaction>) {
        self.transactions.push_back(transaction);
    }

    /// Gaps that overlap a stretch, those that go on, too.
    pub fn gaps(&self, stretch: Stretch) -> impl Iterator<Item = &Gap> {
        let late = self.gaps.iter().rev().take_while(move |gap| gap.stretch.is_late_for(stretch));
        late.chain(self.open_gaps.values())
            .filter(move |gap| !gap.stretch.overlap(&stretch).is_zero())
    }
}

fn gap(seen: &Seen<'_>, now: Now) -> Gap {
    let start = seen.row.state_change.map_or(now.at, |since| now.place(since));
    Gap {
        stretch: Stretch { start, end: now.at },
        pid: seen.row.pid,
        traces: seen.origin.trace.into_iter().collect(),
        party: Arc::new(Party::of(seen.row.pid, &seen.who, &seen.statement, Some(&seen.origin))),
        wrote: seen.row.holds_xid,
        since: seen.row.state_change,
    }
}
