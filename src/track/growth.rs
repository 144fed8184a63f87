//! How databases have grown, by what the history remembers.

use std::collections::BTreeMap;
use std::sync::Arc;

/// By label `datname`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct View {
    /// Those of which anything is remembered.
    pub databases: BTreeMap<Arc<str>, Database>,
}

/// One database.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Database {
    /// From the first size that is remembered, at most a week ago, to the last.
    pub seconds: f64,
    /// Of each module: all its tables and their indexes.
    pub modules: BTreeMap<Arc<str>, Growth>,
    /// The tables that grew most, with their indexes, at most 100.
    pub tables: Vec<(Table, Growth)>,
}

/// A table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Its schema.
    pub schema: Arc<str>,
    /// Its name.
    pub table: Arc<str>,
    /// Its module.
    pub module: Arc<str>,
}

/// How much.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Growth {
    /// Bytes at the end, of tables and indexes, without TOAST.
    pub bytes: u64,
    /// Rows at the end, as the server estimates.
    pub rows: u64,
    /// Bytes more a day; less if negative.
    pub bytes_per_day: f64,
    /// Rows more a day.
    pub rows_per_day: f64,
}
