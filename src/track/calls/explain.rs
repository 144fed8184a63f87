//! The join: which waits and transactions of a server belong to a call.
//!
//! What carries the call's trace id belongs to it, for the time that both last. Without one, what
//! sessions of the same integration did within the call does: a wait or transaction that lies in it
//! whole. An outbound call is tied to the session that was idle in transaction meanwhile: by trace
//! id, or, if exactly one session's gap fits the call at both ends, by time.

use std::sync::Arc;
use std::time::Duration;

use crate::integration::{Direction, TraceId};
use crate::track::footprints::{Gap, Step, Stretch, Trail};
use crate::track::reports::{Evidence, HeldOpen, LockWait, SlowTransaction};
use crate::track::timeline::in_seconds;

/// How far sampling may be off at either end of what it saw.
const TOLERANCE: Duration = Duration::from_millis(150);
/// How much longer than the call a gap may be at either end to be tied to it by time.
const AROUND: Duration = Duration::from_millis(250);
/// A shorter call is tied to no gap by time: too much looks like it.
const TELLING: Duration = Duration::from_millis(200);
/// Waits and transactions that are listed.
const LISTED: usize = 5;

/// A call, as a server is asked about it.
#[derive(Clone, Debug)]
pub struct Question {
    /// Whose.
    pub integration: Arc<str>,
    /// Who calls whom.
    pub direction: Direction,
    /// The request it belongs to.
    pub trace: Option<TraceId>,
    /// When it began and ended, since the agent's start.
    pub from: Duration,
    /// When it ended.
    pub to: Duration,
    /// Other calls of the integration that overlap it, likewise.
    pub rivals: Vec<(Duration, Duration)>,
}

/// The same on a server's line of time.
pub(in crate::track) struct Placed<'a> {
    pub(in crate::track) question: &'a Question,
    pub(in crate::track) call: Stretch,
    pub(in crate::track) rivals: Vec<Stretch>,
}

