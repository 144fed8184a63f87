//! Rows that are deleted, from the history.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use crate::history::Place;

/// Of each database that the history knows.
pub type Deletes = BTreeMap<Place, Deleted>;

/// Rows deleted in one database, in a week at most.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deleted {
    /// For so long its tables were looked at.
    pub over: Duration,
    tables: HashMap<String, HashMap<String, u64>>,
}

impl Deleted {
    /// Adds rows of a table.
    pub fn add(&mut self, schema: String, table: String, rows: u64) {
        *self.tables.entry(schema).or_default().entry(table).or_default() += rows;
    }

    /// Rows that were deleted from a table.
    #[must_use]
    pub fn rows(&self, schema: &str, table: &str) -> u64 {
        self.tables.get(schema).and_then(|tables| tables.get(table)).copied().unwrap_or(0)
    }
}
