//! Labels of the metrics of waits.

use std::sync::Arc;

use crate::erp::OTHER;
use crate::track::capped::Coarse;

/// Labels of `erpscope_lock_waits_total`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct WaitKey {
    /// The waiter's database.
    pub datname: Arc<str>,
    /// Of the object waited for.
    pub module: Arc<str>,
    /// Such as `ShareLock`; from a closed set of PostgreSQL's.
    pub mode: Arc<str>,
    /// The waiter's.
    pub application: Arc<str>,
    /// Of the root blocker that blocked longest.
    pub root_application: Arc<str>,
}

/// Database and module: labels of `erpscope_lock_wait_seconds`.
pub type LengthKey = (Arc<str>, Arc<str>);

/// Labels of `erpscope_blocked_seconds_total`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BlockedKey {
    /// The waiter's database.
    pub datname: Arc<str>,
    /// Of the object waited for.
    pub module: Arc<str>,
    /// The waiter's.
    pub application: Arc<str>,
    /// The root blocker's.
    pub root_application: Arc<str>,
    /// The root blocker's.
    pub root_state: &'static str,
}

impl Coarse for WaitKey {
    fn coarse(&self) -> Self {
        let other = || Arc::from(OTHER);
        Self {
            datname: Arc::clone(&self.datname),
            module: other(),
            mode: other(),
            application: other(),
            root_application: other(),
        }
    }
}

impl Coarse for BlockedKey {
    fn coarse(&self) -> Self {
        let other = || Arc::from(OTHER);
        Self {
            datname: Arc::clone(&self.datname),
            module: other(),
            application: other(),
            root_application: other(),
            root_state: OTHER,
        }
    }
}
