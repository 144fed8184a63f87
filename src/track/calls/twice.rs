//! Calls that two have told of: a span, and the proxy through which they went.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crate::integration::{Call, Direction, Source, TraceId};

/// Calls that are remembered.
const REMEMBERED: usize = 10_000;

/// Calls of one request that are remembered: a span is told seconds after the proxy has told.
const OF_ONE: usize = 1_000;

/// So much may lie between a call as one tells it and as the other does: each has a clock of its own.
const SKEW: Duration = Duration::from_millis(250);

type Key = (Arc<str>, TraceId, Direction);

/// Calls of late that one has told of, by their request.
#[derive(Debug, Default)]
pub(super) struct Twice {
    all: HashMap<Key, VecDeque<Once>>,
    /// By their number, the oldest first.
    order: BTreeMap<u64, Key>,
    next: u64,
    count: u64,
}

/// A call that one has told of.
#[derive(Debug)]
struct Once {
    number: u64,
    source: Source,
    from: Duration,
    to: Duration,
}

impl Twice {
    /// Whether another source has told of this call: one of the same integration, request and
    /// direction, at the same time but for their clocks. Of several that could be it the first is, as
    /// both tell of them in their order, and each is one call alone. Else it is remembered.
    pub(super) fn is_known(&mut self, call: &Call, from: Duration, to: Duration) -> bool {
        let Some(trace) = call.trace else { return false };
        let key = (Arc::clone(&call.integration), trace, call.direction);
        let told = self.all.entry(key.clone()).or_default();
        let is_same = |once: &&Once| once.source != call.source && once.fits(from, to);
        if let Some(same) = told.iter().find(is_same).map(|once| once.number) {
            self.forget(same);
            self.count += 1;
            return true;
        }
        let too_many = told.front().filter(|_| told.len() >= OF_ONE).map(|oldest| oldest.number);
        told.push_back(Once { number: self.next, source: call.source, from, to });
        self.order.insert(self.next, key);
        self.next += 1;
        if let Some(oldest) = too_many {
            self.forget(oldest);
        }
        if self.order.len() > REMEMBERED
            && let Some((&oldest, _)) = self.order.first_key_value()
        {
            self.forget(oldest);
        }
        false
    }

    fn forget(&mut self, number: u64) {
        let Some(key) = self.order.remove(&number) else { return };
        if let Some(told) = self.all.get_mut(&key) {
            told.retain(|once| once.number != number);
            if told.is_empty() {
                self.all.remove(&key);
            }
        }
    }

    /// How many were told twice.
    pub(super) fn count(&self) -> u64 {
        self.count
    }
}

impl Once {
    /// Whether it can be the call that another has seen so: nothing between the two, or no more than
    /// half of the shorter, or what clocks may differ by.
    fn fits(&self, from: Duration, to: Duration) -> bool {
        let gap = from.max(self.from).saturating_sub(to.min(self.to));
        let shorter = to.saturating_sub(from).min(self.to.saturating_sub(self.from));
        gap <= SKEW.max(shorter / 2)
    }
}
