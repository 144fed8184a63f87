//! Checkpoints, WAL and I/O as counters that only grow.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::sample::Moment;
use crate::sample::io::{Archiver, Checkpoints, Counters, Wal};

/// Kind of process, context and object, as pg_stat_io names them.
pub type Who = (Arc<str>, Arc<str>, Arc<str>);

/// One server's, since the agent first saw it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct View {
    /// When that was read; `None` before.
    pub at: Option<Moment>,
    /// Checkpoints and buffers.
    pub checkpoints: Checkpoints,
    /// WAL; `None` where it is not told.
    pub wal: Option<Wal>,
    /// By kind of process, context and object; empty before PostgreSQL 16.
    pub io: BTreeMap<Who, Counters>,
    /// Archiving.
    pub archiver: Archiver,
    /// Resets of these statistics that were seen.
    pub resets: u64,
}
