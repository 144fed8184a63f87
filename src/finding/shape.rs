//! What a statement is for, as its shape and its figures say.

use super::Grown;
use crate::erp::{tables_changed, tables_of};

/// What a statement is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A step of somebody's work: few rows, at once.
    Transactional,
    /// Reads much, to be looked at.
    Reporting,
    /// Changes many rows at once.
    Batch,
}

/// Rows that a statement changes at least for each call to be a batch.
const BATCH_ROWS: f64 = 100.0;

/// Words that only a query has which sums up or ranks.
const SUMS: [&str; 11] = [
    "group by",
    "count(",
    "sum(",
    "avg(",
    "over (",
    "rollup",
    "date_trunc(",
    "extract(",
    "max(",
    "min(",
    "array_agg(",
];

impl Shape {
    /// Of a statement, whose calls are a report's from so many seconds and blocks on.
    #[must_use]
    pub fn of(grown: &Grown, report_seconds: f64, report_blocks: f64) -> Self {
        let text = grown.text().to_lowercase();
        let rows = grown.per_call(grown.work.rows as f64);
        if !tables_changed(&text).is_empty() && !text.trim_start().starts_with("select") {
            return if rows >= BATCH_ROWS { Self::Batch } else { Self::Transactional };
        }
        let is_long = grown.per_call(grown.work.exec_seconds) >= report_seconds
            && grown.per_call(grown.blocks()) >= report_blocks;
        let sums_up = SUMS.iter().any(|word| text.contains(word)) || text.starts_with("copy");
        // What reads catalogs alone is somebody's tool, such as ourselves.
        let is_of_users = text.is_empty() || !tables_of(&text).is_empty();
        if is_long && is_of_users && (sums_up || rows >= 10.0 * BATCH_ROWS) {
            Self::Reporting
        } else {
            Self::Transactional
        }
    }

    /// In words.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Transactional => "transactional",
            Self::Reporting => "reporting",
            Self::Batch => "batch",
        }
    }
}
