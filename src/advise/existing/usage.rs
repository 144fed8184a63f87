//! How much an index is used, and for how long it has not been.

use std::collections::{BTreeMap, BTreeSet};

use super::{Existing, Inventory};
use crate::history::{IndexSum, Sums, TableSum};

/// What the history knows of indexes and tables.
#[derive(Clone, Debug)]
pub struct Remembered {
    /// Indexes.
    pub indexes: Sums<IndexSum>,
    /// Tables.
    pub tables: Sums<TableSum>,
}

/// What the history knows of one index.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Span {
    /// Days that it was looked at.
    pub days: f64,
    /// Scans in that time.
    pub scans: f64,
    /// Entries that they returned.
    pub entries_read: f64,
    /// Days since the last hour with a scan, if there was one.
    pub last_scan_days: Option<f64>,
    /// It came into being while the history looked.
    pub is_new: bool,
}

/// For how long nothing has used an index.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Idle {
    /// Days.
    pub days: f64,
    /// Who says so.
    pub source: &'static str,
    /// It is known to have been there all the time.
    pub is_age_known: bool,
}

/// How an index is used in a day.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Used {
    /// Scans.
    pub scans_per_day: f64,
    /// Entries that one returns.
    pub entries_per_scan: f64,
}

/// What ends the time that the server's counters claim.
const REMEMBERED_SCAN: &str = "the last scan that the history remembers";

/// Seconds of a day and of an hour.
const DAY: f64 = 86_400.0;
const HOUR: i64 = 3_600;

impl Remembered {
    /// What is known of each index, by schema, table and name.
    #[must_use]
    pub fn known(&self) -> BTreeMap<(&str, &str, &str), Span> {
        let coverage = &self.indexes.coverage;
        let (Some(first), Some(last)) = (coverage.first_hour, coverage.last_hour) else {
            return BTreeMap::new();
        };
        let span = |sum: &IndexSum| Span {
            days: coverage.seconds.min((last + HOUR - sum.first_hour).max(0) as f64) / DAY,
            scans: sum.growth.idx_scan as f64,
            entries_read: sum.growth.idx_tup_read as f64,
            last_scan_days: sum.last_scan_hour.map(|hour| (last - hour).max(0) as f64 / DAY),
            is_new: sum.first_hour > first + 2 * HOUR,
        };
        let rows = self.indexes.rows.iter();
        rows.map(|sum| ((sum.schema.as_str(), sum.table.as_str(), sum.index.as_str()), span(sum)))
            .collect()
    }

    /// Of each table, by schema and name: days since the last of its indexes went that was scanned while it was there.
    #[must_use]
    pub fn gone(&self, there: &BTreeSet<(&str, &str, &str)>) -> BTreeMap<(&str, &str), f64> {
        let mut gone: BTreeMap<(&str, &str), f64> = BTreeMap::new();
        let Some(last) = self.indexes.coverage.last_hour else { return gone };
        for sum in &self.indexes.rows {
            let table = (sum.schema.as_str(), sum.table.as_str());
            if sum.growth.idx_scan > 0 && !there.contains(&(table.0, table.1, &*sum.index)) {
                let days = (last - sum.last_hour).max(0) as f64 / DAY;
                gone.entry(table).and_modify(|least| *least = least.min(days)).or_insert(days);
            }
        }
        gone
    }
}

/// The longest time that is known without a scan: by the history, which adds up over resets, by
/// the server's counters, or by the time of the last scan. An index that is younger had less, and one that stood in the shadow
/// of another until that went is as if it was made then: of two that would do PostgreSQL takes one.
///
/// What the server has may be that of a standby which took over, or of an index that replaced another of the same name:
/// where the history has seen scans, it is believed no further back than the last of them.
#[must_use]
pub fn idle(index: &Existing, inventory: &Inventory) -> Option<Idle> {
    let remembered = index.remembered.filter(|span| span.scans <= 0.0);
    let history = remembered.map(|span| (span.days, "the history"));
    let server = (index.scans <= 0.0).then_some((inventory.counted_days, "the server's counters"));
    let last = index.last_scan_days.map(|days| (days, "the time of its last scan"));
    let (days, source) =
        [history, server, last].into_iter().flatten().max_by(|a, b| a.0.total_cmp(&b.0))?;
    let scanned = index.remembered.filter(|span| span.scans > 0.0);
    let scanned =
        scanned.map(|span| span.last_scan_days.unwrap_or(0.0)).filter(|seen| *seen < days);
    let (days, source) = scanned.map_or((days, source), |seen| (seen, REMEMBERED_SCAN));
    let new = index.remembered.filter(|span| span.is_new).map(|span| span.days);
    let alone = inventory.owners.get(&index.table).and_then(|owner| owner.index_gone_days);
    let age = [new, index.age_days].into_iter().flatten().min_by(f64::total_cmp);
    // It was scanned then, or seen then: so it was there. What counters do not know may have been another of its name.
    let is_seen = source != "the server's counters" && source != REMEMBERED_SCAN;
    Some(Idle {
        days: [age, alone].into_iter().flatten().fold(days, f64::min),
        source,
        is_age_known: is_seen || age.is_some(),
    })
}

/// In a day, by the history if it looked for a day at least, else by the server's counters.
#[must_use]
pub fn used(index: &Existing, inventory: &Inventory) -> Used {
    let (scans, read, days) = match index.remembered.filter(|span| span.days >= 1.0) {
        Some(span) => (span.scans, span.entries_read, span.days),
        None => (index.scans, index.entries_read, inventory.counted_days),
    };
    Used {
        // Counters of less than an hour are taken as those of an hour.
        scans_per_day: scans / days.max(1.0 / 24.0),
        entries_per_scan: read / scans.max(1.0),
    }
}
