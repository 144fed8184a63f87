//! What the agent sees, in a few lines for the terminal.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::Arc;

use super::stage::DATNAME;
use crate::state::{ServerSnapshot, Snapshot};

/// Compares snapshots and says what happened between.
#[derive(Debug, Default)]
pub(super) struct Summary {
    last: Option<Totals>,
}

/// Role and queryid; the agent sees the statements of several roles, and its own.
type Key = (Arc<str>, i64);

#[derive(Clone, Debug)]
struct Totals {
    at: f64,
    calls: u64,
    commits: u64,
    deadlocks: u64,
    statements: HashMap<Key, f64>,
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
        for (share, query) in heaviest(server, &last) {
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
            statements: view
                .shown
                .iter()
                .map(|s| ((Arc::clone(&s.usename), s.queryid), s.total.exec_seconds))
                .collect(),
        }
    }
}

/// The three statements with most time since `last`, with their share of it.
fn heaviest(server: &ServerSnapshot, last: &Totals) -> Vec<(f64, String)> {
    let mut grown: Vec<_> = server
        .statements
        .shown
        .iter()
        .map(|shown| {
            let key = (Arc::clone(&shown.usename), shown.queryid);
            let before = last.statements.get(&key).unwrap_or(&0.0);
            (shown.total.exec_seconds - before, shown)
        })
        .collect();
    let all: f64 = grown.iter().map(|(seconds, _)| seconds).sum();
    grown.sort_by(|a, b| b.0.total_cmp(&a.0));
    grown
        .into_iter()
        .take(3)
        .filter(|(seconds, _)| *seconds > 0.0)
        .map(|(seconds, shown)| {
            let query = shown.query.as_deref().unwrap_or("(text not read yet)");
            (100.0 * seconds / all, query.chars().take(100).collect())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::statements::Counters;
    use crate::state::{Connection, Databases};
    use crate::track::statements::{Shown, View};

    fn snapshot(statements: &[(&str, i64, u64, f64)]) -> Snapshot {
        let shown = statements.iter().map(|&(usename, queryid, calls, exec_seconds)| {
            let counters = Counters { calls, exec_seconds, ..Counters::default() };
            Shown {
                datname: DATNAME.into(),
                usename: usename.into(),
                queryid,
                query: Some(format!("{queryid} of {usename}").into()),
                series: counters,
                total: counters,
                leaving: false,
            }
        });
        let server = ServerSnapshot {
            name: "demo".into(),
            connection: Arc::new(Connection::Starting),
            statements: Arc::new(View { shown: shown.collect(), ..View::default() }),
            databases: Arc::new(Databases::default()),
            samplers: Arc::default(),
            spending: None,
        };
        Snapshot { servers: vec![server] }
    }

    #[test]
    fn the_same_statement_of_two_roles_is_two() {
        let mut summary = Summary::default();
        let first = [("erp", 1, 9, 10.0), ("erp", 2, 9, 1.0), ("postgres", 1, 9, 5.0)];
        assert_eq!(summary.next(&snapshot(&first), 0.0), None);
        let text =
            summary.next(&snapshot(&[("erp", 1, 20, 13.0), ("erp", 2, 20, 2.0)]), 5.0).unwrap();
        assert!(text.contains("75 %  1 of erp") && text.contains("25 %  2 of erp"), "{text}");
    }
}
