//! What everyone else sees of the advisor's runs and the ledger of one server.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use super::line::{Line, Stage};
use crate::advise::joins::BadJoin;

/// One server's suggestions, and how the advisor's runs go.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Picture {
    /// The lines: what is to be done first, the most saved first; what is over last.
    pub lines: Vec<Arc<Line>>,
    /// By database.
    pub databases: BTreeMap<Arc<str>, OfDatabase>,
    /// So many lines are shown singly in metrics.
    pub shown: usize,
}

/// How the advisor's runs go in one database.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct OfDatabase {
    /// When there was last an advice, in seconds since 1970.
    pub last_success: Option<i64>,
    /// Seconds that the last run took, whatever came of it.
    pub last_seconds: f64,
    /// Runs that brought an advice.
    pub successes: u64,
    /// Runs that did not, by reason.
    pub failures: BTreeMap<&'static str, u64>,
    /// Why the last run brought none; for people.
    pub failure: Option<String>,
    /// Where the workload comes from.
    pub source: String,
    /// Its statements.
    pub statements: usize,
    /// Seconds a day that they take.
    pub seconds_per_day: f64,
    /// Share of that time whose statements are understood, 0 to 1.
    pub understood_ratio: f64,
    /// Questions to the planner, of all runs.
    pub what_if_calls: u64,
    /// Seconds that it took to answer them, of all runs.
    pub planning_seconds: f64,
    /// Joins that are bad as the plans of the last advice show them, the most time first.
    pub bad_joins: Arc<Vec<BadJoin>>,
    /// What the advisor lacks here, or the reader should know.
    pub notes: Vec<String>,
}

impl Picture {
    /// In the order of reading.
    #[must_use]
    pub fn of<'a>(
        lines: impl Iterator<Item = &'a Line>,
        databases: BTreeMap<Arc<str>, OfDatabase>,
        shown: usize,
    ) -> Self {
        let mut lines: Vec<Arc<Line>> = lines.cloned().map(Arc::new).collect();
        lines.sort_by(|a, b| {
            let rank = |line: &Line| match line.state {
                Stage::Regressed => 0,
                Stage::Suggested => 1,
                Stage::Applied | Stage::Measured | Stage::Kept => 2,
                Stage::Withdrawn | Stage::Gone => 3,
            };
            rank(a)
                .cmp(&rank(b))
                .then_with(|| b.saved_seconds_per_day.total_cmp(&a.saved_seconds_per_day))
                .then_with(|| (&a.datname, &a.id).cmp(&(&b.datname, &b.id)))
        });
        Self { lines, databases, shown }
    }

    /// Those that are shown singly.
    pub fn singly(&self) -> impl Iterator<Item = &Arc<Line>> {
        self.lines.iter().filter(|line| !line.state.is_over()).take(self.shown)
    }
}
