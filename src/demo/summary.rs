//! What the agent sees, in a few lines for the terminal.

use std::collections::HashMap;
use std::fmt::Write;

use super::stage::DATNAME;
use crate::state::{ServerSnapshot, Snapshot};

/// Compares snapshots and says what happened between.
#[derive(Debug, Default)]
pub(super) struct Summary {
    last: Option<Totals>,
}

#[derive(Clone, Debug)]
struct Totals {
    at: f64,
    calls: u64,
    commits: u64,
    deadlocks: u64,
    statements: HashMap<i64, f64>,
}

impl Summary {
    /// A line and the heaviest statements since the last time; `None` while there is nothing new.
    pub(super) fn next(&mut self, snapshot: &Snapshot, at: f64) -> Option<String> {
        let server = snapshot.servers.first()?;
        let now = Totals::of(server, at);
        let last = self.last.replace(now.clone())?;
        if now.calls == last.calls {
            self.last = Some(last);
            return None;
        }
        let seconds = (now.at - last.at).max(1e-3);
        let per_second = |now: u64, last: u64| now.saturating_sub(last) as f64 / seconds;
        let mut text = format!(
            "{at:4.0} s  {:5.0} statements/s  {:4.0} commits/s  {} sessions  {} deadlocks  {} statements known",
            per_second(now.calls, last.calls),
            per_second(now.commits, last.commits),
            server.databases.server.as_ref().map_or(0, |facts| facts.connections),
            now.deadlocks,
            server.statements.counts.tracked,
        );
        for (share, query) in heaviest(server, &last, &now) {
            let _infallible = write!(text, "\n          {share:3.0} %  {query}");
        }
        Some(text)
    }
}

impl Totals {
    fn of(server: &ServerSnapshot, at: f64) -> Self {
        let view = &server.statements;
        let database = server.databases.shown.get(DATNAME);
        Self {
            at,
            calls: view.shown.iter().map(|s| s.series.calls).sum::<u64>()
                + view.other.iter().map(|(_, c)| c.calls).sum::<u64>(),
            commits: database.map_or(0, |d| d.counters.commits),
            deadlocks: database.map_or(0, |d| d.counters.deadlocks),
            statements: view.shown.iter().map(|s| (s.queryid, s.total.exec_seconds)).collect(),
        }
    }
}

/// The three statements with most time since `last`, with their share of it.
fn heaviest(server: &ServerSnapshot, last: &Totals, now: &Totals) -> Vec<(f64, String)> {
    let mut grown: Vec<(f64, i64)> = now
        .statements
        .iter()
        .map(|(queryid, seconds)| {
            (seconds - last.statements.get(queryid).unwrap_or(&0.0), *queryid)
        })
        .collect();
    let all: f64 = grown.iter().map(|(seconds, _)| seconds).sum();
    grown.sort_by(|a, b| b.0.total_cmp(&a.0));
    grown
        .into_iter()
        .take(3)
        .filter(|(seconds, _)| *seconds > 0.0)
        .map(|(seconds, queryid)| {
            let shown = server.statements.shown.iter().find(|s| s.queryid == queryid);
            let query = shown.and_then(|s| s.query.as_deref()).unwrap_or("(text not read yet)");
            (100.0 * seconds / all, query.chars().take(100).collect())
        })
        .collect()
}
