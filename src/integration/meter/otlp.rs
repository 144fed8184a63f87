//! What the receiver of spans counts: received = accepted + refused + told twice.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Counts of the receiver. Cheap to share.
#[derive(Debug, Default)]
pub struct Meter {
    tally: Mutex<Tally>,
}

/// The counts at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Requests by transport (`http`, `grpc`) and result.
    pub requests: BTreeMap<(&'static str, &'static str), u64>,
    /// Spans that came, by transport; of requests that could be read.
    pub received: BTreeMap<&'static str, u64>,
    /// Spans by what they were taken for: `call`, `database`, `unmatched`.
    pub accepted: BTreeMap<&'static str, u64>,
    /// Spans that were refused, by reason.
    pub refused: BTreeMap<&'static str, u64>,
    /// Spans that had come before, or told of a call that another one had told.
    pub told_twice: u64,
    /// Spans that were passed on to the upstream.
    pub forwarded: u64,
    /// Spans that were not passed on, by reason.
    pub forward_dropped: BTreeMap<&'static str, u64>,
    /// Bytes that wait to be passed on.
    pub forward_queue_bytes: u64,
    /// Connections that were closed at once as there were too many.
    pub connections_refused: u64,
}

impl Meter {
    /// Counts something.
    pub fn count(&self, change: impl FnOnce(&mut Tally)) {
        change(&mut self.tally());
    }

    /// A request has ended so.
    pub fn request(&self, transport: &'static str, result: &'static str) {
        self.count(|tally| *tally.requests.entry((transport, result)).or_default() += 1);
    }

    /// The counts now.
    #[must_use]
    pub fn read(&self) -> Tally {
        self.tally().clone()
    }

    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
