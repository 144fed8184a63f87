//! The calls of one integration by operation.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::erp::OTHER;
use crate::integration::{Call, Direction, TraceId};
use crate::track::capped::{Capped, Coarse};
use crate::track::distribution::Distribution;
use crate::track::histogram::{CALL_SECONDS, Histogram};

/// Operations of one integration that are kept apart.
const OPERATIONS: usize = 100;

/// Who calls what.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OperationKey {
    /// Who calls whom.
    pub direction: Direction,
    /// Template of the route.
    pub operation: Arc<str>,
}

impl Coarse for OperationKey {
    fn coarse(&self) -> Self {
        Self { direction: self.direction, operation: OTHER.into() }
    }
}

/// A call that stands for its bucket.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Exemplar {
    /// The request.
    pub trace: TraceId,
    /// How long.
    pub seconds: f64,
    /// When it was counted.
    pub at: SystemTime,
}

/// What was counted of one operation.
#[derive(Clone, Debug)]
pub struct OperationView {
    /// Which.
    pub key: OperationKey,
    /// Calls that did not fail.
    pub ok: u64,
    /// Calls that failed.
    pub failed: u64,
    /// Calls longer than the objective.
    pub slow: u64,
    /// How long all were.
    pub seconds: Histogram,
    /// p50, p90, p99 and p99.9 in seconds, of all.
    pub percentiles: [f64; 4],
    /// The last call with a trace id of each bucket, in their order; the last is of what is above.
    pub exemplars: Vec<Option<Exemplar>>,
}

#[derive(Debug)]
struct Operation {
    ok: u64,
    failed: u64,
    slow: u64,
    seconds: Distribution,
    exemplars: Vec<Option<Exemplar>>,
}

impl Default for Operation {
    fn default() -> Self {
        let exemplars = vec![None; CALL_SECONDS.len() + 1];
        Self { ok: 0, failed: 0, slow: 0, seconds: Distribution::default(), exemplars }
    }
}

/// All operations of one integration.
#[derive(Debug)]
pub(super) struct Operations {
    all: Capped<OperationKey, Operation>,
}

impl Default for Operations {
    fn default() -> Self {
        Self { all: Capped::new(OPERATIONS) }
    }
}

impl Operations {
    pub(super) fn count(&mut self, call: &Call, slow: bool, at: SystemTime) {
        let key =
            OperationKey { direction: call.direction, operation: Arc::clone(&call.operation) };
        let operation = self.all.of(key);
        let result = if call.fault.is_some() { &mut operation.failed } else { &mut operation.ok };
        *result += 1;
        operation.slow += u64::from(slow);
        operation.seconds.observe(call.length);
        let seconds = call.length.as_secs_f64();
        let bucket = CALL_SECONDS.partition_point(|bound| *bound < seconds);
        if let (Some(trace), Some(place)) = (call.trace, operation.exemplars.get_mut(bucket)) {
            *place = Some(Exemplar { trace, seconds, at });
        }
    }

    /// The operation that a call was counted as: its own, or `other` of those that have no room.
    pub(super) fn counted_as(&self, call: &Call) -> Arc<str> {
        let operation = Arc::clone(&call.operation);
        let key = OperationKey { direction: call.direction, operation };
        if self.all.keeps(&key) { key.operation } else { key.coarse().operation }
    }

    pub(super) fn view(&self) -> Vec<OperationView> {
        let quantile = |of: &Distribution, share| Duration::as_secs_f64(&of.quantile(share));
        self.all
            .iter()
            .map(|(key, operation)| OperationView {
                key: key.clone(),
                ok: operation.ok,
                failed: operation.failed,
                slow: operation.slow,
                seconds: operation.seconds.buckets(CALL_SECONDS),
                percentiles: [0.5, 0.9, 0.99, 0.999].map(|q| quantile(&operation.seconds, q)),
                exemplars: operation.exemplars.clone(),
            })
            .collect()
    }
}
