//! `[duplicates]`: how often business keys are looked at, and whether they may be counted.

use std::time::Duration;

use super::Hours;
use super::reader::{Faults, Table};

/// `[duplicates]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Duplicates {
    /// `interval`: how often the statistics of business keys are looked at (default 1 h, 1 s to 7 days).
    pub interval: Duration,
    /// `count`: whether keys are counted, too (default false).
    pub count: bool,
    /// `quiet_hours`: when, in the server's time zone (default `22:00-05:00`).
    pub quiet_hours: Hours,
    /// `count_interval`: no key is counted again before (default 20 h, 1 s to 14 days).
    pub count_interval: Duration,
    /// `count_timeout`: a count that takes longer is given up (default 5 s, 1 s to 1 min).
    pub count_timeout: Duration,
    /// `max_rows`: tables of more rows are not counted (default 1,000,000).
    pub max_rows: u64,
    /// `max_bytes`: tables of more bytes are not counted (default 512 MiB).
    pub max_bytes: u64,
}

/// Reads it.
pub(super) fn read(table: &Table, faults: &mut Faults) -> Option<Duplicates> {
    let interval = table.duration("interval", faults);
    let count = table.switch("count", faults);
    let quiet_hours = Hours::read(table, "quiet_hours", faults);
    let count_interval = table.duration("count_interval", faults);
    let count_timeout = table.duration("count_timeout", faults);
    let max_rows = table.count("max_rows", faults);
    let max_bytes = table.count("max_bytes", faults);
    Some(Duplicates {
        interval: interval?,
        count: count?,
        quiet_hours: quiet_hours?,
        count_interval: count_interval?,
        count_timeout: count_timeout?,
        max_rows: max_rows?,
        max_bytes: max_bytes?,
    })
}
