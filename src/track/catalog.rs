//! What catalogs say, and when numbers run out.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::sample::Moment;
use crate::sample::catalog::{Column, Database as Read};

/// By label `datname`, of those that were looked into.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct View {
    /// Those with a label of their own.
    pub databases: BTreeMap<Arc<str>, Database>,
    /// Times that one could not be entered.
    pub skipped: u64,
}

/// One database.
#[derive(Clone, Debug, PartialEq)]
pub struct Database {
    /// When it was looked into.
    pub at: Moment,
    /// What was found.
    pub read: Arc<Read>,
    /// Sequences and integer keys that run out, the fullest first.
    pub numbers: Vec<Number>,
}

/// A supply of numbers that can run out: a sequence that does not begin again, or an integer key.
#[derive(Clone, Debug, PartialEq)]
pub struct Number {
    /// Schema and name of the sequence; `None` of a key that the application fills.
    pub sequence: Option<(String, String)>,
    /// The column that they are for, if that is known.
    pub column: Option<Column>,
    /// The last number there is room for.
    pub end: u64,
    /// Share that is used.
    pub used_ratio: f64,
    /// How much of it is used in a day, since the agent first looked; `None` before it has looked
    /// for an hour.
    pub ratio_per_day: Option<f64>,
}

impl Number {
    /// Days until it has run out, at the rate of late; `None` if it does not grow or that is not
    /// known.
    #[must_use]
    pub fn days_left(&self) -> Option<f64> {
        let rate = self.ratio_per_day.filter(|rate| *rate > 0.0)?;
        Some(((1.0 - self.used_ratio) / rate).max(0.0))
    }
}
