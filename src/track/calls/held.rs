//! Transactions that were kept open while another system was called, by server and database.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::track::reports::{Evidence, Party};

/// Databases of one integration that are told apart; its calls in others are not in these sums.
const MOST: usize = 500;

/// A server and a database in it, which is empty if its name is not known.
pub type HeldIn = (Arc<str>, Arc<str>);

/// By where they were open.
pub type HeldOpenIn = BTreeMap<HeldIn, Held>;

/// Those of one database.
#[derive(Clone, Debug, Default)]
pub struct Held {
    /// All.
    pub all: Sum,
    /// Those whose trace id the call carries: the others are tied to it by time alone.
    pub by_trace: Sum,
}

/// What only grows.
#[derive(Clone, Debug, Default)]
pub struct Sum {
    /// Calls.
    pub calls: u64,
    /// How long the transactions were idle within these calls, together.
    pub seconds: f64,
    /// Calls during which the transaction had changed something, so that it held locks.
    pub wrote: u64,
    /// Whose transaction it was at the last one.
    pub last: Option<Arc<Party>>,
}

/// Adds a call. If a transaction carries its trace id, others that were open meanwhile are strangers.
pub(super) fn add(held: &mut HeldOpenIn, evidence: &[Evidence]) {
    let is_certain = evidence.iter().any(Evidence::is_held_open_by_trace);
    for found in evidence.iter().filter(|found| found.is_held_open_by_trace() || !is_certain) {
        let Some(open) = &found.held_open else { continue };
        let datname = open.party.datname.clone().unwrap_or_else(|| "".into());
        let place = (Arc::clone(&found.server), datname);
        if held.len() >= MOST && !held.contains_key(&place) {
            continue;
        }
        let here = held.entry(place).or_default();
        let by_trace = is_certain.then_some(&mut here.by_trace);
        for sum in std::iter::once(&mut here.all).chain(by_trace) {
            sum.calls += 1;
            sum.seconds += found.idle_in_transaction_seconds;
            sum.wrote += u64::from(open.wrote);
            sum.last = Some(Arc::clone(&open.party));
        }
    }
}
