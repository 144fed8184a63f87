//! What probes have found.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use crate::integration::Fault;

/// Findings of all probes. Cheap to share.
#[derive(Debug, Default)]
pub struct Meter {
    tally: Mutex<Tally>,
}

/// The findings at one moment, by the probe's name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tally {
    /// Those that have run.
    pub probes: BTreeMap<Arc<str>, Probe>,
}

/// What one probe has found.
#[derive(Clone, Debug, PartialEq)]
pub struct Probe {
    /// Whose other side it asks.
    pub integration: Arc<str>,
    /// The last run got the answer that it should.
    pub is_up: bool,
    /// How long each phase of the last run took, as far as it came.
    pub phases: BTreeMap<&'static str, Duration>,
    /// Runs that have ended.
    pub runs: u64,
    /// Failed ones by phase and cause.
    pub failures: BTreeMap<(&'static str, &'static str), u64>,
    /// Why the last run failed; `None` if it did not.
    pub failure: Option<Failure>,
    /// When the last run ended.
    pub at: SystemTime,
    /// When the other side's certificate ends, as last seen.
    pub certificate_expires: Option<SystemTime>,
}

/// Why a run failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The phase that it came to: dns, connect, tls, first_byte, body, status.
    pub phase: &'static str,
    /// Of what kind.
    pub fault: Fault,
    /// In words, for people; nothing of the URL but its host, nothing of the answer but its status.
    pub detail: String,
}

impl Meter {
    /// A run of this probe has ended.
    pub fn ran(&self, name: &Arc<str>, change: impl FnOnce(Option<Probe>) -> Probe) {
        let mut tally = self.tally();
        let before = tally.probes.remove(name);
        tally.probes.insert(Arc::clone(name), change(before));
    }

    /// Forgets probes that are no more.
    pub fn keep(&self, names: &[Arc<str>]) {
        self.tally().probes.retain(|name, _| names.contains(name));
    }

    /// The findings now.
    #[must_use]
    pub fn read(&self) -> Tally {
        self.tally().clone()
    }

    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
