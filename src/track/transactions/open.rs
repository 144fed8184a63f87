//! A transaction that goes on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::SlowKey;
use crate::erp::OTHER;
use crate::integration::TraceId;
use crate::sample::activity::{Session, State};
use crate::track::sessions::{Origin, Seen, Statement, Who};
use crate::track::timeline::{Now, span};

/// Statements of one transaction that are told apart.
const STATEMENTS: usize = 20;
/// Requests of one transaction that are told apart.
const TRACES: usize = 8;
/// Victims that are counted.
const VICTIMS: usize = 1_000;

/// A statement's part in a transaction.
#[derive(Clone, Debug)]
pub struct Share {
    /// Which.
    pub statement: Arc<Statement>,
    /// How long it was seen to execute.
    pub time: Duration,
}

/// What was seen of a transaction.
#[derive(Clone, Debug)]
pub struct Open {
    /// When it began, on the server's line of time.
    pub start: SystemTime,
    /// The last sample with it.
    pub seen: SystemTime,
    /// Whose session it is.
    pub who: Arc<Who>,
    /// What the session was doing at that sample.
    pub state: State,
    /// Since when.
    pub state_since: SystemTime,
    /// On whose behalf, as the first of its statements says that says so.
    pub origin: Arc<Origin>,
    /// The requests that its statements belong to.
    pub traces: Vec<TraceId>,
    /// The statement now, or the last one.
    pub statement: Arc<Statement>,
    /// When that began.
    pub statement_start: SystemTime,
    /// How long it was idle between statements.
    pub idle: Duration,
    /// Statements seen in it, in the order in which they were seen first.
    pub statements: Vec<Share>,
    /// Executing time of statements that are not told apart.
    pub other_statements: Duration,
    /// How long it has waited for locks.
    pub waited: Duration,
    /// How long others have waited because of it, all together.
    pub caused: Duration,
    /// Who has waited because of it.
    pub victims: BTreeSet<i32>,
    /// The most transactions that it has kept back from vacuum.
    pub xmin_age: u32,
    /// How many it keeps back at the last sample, and since when at a stretch.
    pub keeps_back: Option<(u32, SystemTime)>,
    /// The longest that it kept some back at a stretch.
    pub kept_back: Duration,
    /// Whether it has changed something.
    pub holds_xid: bool,
    identity: (Option<SystemTime>, Option<SystemTime>),
}

impl Open {
    pub(super) fn begin(seen: &Seen<'_>, now: Now, start: SystemTime) -> Self {
        let row = seen.row;
        let mut open = Self {
            start,
            seen: now.at,
            who: Arc::clone(&seen.who),
            state: row.state,
            state_since: start,
            origin: Arc::clone(&seen.origin),
            traces: Vec::new(),
            statement: Arc::clone(&seen.statement),
            statement_start: start,
            idle: Duration::ZERO,
            statements: Vec::new(),
            other_statements: Duration::ZERO,
            waited: Duration::ZERO,
            caused: Duration::ZERO,
            victims: BTreeSet::new(),
            xmin_age: 0,
            keeps_back: None,
            kept_back: Duration::ZERO,
            holds_xid: false,
            identity: (row.backend_start, row.xact_start),
        };
        open.account(seen, now, start, None);
        open
    }

    /// Whether a session of the same pid is still in this transaction.
    pub(super) fn is(&self, row: &Session) -> bool {
        let (backend_start, xact_start) = self.identity;
        let has_failed = row.state == State::Aborted && row.xact_start.is_none();
        backend_start == row.backend_start && (xact_start == row.xact_start || has_failed)
    }

    /// Whether it is the one that began at this moment of the server's clock, if that is known.
    pub(super) fn began_at(&self, xact_start: Option<SystemTime>) -> bool {
        xact_start.is_none() || xact_start == self.identity.1
    }

    pub(super) fn go_on(&mut self, seen: &Seen<'_>, now: Now, last: Option<SystemTime>) {
        let from = last.map_or(self.seen, |last| last.max(self.seen));
        // After a time when the agent did not look, what was seen before it says nothing.
        let is_gap = now.reached_from(from) < span(from, now.at);
        self.account(seen, now, from, Some(self.state).filter(|_| !is_gap));
    }

