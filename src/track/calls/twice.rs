//! Calls that two have told of: a span, and the proxy through which they went.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crate::integration::{Call, Direction, Source, TraceId};

/// Calls that are remembered.
const REMEMBERED: usize = 10_000;

/// Calls of one request that are remembered.
const OF_ONE: usize = 50;

type Key = (Arc<str>, TraceId, Direction);

/// Calls of late by their request.
#[derive(Debug, Default)]
pub(super) struct Twice {
    all: HashMap<Key, Vec<(Source, Duration, Duration)>>,
    order: VecDeque<Key>,
    count: u64,
}

impl Twice {
    /// Whether another source has told of this call: one of the same integration, request and
    /// direction, which overlaps at least half of it. Else it is remembered.
    pub(super) fn is_known(&mut self, call: &Call, from: Duration, to: Duration) -> bool {
        let Some(trace) = call.trace else { return false };
        let key = (Arc::clone(&call.integration), trace, call.direction);
        let told = self.all.entry(key.clone()).or_default();
        let is_same = |(source, began, ended): &(Source, Duration, Duration)| {
            let overlap = to.min(*ended).saturating_sub(from.max(*began));
            *source != call.source && overlap * 2 >= to.saturating_sub(from)
        };
        if told.iter().any(is_same) {
            self.count += 1;
            return true;
        }
        if told.len() >= OF_ONE {
            return false;
        }
        told.push((call.source, from, to));
        self.order.push_back(key);
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
            && let Some(told) = self.all.get_mut(&oldest)
        {
            told.remove(0);
            if told.is_empty() {
                self.all.remove(&oldest);
            }
        }
        false
    }

    /// How many were told twice.
    pub(super) fn count(&self) -> u64 {
        self.count
    }
}
