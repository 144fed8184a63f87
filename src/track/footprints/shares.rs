//! Time that integrations spend and cost.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::erp::OTHER;
use crate::sample::activity::State;
use crate::track::capped::{Capped, Coarse};
use crate::track::lock_waits::Charge;
use crate::track::sessions::{Origin, Seen};
use crate::track::timeline::Now;

/// Integration and module.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct WorkKey {
    /// Whose.
    pub integration: Arc<str>,
    /// Of its statement.
    pub module: Arc<str>,
}

/// Integration and who blocked it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BlockedKey {
    /// Who waited.
    pub integration: Arc<str>,
    /// The root blocker's.
    pub root_application: Arc<str>,
}

impl Coarse for WorkKey {
    fn coarse(&self) -> Self {
        Self { integration: Arc::clone(&self.integration), module: OTHER.into() }
    }
}

impl Coarse for BlockedKey {
    fn coarse(&self) -> Self {
        Self { integration: Arc::clone(&self.integration), root_application: OTHER.into() }
    }
}

/// The time of all integrations in one server.
#[derive(Debug)]
pub struct Shares {
    active: Capped<WorkKey, Duration>,
    blocked: Capped<BlockedKey, Duration>,
    blocking: BTreeMap<Arc<str>, Duration>,
    slow_transactions: BTreeMap<Arc<str>, u64>,
}

impl Shares {
    pub(super) fn new(series: usize) -> Self {
        Self {
            active: Capped::new(series),
            blocked: Capped::new(series),
            blocking: BTreeMap::new(),
            slow_transactions: BTreeMap::new(),
        }
    }

    pub(super) fn limit(&mut self, series: usize) {
        self.active.limit(series);
        self.blocked.limit(series);
    }

    pub(super) fn apply(
        &mut self,
        sessions: &[Seen<'_>],
        charges: &[Charge],
        now: Now,
        last: Option<SystemTime>,
    ) {
        let time = last.map_or(Duration::ZERO, |last| now.reached_from(last));
        for seen in sessions.iter().filter(|seen| seen.row.state == State::Active) {
            if let Some(integration) = name(Some(&seen.origin)) {
                let module = Arc::clone(&seen.statement.module);
                *self.active.of(WorkKey { integration, module }) += time;
            }
        }
        for charge in charges {
            if let Some(integration) = name(charge.origin.as_ref()) {
                let root_application = Arc::clone(&charge.root_application);
                *self.blocked.of(BlockedKey { integration, root_application }) += charge.time;
            }
            if let Some(integration) = name(charge.root_origin.as_ref()) {
                *self.blocking.entry(integration).or_default() += charge.time;
            }
        }
    }

    pub(super) fn was_slow(&mut self, integration: &Arc<str>) {
        *self.slow_transactions.entry(Arc::clone(integration)).or_default() += 1;
    }

    pub(super) fn active(&self) -> &Capped<WorkKey, Duration> {
        &self.active
    }

    pub(super) fn blocked(&self) -> &Capped<BlockedKey, Duration> {
        &self.blocked
    }

    pub(super) fn blocking(&self) -> &BTreeMap<Arc<str>, Duration> {
        &self.blocking
    }

    pub(super) fn slow_transactions(&self) -> &BTreeMap<Arc<str>, u64> {
        &self.slow_transactions
    }
}

fn name(origin: Option<&Arc<Origin>>) -> Option<Arc<str>> {
    origin.and_then(|origin| origin.integration.as_ref()).map(|i| Arc::clone(&i.name))
}