impl Placed<'_> {
    /// What was found; waits and transactions that go on are given besides the trail.
    pub(in crate::track) fn explain(
        &self,
        trail: &Trail,
        open_waits: &[Step<LockWait>],
        open_transactions: &[Step<SlowTransaction>],
    ) -> Option<Evidence> {
        match self.question.direction {
            Direction::Outbound => self.held_open(trail),
            Direction::Inbound => {
                let waits = trail.waits(self.call).chain(open_waits);
                let transactions = trail.transactions(self.call).chain(open_transactions);
                self.inbound(waits, transactions)
            }
        }
    }

    fn inbound<'a>(
        &self,
        waits: impl Iterator<Item = &'a Step<LockWait>>,
        transactions: impl Iterator<Item = &'a Step<SlowTransaction>>,
    ) -> Option<Evidence> {
        let waits: Vec<_> = waits.filter_map(|step| Some((self.tie(step)?, step))).collect();
        let transactions: Vec<_> =
            transactions.filter_map(|step| Some((self.tie(step)?, step))).collect();
        let ties = waits.iter().map(|(tie, _)| *tie).chain(transactions.iter().map(|(t, _)| *t));
        let best = ties.min()?;
        let mut waits: Vec<_> =
            waits.into_iter().filter(|(tie, _)| *tie == best).map(|(_, step)| step).collect();
        let mut transactions: Vec<_> =
            transactions.into_iter().filter(|(tie, _)| *tie == best).map(|(_, s)| s).collect();
        let within = |stretch: &Stretch| self.call.overlap(stretch);
        waits.sort_by_key(|step| std::cmp::Reverse(within(&step.stretch)));
        transactions.sort_by_key(|step| std::cmp::Reverse(within(&step.stretch)));
        let length = self.call.overlap(&self.call);
        let waited: Duration = waits.iter().map(|step| within(&step.stretch)).sum();
        let part = |of: fn(&SlowTransaction) -> f64| -> f64 {
            let share = |step: &&Step<SlowTransaction>| {
                let whole = step.stretch.overlap(&step.stretch).as_secs_f64();
                if whole > 0.0 { within(&step.stretch).as_secs_f64() / whole } else { 0.0 }
            };
            transactions.iter().map(|step| of(&step.what) * share(step)).sum()
        };
        let idle = part(|transaction| transaction.idle_seconds);
        let executing = part(|t| (t.seconds - t.idle_seconds - t.waited_seconds).max(0.0));
        let longest = waits.first().map(|s| s.stretch).or(transactions.first().map(|s| s.stretch));
        Some(Evidence {
            joined_by: best.name(),
            among: if best == Tie::Trace { 1 } else { self.among(longest) },
            waited_seconds: in_seconds(waited.min(length)),
            executing_seconds: rounded(executing.min(length.as_secs_f64())),
            idle_in_transaction_seconds: rounded(idle.min(length.as_secs_f64())),
            lock_waits: waits.iter().take(LISTED).map(|step| Arc::clone(&step.what)).collect(),
            transactions: transactions.iter().take(LISTED).map(|s| Arc::clone(&s.what)).collect(),
            ..Evidence::default()
        })
    }

    /// What ties a step to the call, if anything does.
    fn tie<T>(&self, step: &Step<T>) -> Option<Tie> {
        if self.call.overlap(&step.stretch).is_zero() {
            return None;
        }
        if let Some(trace) = self.question.trace {
            if step.traces.contains(&trace) {
                return Some(Tie::Trace);
            }
            // It worked for another request.
            if !step.traces.is_empty() {
                return None;
            }
        }
        let is_ours = step.integration.as_ref() == Some(&self.question.integration);
        (is_ours && self.call.holds(&step.stretch, TOLERANCE)).then_some(Tie::Time)
    }

    /// How many known calls the step can belong to, this one among them.
    fn among(&self, step: Option<Stretch>) -> usize {
        let Some(step) = step else { return 1 };
        1 + self.rivals.iter().filter(|rival| rival.holds(&step, TOLERANCE)).count()
    }

    fn held_open(&self, trail: &Trail) -> Option<Evidence> {
        let length = self.call.overlap(&self.call);
        let gaps: Vec<&Gap> = trail.gaps(self.call).collect();
        let by_trace = self.question.trace.and_then(|trace| {
            gaps.iter().find(|gap| {
                gap.traces.contains(&trace) && gap.stretch.overlap(&self.call) * 2 >= length
            })
        });
        let fits = |gap: &&&Gap| {
            let traced = self.question.trace.is_some() && !gap.traces.is_empty();
            !traced
                && gap.stretch.holds(&self.call, TOLERANCE)
                && self.call.holds(&gap.stretch, AROUND)
        };
        let by_time = || {
            let mut fitting = gaps.iter().filter(fits);
            let first = fitting.next().filter(|_| length >= TELLING)?;
            fitting.next().is_none().then_some(first)
        };
        let (joined_by, gap) = match by_trace {
            Some(gap) => (Tie::Trace, gap),
            None => (Tie::Time, by_time()?),
        };
        let among = if joined_by == Tie::Trace { 1 } else { self.among(Some(self.call)) };
        let seconds = in_seconds(gap.stretch.overlap(&gap.stretch));
        Some(Evidence {
            joined_by: joined_by.name(),
            among,
            idle_in_transaction_seconds: in_seconds(gap.stretch.overlap(&self.call)),
            held_open: Some(HeldOpen { party: Arc::clone(&gap.party), seconds, wrote: gap.wrote }),
            ..Evidence::default()
        })
    }
}

/// What ties a step to a call, the stronger first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Tie {
    Trace,
    Time,
}

impl Tie {
    const fn name(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Time => "time",
        }
    }
}

impl Evidence {
    /// Whether the call was made in an open transaction for certain, and not only at the same time.
    #[must_use]
    pub fn is_held_open_by_trace(&self) -> bool {
        self.held_open.is_some() && self.joined_by == Tie::Trace.name()
    }
}

fn rounded(seconds: f64) -> f64 {
    (seconds * 1e4).round() / 1e4
}