    /// Tells what the time from `from` to now was spent on.
    ///
    /// What the session does now it has done since `state_change`; an idle one executed before
    /// that, from `query_start` on. What was before the last statement is taken for what was seen
    /// at the sample before; nothing is said of it if there was none.
    fn account(&mut self, seen: &Seen<'_>, now: Now, from: SystemTime, before: Option<State>) {
        let row = seen.row;
        let place =
            |moment: Option<SystemTime>| moment.map_or(from, |moment| now.place(moment)).max(from);
        let (query_start, state_change) = (place(row.query_start), place(row.state_change));
        let is_idle = matches!(row.state, State::IdleInTransaction | State::Aborted);
        let unseen = span(from, query_start);
        match before {
            Some(State::Active) => {
                let statement = Arc::clone(&self.statement);
                self.share(&statement, unseen);
            }
            Some(_) => self.idle += unseen,
            None => {}
        }
        let (executing, idle) = if is_idle {
            (
                span(query_start, state_change.max(query_start)),
                span(state_change.max(query_start), now.at),
            )
        } else {
            (span(query_start, now.at), Duration::ZERO)
        };
        self.share(&seen.statement, executing);
        self.idle += idle;
        self.state = row.state;
        self.state_since = row.state_change.map_or(now.at, |moment| now.place(moment));
        self.statement = Arc::clone(&seen.statement);
        self.statement_start = row.query_start.map_or(now.at, |moment| now.place(moment));
        self.seen = now.at;
        self.learn_origin(&seen.origin);
        self.xmin_age = self.xmin_age.max(row.xmin_age.unwrap_or(0));
        self.keep_back(row.xmin_age, now.at);
        self.holds_xid |= row.holds_xid;
    }

    /// What is kept back by one snapshot or change only becomes more: if it is less now, that one is gone.
    fn keep_back(&mut self, age: Option<u32>, at: SystemTime) {
        self.keeps_back = age.map(|age| match self.keeps_back {
            Some((before, since)) if age >= before => (age, since),
            _ => (age, at),
        });
        if let Some((_, since)) = self.keeps_back {
            self.kept_back = self.kept_back.max(span(since, at));
        }
    }

    fn learn_origin(&mut self, origin: &Arc<Origin>) {
        if self.origin.integration.is_none() && origin.integration.is_some() {
            self.origin = Arc::clone(origin);
        }
        if let Some(trace) = origin.trace
            && !self.traces.contains(&trace)
            && self.traces.len() < TRACES
        {
            self.traces.push(trace);
        }
    }

    fn share(&mut self, statement: &Arc<Statement>, time: Duration) {
        // In nearly every sample it is the one of the sample before.
        let last =
            self.statements.last_mut().filter(|share| Arc::ptr_eq(&share.statement, statement));
        if let Some(share) = last {
            share.time += time;
        } else if let Some(share) =
            self.statements.iter_mut().find(|share| share.statement == *statement)
        {
            share.time += time;
        } else if self.statements.len() < STATEMENTS {
            self.statements.push(Share { statement: Arc::clone(statement), time });
        } else {
            self.other_statements += time;
        }
    }

    pub(super) fn blame(&mut self, victim: i32, time: Duration) {
        self.caused += time;
        if self.victims.len() < VICTIMS {
            self.victims.insert(victim);
        }
    }

    /// The module with most executing time; one that is known goes before `other`.
    #[must_use]
    pub fn module(&self) -> Arc<str> {
        let mut times: BTreeMap<&Arc<str>, Duration> = BTreeMap::new();
        for share in &self.statements {
            *times.entry(&share.statement.module).or_default() += share.time;
        }
        let most = times.into_iter().max_by_key(|(module, time)| (***module != *OTHER, *time));
        most.map_or_else(|| OTHER.into(), |(module, _)| Arc::clone(module))
    }

    pub(super) fn key(&self) -> SlowKey {
        SlowKey {
            datname: Arc::clone(&self.who.datname),
            application: Arc::clone(&self.who.application),
            module: self.module(),
        }
    }
}
