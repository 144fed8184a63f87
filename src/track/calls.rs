//! Calls of integrations: counted by operation, and joined with what the databases had to do with
//! them.
//!
//! A call is counted at once. One that is long or failed is joined a little later, when samples have
//! shown the end of what it waited for.

pub mod explain;
mod operations;
mod queries;
mod twice;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use self::explain::Question;
use self::operations::Operations;
pub use self::operations::{Exemplar, OperationKey, OperationView};
use self::queries::Queries;
use self::twice::Twice;
use super::distribution::Distribution;
use super::reports::{CallReport, Evidence, Report};
use super::timeline::span;
use crate::integration::{Call, Direction, Integration, Integrations, Told};
use crate::sample::Moment;

/// After the end of a call samples are waited for so long.
const SETTLE: Duration = Duration::from_millis(1_200);
/// A shorter call that did not fail is not joined.
const JOINED: Duration = Duration::from_millis(100);
/// Calls that may wait to be joined; the rest is counted.
const WAITING: usize = 5_000;
/// Ends of calls of one integration that are remembered, to know which overlap.
const RIVALS: usize = 2_000;
/// Reports of one integration that are kept.
const NOTABLE: usize = 50;
/// A wait shorter than this is not worth an event of its own, in seconds.
const WORTH: f64 = 0.05;
/// Percentiles of late calls are of one to two of these.
const WINDOW: Duration = Duration::from_secs(300);

/// All calls since the agent's start.
#[derive(Debug, Default)]
pub struct Calls {
    declared: Arc<Integrations>,
    all: BTreeMap<Arc<str>, Of>,
    settling: VecDeque<(Duration, Timed)>,
    unjoined: u64,
    queries: Queries,
    twice: Twice,
}

/// A call and when it was, since the agent's start.
#[derive(Debug)]
struct Timed {
    call: Call,
    from: Duration,
    to: Duration,
}

/// The calls of one integration.
#[derive(Debug, Default)]
struct Of {
    operations: Operations,
    errors: BTreeMap<&'static str, u64>,
    held_open: u64,
    last: Option<SystemTime>,
    late: [Distribution; 2],
    window: Duration,
    stretches: VecDeque<(Duration, Duration)>,
    notable: VecDeque<Arc<CallReport>>,
}

/// An immutable picture.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// Each that is declared, and each that was and has counted something.
    pub integrations: Vec<OfView>,
    /// Calls that were not joined as too many waited for it.
    pub unjoined: u64,
    /// Calls that two have told of and that were counted once.
    pub told_twice: u64,
}

/// The calls of one integration.
#[derive(Clone, Debug)]
pub struct OfView {
    /// Its name.
    pub name: Arc<str>,
    /// As declared; absent if it is no more.
    pub declared: Option<Arc<Integration>>,
    /// By operation.
    pub operations: Vec<OperationView>,
    /// Failed calls by cause.
    pub errors: BTreeMap<&'static str, u64>,
    /// Calls made while a transaction was kept open.
    pub held_open: u64,
    /// When the last call ended.
    pub last: Option<SystemTime>,
    /// p50, p90, p99 and p99.9 in seconds of the calls of the last five to ten minutes; absent
    /// without any.
    pub percentiles: Option<[f64; 4]>,
    /// Slow, failed and explained calls of late, the last first.
    pub notable: Vec<Arc<CallReport>>,
}

impl Calls {
    /// Others are declared from now on; what was counted stays.
    pub fn declare(&mut self, declared: Arc<Integrations>) {
        self.declared = declared;
    }

    /// Counts calls, and remembers what was sent to databases for them.
    pub fn apply(&mut self, at: Moment, told: Told) {
        self.queries.add(at.elapsed, told.database);
        for call in told.calls {
            let end = call.began + call.length;
            // By the wall clock, as another program has seen it.
            let to = at.elapsed.saturating_sub(span(end, at.wall));
            let from = to.saturating_sub(call.length);
            if self.twice.is_known(&call, from, to) {
                continue;
            }
            let of = self.all.entry(Arc::clone(&call.integration)).or_default();
            let slow = is_slow(self.declared.get(&call.integration), &call);
            of.count(&call, slow, (from, to), at);
            if call.length < JOINED && call.fault.is_none() {
                continue;
            }
            if self.settling.len() >= WAITING {
                self.unjoined += 1;
                continue;
            }
            let due = (to + SETTLE).max(at.elapsed);
            self.settling.push_back((due, Timed { call, from, to }));
        }
    }

