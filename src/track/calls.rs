//! Calls of integrations: counted by operation, and joined with what the databases had to do with
//! them.
//!
//! A call is counted at once. One that is long or failed is joined a little later, when samples have
//! shown the end of what it waited for.

pub mod explain;
mod held;
mod operations;
mod requests;
pub mod texts;
mod twice;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use self::explain::Question;
pub use self::held::{Held, HeldIn, HeldOpenIn, Sum};
use self::operations::Operations;
pub use self::operations::{Exemplar, OperationKey, OperationView};
use self::requests::Requests;
use self::texts::Known;
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
/// A call in an open transaction is told each time from this length on.
const LONG: Duration = Duration::from_secs(1);
/// A shorter one is told again after this time.
const AGAIN: Duration = Duration::from_secs(600);
/// Percentiles of late calls are of one to two of these.
const WINDOW: Duration = Duration::from_secs(300);

/// All calls since the agent's start.
#[derive(Debug, Default)]
pub struct Calls {
    declared: Arc<Integrations>,
    all: BTreeMap<Arc<str>, Of>,
    settling: VecDeque<(Duration, Timed)>,
    unjoined: u64,
    requests: Requests,
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
    held_in: HeldOpenIn,
    /// When it was last told that an operation is called in open transactions; of those that have no
    /// room for counts of their own together, so there are few.
    told_open: BTreeMap<Arc<str>, Duration>,
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
    /// The same by server and database, with how long these were open.
    pub held_in: HeldOpenIn,
    /// When the last call ended, or bytes last moved in a tunnel.
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
        self.requests.add_statements(at.elapsed, told.database);
        for call in told.calls {
            let end = call.began + call.length;
            // By the wall clock, as another program has seen it.
            let to = at.elapsed.saturating_sub(span(end, at.wall));
            let from = to.saturating_sub(call.length);
            if self.twice.is_known(&call, from, to) {
                continue;
            }
            self.requests.add_call(at.elapsed, &call, from, to);
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

    /// Bytes have moved then in a tunnel of this integration, which is not silent though no call has ended; whether that is
    /// later than what was known.
    pub fn moved(&mut self, integration: &Arc<str>, at: SystemTime) -> bool {
        let of = self.all.entry(Arc::clone(integration)).or_default();
        let is_later = of.last < Some(at);
        of.last = of.last.max(Some(at));
        is_later
    }

    /// Time goes on, also without calls; whether that changes the picture.
    pub fn turn(&mut self, now: Duration) -> bool {
        let turned = self.all.values_mut().map(|of| u64::from(of.turn(now)));
        turned.sum::<u64>() > 0
    }

    /// Joins the calls that are due: `explain` asks every server, `identify` knows statements by their
    /// text. Returns what somebody should know, with the server that had most to do with it.
    pub fn settle(
        &mut self,
        at: Moment,
        explain: impl Fn(&Question) -> Vec<Evidence>,
        identify: impl Fn(&str) -> Option<Known>,
    ) -> Vec<(Option<Arc<str>>, Report)> {
        let mut told = Vec::new();
        let (due, waiting): (VecDeque<_>, VecDeque<_>) =
            std::mem::take(&mut self.settling).into_iter().partition(|(due, _)| *due <= at.elapsed);
        self.settling = waiting;
        for (_, timed) in due {
            let Some(of) = self.all.get_mut(&timed.call.integration) else { continue };
            let evidence = explain(&of.question(&timed));
            let slow = is_slow(self.declared.get(&timed.call.integration), &timed.call);
            let held_open = evidence.iter().any(|found| found.held_open.is_some());
            of.held_open += u64::from(held_open);
            held::add(&mut of.held_in, &evidence);
            let waited = evidence.iter().any(|found| found.waited_seconds >= WORTH);
            let is_news = held_open && of.is_news(&timed.call, at.elapsed);
            if !(slow || waited || is_news || timed.call.fault.is_some()) {
                continue;
            }
            let server = evidence.first().map(|found| Arc::clone(&found.server));
            let mut report = CallReport::of(&timed.call, slow, evidence);
            if let Some(trace) = timed.call.trace {
                report.statements = self.requests.statements(trace, &identify);
                if timed.call.direction == Direction::Inbound {
                    report.calls = self.requests.calls(trace, timed.from, timed.to);
                }
            }
            report.summarise();
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
        // Who saw it may have a clock that is ahead of ours.
        self.last = self.last.max(Some((call.began + call.length).min(at.wall)));
        self.turn(at.elapsed);
        let [current, _] = &mut self.late;
        current.observe(call.length);
        if self.stretches.len() >= RIVALS {
            self.stretches.pop_front();
        }
        self.stretches.push_back(stretch);
    }

    /// Forgets the lengths of calls that are not of late any more; whether there were any.
    fn turn(&mut self, now: Duration) -> bool {
        let past = now.saturating_sub(self.window);
        if past < WINDOW {
            return false;
        }
        let [current, before] = &mut self.late;
        let had_any = current.count() + before.count() > 0;
        *before = std::mem::take(current);
        if past >= 2 * WINDOW {
            *before = Distribution::default();
        }
        self.window = now;
        had_any
    }

    /// Whether it was not told of late that this operation is called in open transactions, or the
    /// call is long enough to be told each time.
    fn is_news(&mut self, call: &Call, now: Duration) -> bool {
        let operation = self.operations.counted_as(call);
        let is_old =
            self.told_open.get(&operation).is_some_and(|told| now.saturating_sub(*told) < AGAIN);
        let is_news = call.length >= LONG || !is_old;
        if is_news {
            self.told_open.insert(operation, now);
        }
        is_news
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
            held_in: self.held_in.clone(),
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
