//! A call of an integration that was slow, failed, or that the database had to do with.

use std::fmt::Write;
use std::sync::Arc;
use std::time::SystemTime;

use serde::Serialize;

use super::{LockWait, Party, SlowTransaction, moment};
use crate::integration::{Call, Direction, Fault, Source, TraceId};
use crate::track::calls::texts::Known;
use crate::track::timeline::in_seconds;

/// One call.
#[derive(Clone, Debug, Serialize)]
pub struct CallReport {
    /// Whose.
    pub integration: Arc<str>,
    /// Who calls whom.
    pub direction: Direction,
    /// Template of its route.
    pub operation: Arc<str>,
    /// When it began, by the clock of who saw it.
    #[serde(serialize_with = "moment")]
    pub started: SystemTime,
    /// How long it was.
    pub seconds: f64,
    /// `ok` or `failed`.
    pub outcome: &'static str,
    /// Why it failed.
    pub error: Option<&'static str>,
    /// Longer than the integration's objective.
    pub slow: bool,
    /// The request it belongs to.
    pub trace_id: Option<TraceId>,
    /// Who saw it.
    pub source: Source,
    /// What was sent to databases for it, as spans of the database's clients tell; the longest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub statements: Vec<Sent>,
    /// Calls to others that were made within it, the longest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<Made>,
    /// What the database had to do with it, for people.
    pub summary: String,
    /// The same as data, one for each server that had.
    pub evidence: Vec<Evidence>,
}

/// A call to another system, made within a call.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Made {
    /// Whose.
    pub integration: Arc<str>,
    /// Template of its route.
    pub operation: Arc<str>,
    /// How long, as far as it lies within.
    pub seconds: f64,
}

/// Statements of one text that were sent for a call.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Sent {
    /// Normalised; absent if the spans do not tell.
    pub query: Option<Arc<str>>,
    /// The same in pg_stat_statements, if it is shown singly there.
    #[serde(flatten)]
    pub statement: Option<Known>,
    /// How many.
    pub count: u64,
    /// How long all of them took, as the client has seen it.
    pub seconds: f64,
}

/// What one server had to do with a call.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Evidence {
    /// Its name in the config.
    pub server: Arc<str>,
    /// `trace`: they carry the same trace id. `time`: sessions of the same integration, within it.
    pub joined_by: &'static str,
    /// Joined by time: how many calls of the integration it can belong to.
    pub among: usize,
    /// How long its sessions waited for locks within the call.
    pub waited_seconds: f64,
    /// How long they executed.
    pub executing_seconds: f64,
    /// How long they were idle in transaction.
    pub idle_in_transaction_seconds: f64,
    /// Those waits, the longest first.
    pub lock_waits: Vec<Arc<LockWait>>,
    /// Their transactions, the longest first.
    pub transactions: Vec<Arc<SlowTransaction>>,
    /// The session that called while its transaction was open.
    pub held_open: Option<HeldOpen>,
}

/// A transaction that was kept open, idle, during a call.
#[derive(Clone, Debug, Serialize)]
pub struct HeldOpen {
    /// Whose.
    #[serde(flatten)]
    pub party: Arc<Party>,
    /// How long it was idle.
    pub seconds: f64,
    /// It had changed something, so it held locks.
    pub wrote: bool,
}

impl CallReport {
    /// Tells of a call and what was found of it.
    #[must_use]
    pub fn of(call: &Call, slow: bool, evidence: Vec<Evidence>) -> Self {
        Self {
            integration: Arc::clone(&call.integration),
            direction: call.direction,
            operation: Arc::clone(&call.operation),
            started: call.began,
            seconds: in_seconds(call.length),
            outcome: if call.fault.is_some() { "failed" } else { "ok" },
            error: call.fault.map(Fault::name),
            slow,
            trace_id: call.trace,
            source: call.source,
            summary: String::new(),
            evidence,
            calls: Vec::new(),
            statements: Vec::new(),
        }
    }

    /// Puts what is known into a sentence such as "webshop POST /orders took 3.4 s, 3.2 s of it
    /// waiting for a row of public.stock_quant held by bi (idle in transaction)".
    pub fn summarise(&mut self) {
        let mut text =
            format!("{} {} took {:.1} s", self.integration, self.operation, self.seconds);
        if let Some(error) = self.error {
            let _infallible = write!(text, " and failed ({error})");
        }
        for made in self.calls.iter().filter(|made| made.seconds >= WORTH).take(1) {
            let (integration, length) = (&made.integration, length(made.seconds));
            let _infallible = write!(text, ", {length} of it calling {integration}");
        }
        for found in &self.evidence {
            found.add_to(&mut text);
        }
        self.summary = text;
    }
}

/// A shorter part of a call is not worth a word, in seconds.
const WORTH: f64 = 0.05;

impl Evidence {
    fn add_to(&self, text: &mut String) {
        if let Some(wait) = self.lock_waits.first() {
            let length = length(self.waited_seconds);
            let _infallible = write!(text, ", {length} of it waiting for {}", wait.object);
            if let Some(root) = wait.roots.first() {
                let held = root.party.integration.as_ref().unwrap_or(&root.party.application);
                let _infallible = write!(text, " held by {held} ({})", root.state);
            }
        } else if self.executing_seconds >= WORTH {
            let length = length(self.executing_seconds);
            let _infallible = write!(text, ", {length} of it executing statements");
        }
        if let Some(open) = &self.held_open {
            let application = &open.party.application;
            let locks = if open.wrote { " and locks held" } else { "" };
            let _infallible =
                write!(text, ", called by {application} with its transaction open{locks}");
        } else if self.idle_in_transaction_seconds >= WORTH {
            let length = length(self.idle_in_transaction_seconds);
            let _infallible = write!(text, ", {length} of it idle in transaction");
        }
        if self.among > 1 {
            let _infallible = write!(text, " (one of {} calls at that time)", self.among);
        }
    }
}

/// Seconds for people.
fn length(seconds: f64) -> String {
    if seconds < 0.95 { format!("{:.0} ms", seconds * 1e3) } else { format!("{seconds:.1} s") }
}