    /// Joins the calls that are due: `explain` asks every server. Returns what somebody should know,
    /// with the server that had most to do with it.
    pub fn settle(
        &mut self,
        at: Moment,
        explain: impl Fn(&Question) -> Vec<Evidence>,
    ) -> Vec<(Option<Arc<str>>, Report)> {
        let mut told = Vec::new();
        let (due, waiting): (VecDeque<_>, VecDeque<_>) =
            std::mem::take(&mut self.settling).into_iter().partition(|(due, _)| *due <= at.elapsed);
        self.settling = waiting;
        for (_, timed) in due {
            let Some(of) = self.all.get_mut(&timed.call.integration) else { continue };
            let evidence = explain(&of.question(&timed));
            let slow = is_slow(self.declared.get(&timed.call.integration), &timed.call);
            if evidence.iter().any(|found| found.held_open.is_some()) {
                of.held_open += 1;
            }
            let is_explained =
                evidence.iter().any(|e| e.waited_seconds >= WORTH || e.held_open.is_some());
            if !(slow || is_explained || timed.call.fault.is_some()) {
                continue;
            }
            let server = evidence.first().map(|found| Arc::clone(&found.server));
            let sent = timed.call.trace.map(|trace| self.queries.of(trace)).unwrap_or_default();
            let report = CallReport::of(&timed.call, slow, evidence, sent);
            of.notable.push_front(Arc::new(report.clone()));
            of.notable.truncate(NOTABLE);
            told.push((server, Report::IntegrationCall(report)));
        }
        told
    }

    /// What was counted so far.
    #[must_use]
    pub fn view(&self) -> View {
        let declared = self.declared.iter().map(|integration| &integration.name);
        let past = self.all.keys().filter(|name| self.declared.get(name).is_none());
        let nothing = Of::default();
        let view = |name: &Arc<str>| {
            let of = self.all.get(name).unwrap_or(&nothing);
            of.view(name, self.declared.get(name))
        };
        View {
            integrations: declared.chain(past).map(view).collect(),
            unjoined: self.unjoined,
            told_twice: self.twice.count(),
        }
    }
}

impl Of {
    fn count(&mut self, call: &Call, slow: bool, stretch: (Duration, Duration), at: Moment) {
        self.operations.count(call, slow, at.wall);
        if let Some(fault) = call.fault {
            *self.errors.entry(fault.name()).or_default() += 1;
        }
        self.last = self.last.max(Some(call.began + call.length));
        if at.elapsed.saturating_sub(self.window) >= WINDOW {
            let [current, before] = &mut self.late;
            *before = std::mem::take(current);
            self.window = at.elapsed;
        }
        let [current, _] = &mut self.late;
        current.observe(call.length);
        if self.stretches.len() >= RIVALS {
            self.stretches.pop_front();
        }
        self.stretches.push_back(stretch);
    }

    fn question(&self, timed: &Timed) -> Question {
        let Timed { call, from, to } = timed;
        let own = (*from, *to);
        let overlaps =
            |rival: &&(Duration, Duration)| **rival != own && rival.0 < own.1 && own.0 < rival.1;
        Question {
            integration: Arc::clone(&call.integration),
            direction: call.direction,
            trace: call.trace,
            from: *from,
            to: *to,
            rivals: self.stretches.iter().filter(overlaps).copied().collect(),
        }
    }

    fn view(&self, name: &Arc<str>, declared: Option<&Arc<Integration>>) -> OfView {
        let [current, before] = &self.late;
        let late = current.with(before);
        let percentiles = (late.count() > 0)
            .then(|| [0.5, 0.9, 0.99, 0.999].map(|share| late.quantile(share).as_secs_f64()));
        OfView {
            name: Arc::clone(name),
            declared: declared.cloned(),
            operations: self.operations.view(),
            errors: self.errors.clone(),
            held_open: self.held_open,
            last: self.last,
            percentiles,
            notable: self.notable.iter().cloned().collect(),
        }
    }
}

fn is_slow(declared: Option<&Arc<Integration>>, call: &Call) -> bool {
    let objective = declared.and_then(|integration| integration.objective.latency);
    objective.is_some_and(|latency| call.length > latency)
}

impl OfView {
    /// Calls that have ended.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.operations.iter().map(|operation| operation.ok + operation.failed).sum()
    }

    /// Of these, those that failed.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.operations.iter().map(|operation| operation.failed).sum()
    }

    /// Who calls; of one that is declared no more, who called last.
    #[must_use]
    pub fn direction(&self) -> Option<Direction> {
        let seen = || self.operations.first().map(|operation| operation.key.direction);
        self.declared.as_ref().map(|declared| declared.direction).or_else(seen)
    }
}

#[cfg(test)]
mod tests;
