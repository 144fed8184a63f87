//! `[history]`: what is remembered over restarts.

use std::path::PathBuf;

use super::reader::{Faults, Table};
use super::{History, Upkeep, Usage};

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

/// Reads `[usage]`.
pub(super) fn read_usage(table: &Table, faults: &mut Faults) -> Option<Usage> {
    let interval = table.duration("interval", faults);
    let top = table.count("top", faults).and_then(|top| usize::try_from(top).ok());
    Some(Usage { interval: interval?, top: top? })
}

/// Reads `[upkeep]`.
pub(super) fn read_upkeep(table: &Table, faults: &mut Faults) -> Option<Upkeep> {
    let interval = table.duration("interval", faults);
    let settings_interval = table.duration("settings_interval", faults);
    let catalog_interval = table.duration("catalog_interval", faults);
    let queues_interval = table.duration("queues_interval", faults);
    Some(Upkeep {
        interval: interval?,
        settings_interval: settings_interval?,
        catalog_interval: catalog_interval?,
        queues_interval: queues_interval?,
    })
}
