//! `[history]`: what is remembered over restarts.

use std::path::PathBuf;

use super::History;
use super::reader::{Faults, Table};

/// Reads it.
pub(super) fn read(table: &Table, faults: &mut Faults) -> Option<History> {
    let path = table.given("path").and_then(|_| table.text("path", faults)).map(PathBuf::from);
    let keep = table.duration("keep", faults);
    let max_size = table.count("max_size_bytes", faults);
    let statements = table.count("statements", faults).and_then(|n| usize::try_from(n).ok());
    let write_interval = table.duration("write_interval", faults);
    Some(History {
        path,
        keep: keep?,
        max_size: max_size?,
        statements: statements?,
        write_interval: write_interval?,
    })
}
