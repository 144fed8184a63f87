//! What the proxy counts.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use crate::integration::Direction;

/// Counts of the proxy. Cheap to share.
#[derive(Debug, Default)]
pub struct Meter {
    tally: Mutex<Tally>,
}

/// The counts at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Calls that go on, by integration.
    pub in_flight: BTreeMap<(Arc<str>, Direction), u64>,
    /// Requests that were answered by the proxy itself, by reason.
    pub refused: BTreeMap<&'static str, u64>,
    /// Requests and tunnels of the forward proxy to hosts of no integration: passed, not counted as
    /// calls.
    pub unmatched: u64,
    /// Tunnels of the forward proxy to hosts of an integration, and connections of routes that were upgraded.
    pub tunnels: BTreeMap<(Arc<str>, Direction), Tunnels>,
    /// Connections that were accepted.
    pub connections: u64,
    /// Connections that were closed at once as there were too many.
    pub connections_refused: u64,
}

/// Tunnels and upgraded connections of one integration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tunnels {
    /// Those that were established.
    pub opened: u64,
    /// How long that took, of all that were.
    pub connecting: Duration,
    /// Those that have ended, by reason.
    pub ended: BTreeMap<&'static str, u64>,
    /// How long those were open that have ended.
    pub lasted: Duration,
    /// Bytes from callers; told once a second.
    pub sent_bytes: u64,
    /// Bytes to callers; told once a second.
    pub received_bytes: u64,
    /// When bytes moved last.
    pub moved: Option<SystemTime>,
}

/// A call that goes on; it has ended when this is dropped.
#[derive(Debug)]
pub struct InFlight {
    meter: Arc<Meter>,
    key: (Arc<str>, Direction),
}

impl Meter {
    /// Counts something.
    pub fn count(&self, change: impl FnOnce(&mut Tally)) {
        change(&mut self.tally());
    }

    /// A request was answered by the proxy itself.
    pub fn refuse(&self, reason: &'static str) {
        self.count(|tally| *tally.refused.entry(reason).or_default() += 1);
    }

    /// A call begins.
    #[must_use]
    pub fn enter(self: &Arc<Self>, integration: &Arc<str>, direction: Direction) -> InFlight {
        let key = (Arc::clone(integration), direction);
        self.count(|tally| *tally.in_flight.entry(key.clone()).or_default() += 1);
        InFlight { meter: Arc::clone(self), key }
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

impl Drop for InFlight {
    fn drop(&mut self) {
        self.meter.count(|tally| {
            if let Some(count) = tally.in_flight.get_mut(&self.key) {
                *count = count.saturating_sub(1);
            }
        });
    }
}
