//! What the agent sees, in a few lines for the terminal.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::Arc;

use super::stage::DATNAME;
use crate::sample::Sampler;
use crate::state::{ServerSnapshot, Snapshot};
use crate::track::statements::Shown;

/// Compares snapshots and says what happened between.
#[derive(Debug, Default)]
pub(super) struct Summary {
    last: Option<Totals>,
}

/// A counter and when it was sampled, in seconds of the agent.
#[derive(Clone, Copy, Debug)]
struct Reading {
    count: u64,
    at: f64,
}

/// Role and queryid: the agent sees the statements of several roles, its own among them.
type Key = (Arc<str>, i64);

#[derive(Clone, Debug)]
struct Totals {
    calls: Reading,
    commits: Reading,
    statements: HashMap<Key, f64>,
}

impl Summary {
    /// A line and the heaviest statements since the last time; `None` while there is nothing new.
    pub(super) fn next(&mut self, snapshot: &Snapshot, at: f64) -> Option<String> {
        let server = snapshot.servers.first()?;
        let now = Totals::of(server)?;
        let Some(last) = self.last.clone() else {
            self.last = Some(now);
            return None;
        };
        let (calls, commits) = (now.calls.rate(last.calls)?, now.commits.rate(last.commits)?);
        let facts = server.databases.server.as_ref()?;
        let deadlocks = server.databases.shown.get(DATNAME).map_or(0, |d| d.counters.deadlocks);
        let mut text = format!(
            "{at:4.0} s  {calls:5.0} statements/s  {commits:4.0} commits/s  {} sessions  \
             {deadlocks} deadlocks  {} statements known",
            facts.connections, server.statements.counts.tracked,
        );
        for (share, query) in heaviest(server, &last, &now) {
            let _infallible = write!(text, "\n          {share:3.0} %  {query}");
        }
        self.last = Some(now);
        Some(text)
    }
}

impl Reading {
    fn of(server: &ServerSnapshot, sampler: Sampler, count: u64) -> Option<Self> {
        let at = server.samplers.records.get(&sampler)?.last_success?.elapsed.as_secs_f64();
        Some(Self { count, at })
    }

    /// Growth a second; `None` if there was no sample between.
    fn rate(self, earlier: Self) -> Option<f64> {
        let seconds = self.at - earlier.at;
        (seconds > 0.0).then(|| self.count.saturating_sub(earlier.count) as f64 / seconds)
    }
}

impl Totals {
    fn of(server: &ServerSnapshot) -> Option<Self> {
        let view = &server.statements;
        let calls = view.shown.iter().map(|s| s.series.calls).sum::<u64>()
            + view.other.iter().map(|(_, c)| c.calls).sum::<u64>();
        let commits = server.databases.shown.get(DATNAME)?.counters.commits;
        Some(Self {
            calls: Reading::of(server, Sampler::Statements, calls)?,
            commits: Reading::of(server, Sampler::Database, commits)?,
            statements: view.shown.iter().map(|s| (key(s), s.total.exec_seconds)).collect(),
        })
    }
}

/// The three statements with most time since `last`, with their share of it.
fn heaviest(server: &ServerSnapshot, last: &Totals, now: &Totals) -> Vec<(f64, String)> {
    let mut grown: Vec<(f64, &Shown)> = server
        .statements
        .shown
        .iter()
        .map(|shown| {
            let seconds = |totals: &Totals| *totals.statements.get(&key(shown)).unwrap_or(&0.0);
            (seconds(now) - seconds(last), shown)
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

fn key(shown: &Shown) -> Key {
    (Arc::clone(&shown.usename), shown.queryid)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::statements::Counters;
    use crate::state::{Connection, Databases};
    use crate::track::statements::{Shown, View};

    fn server(statements: &[(&str, i64, f64)]) -> ServerSnapshot {
        let shown = statements.iter().map(|&(usename, queryid, exec_seconds)| Shown {
            datname: DATNAME.into(),
            usename: usename.into(),
            queryid,
            module: "sales".into(),
            query: Some(format!("{queryid} of {usename}").into()),
            series: Counters::default(),
            total: Counters { exec_seconds, ..Counters::default() },
            here: Counters::default(),
            leaving: false,
        });
        ServerSnapshot {
            name: "demo".into(),
            erps: Arc::default(),
            connection: Arc::new(Connection::Starting),
            statements: Arc::new(View { shown: shown.collect(), ..View::default() }),
            databases: Arc::new(Databases::default()),
            suggestions: Arc::default(),
            samplers: Arc::default(),
            activity: Arc::default(),
            tables: Arc::default(),
            growth: Arc::default(),
            catalog: Arc::default(),
            vacuum: Arc::default(),
            replication: Arc::default(),
            io: Arc::default(),
            settings: Arc::default(),
            queues: Arc::default(),
            duplicates: Arc::default(),
            spending: None,
        }
    }

    #[test]
    fn the_same_statement_of_two_roles_is_two() {
        let totals = |statements: &[(&str, i64, f64)]| Totals {
            calls: Reading { count: 0, at: 0.0 },
            commits: Reading { count: 0, at: 0.0 },
            statements: statements
                .iter()
                .map(|&(usename, queryid, seconds)| ((usename.into(), queryid), seconds))
                .collect(),
        };
        let last = [("erp", 1, 10.0), ("erp", 2, 1.0), ("postgres", 1, 5.0)];
        let now = [("erp", 1, 13.0), ("erp", 2, 2.0), ("postgres", 1, 5.0)];
        let said: Vec<String> = heaviest(&server(&now), &totals(&last), &totals(&now))
            .iter()
            .map(|(share, query)| format!("{share:.0} % {query}"))
            .collect();
        assert_eq!(said, ["75 % 1 of erp", "25 % 2 of erp"]);
    }
}
