//! Standbys and slots, under names from a bounded set.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::sample::Moment;
use crate::sample::replication::{Conflicts, Here, Slot, Standby};

/// One server's.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct View {
    /// When that was read; `None` before.
    pub at: Option<Moment>,
    /// By label `standby`: each one's name, or `other` for many names. Of several the one that is
    /// furthest behind, in each respect.
    pub standbys: BTreeMap<Arc<str>, Standing>,
    /// By label `slot`: its name, or `other`; of several the one that keeps most.
    pub slots: BTreeMap<Arc<str>, Slot>,
    /// This server as a standby.
    pub here: Option<Here>,
    /// What replay has cancelled since the agent first saw it.
    pub conflicts: Conflicts,
}

/// Those who share a name.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    /// How many there are.
    pub connections: u64,
    /// The worst of them.
    pub worst: Standby,
}
