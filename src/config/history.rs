//! `[history]`: what is remembered over restarts.

use std::path::PathBuf;
use std::time::Duration;

use super::reader::{Faults, Table};

/// `[history]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    /// `path`: the file; without it the history is in memory and ends with the agent.
    pub path: Option<PathBuf>,
    /// `keep`: what is older goes (default 35 days, 1 h to 10 years).
    pub keep: Duration,
    /// `max_size_bytes`: when there is more, the oldest hours go (default 512 MiB, 1 MiB to 1 TiB).
    pub max_size: u64,
    /// `statements`: of one database told apart in one hour (default 2,000, 10 to 50,000).
    pub statements: usize,
    /// `write_interval`: how often what has grown is written (default 5 min, 1 s to 1 h).
    pub write_interval: Duration,
}

/// Reads it.
pub(super) fn read(table: &Table, faults: &mut Faults) -> Option<History> {
    let path = table.given("path").and_then(|_| table.text("path", faults)).map(PathBuf::from);
    let keep = table.duration("keep", faults);
    let max_size = table.count("max_size_bytes", faults);
    let statements = table.size("statements", faults);
    let write_interval = table.duration("write_interval", faults);
    Some(History {
        path,
        keep: keep?,
        max_size: max_size?,
        statements: statements?,
        write_interval: write_interval?,
    })
}
