//! One statement of several roles is several statements, if names in it may mean different tables.
//!
//! Up to PostgreSQL 17 a queryid is that of certain tables, and one path is as good as another that leads to them. From 18 on it
//! is that of their names, and one queryid may be two statements on two tables.

use std::collections::BTreeMap;

use super::SearchPath;
use crate::advise::workload::{Statement, Workload};

/// What one role has run of one statement since the server counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Work {
    /// The role's oid.
    pub role: u32,
    /// Hash of the statement's shape.
    pub queryid: i64,
    /// Executions.
    pub calls: f64,
    /// Seconds.
    pub seconds: f64,
    /// Rows.
    pub rows: f64,
    /// Blocks of temporary files, written or read.
    pub temp_blocks: f64,
}

/// Paths of one statement that are told apart; the rest of it has none.
const MOST: usize = 8;

/// Gives statements the paths of the roles that run them, in the shares in which the server has counted them; those of roles
/// that are gone have none. Returns the number of statements of which paths were left out.
pub fn tell_apart(
    workload: &mut Workload,
    work: &[Work],
    paths: &BTreeMap<u32, SearchPath>,
) -> usize {
    let mut by_path: BTreeMap<i64, BTreeMap<Option<SearchPath>, Sum>> = BTreeMap::new();
    for work in work {
        let path = paths.get(&work.role).cloned();
        by_path.entry(work.queryid).or_default().entry(path).or_default().add(work);
    }
    let mut left_over = 0;
    let mut statements = Vec::new();
    for statement in std::mem::take(&mut workload.statements) {
        let sums = statement.queryid.and_then(|queryid| by_path.get(&queryid));
        let Some(sums) = sums else {
            statements.push(statement);
            continue;
        };
        let mut sums: Vec<(Option<SearchPath>, Sum)> =
            sums.iter().map(|(path, sum)| (path.clone(), *sum)).collect();
        sums.sort_by(|(_, a), (_, b)| b.seconds.total_cmp(&a.seconds));
        let mut all = Sum::default();
        for (_, sum) in &sums {
            all.join(sum);
        }
        if sums.len() > MOST {
            left_over += 1;
            let mut rest = Sum::default();
            for (_, sum) in &sums.split_off(MOST) {
                rest.join(sum);
            }
            sums.push((None, rest));
        }
        statements.extend(sums.into_iter().map(|(path, sum)| share(&statement, path, &sum, &all)));
    }
    statements.sort_by(|a, b| {
        let seconds = |statement: &Statement| statement.seconds.unwrap_or_default();
        seconds(b).total_cmp(&seconds(a))
    });
    workload.statements = statements;
    left_over
}

/// As much of a statement as was run with one path.
fn share(statement: &Statement, path: Option<SearchPath>, sum: &Sum, all: &Sum) -> Statement {
    let of_calls = if all.calls > 0.0 { sum.calls / all.calls } else { 1.0 };
    let of = |part: f64, whole: f64| if whole > 0.0 { part / whole } else { of_calls };
    Statement {
        calls: statement.calls * of_calls,
        seconds: statement.seconds.map(|seconds| seconds * of(sum.seconds, all.seconds)),
        rows: statement.rows * of(sum.rows, all.rows),
        temp_blocks: statement.temp_blocks * of(sum.temp_blocks, all.temp_blocks),
        search_path: path,
        ..statement.clone()
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    calls: f64,
    seconds: f64,
    rows: f64,
    temp_blocks: f64,
}

impl Sum {
    fn add(&mut self, work: &Work) {
        let Work { calls, seconds, rows, temp_blocks, .. } = *work;
        self.join(&Self { calls, seconds, rows, temp_blocks });
    }

    fn join(&mut self, more: &Self) {
        self.calls += more.calls;
        self.seconds += more.seconds;
        self.rows += more.rows;
        self.temp_blocks += more.temp_blocks;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn work(role: u32, queryid: i64, calls: f64) -> Work {
        Work { role, queryid, calls, seconds: calls * 2.0, rows: calls * 3.0, temp_blocks: 0.0 }
    }

    fn statement(queryid: i64, calls: f64) -> Statement {
        Statement {
            queryid: Some(queryid),
            text: "select * from orders".into(),
            calls,
            seconds: Some(calls * 0.1),
            rows: calls,
            ..Statement::default()
        }
    }

    fn paths(of: &[(u32, &str)]) -> BTreeMap<u32, SearchPath> {
        of.iter().map(|(role, path)| (*role, SearchPath::from(*path))).collect()
    }

    fn told(workload: &Workload) -> Vec<(Option<&str>, f64)> {
        let of = |s: &Statement| s.calls;
        workload.statements.iter().map(|s| (s.search_path.as_deref(), of(s))).collect()
    }

    #[test]
    fn roles_with_different_paths_are_told_apart_by_their_shares_and_the_sum_stays() {
        let mut workload =
            Workload { statements: vec![statement(1, 100.0), statement(2, 10.0)], days: 7.0 };
        let work = [work(10, 1, 30.0), work(11, 1, 10.0), work(12, 2, 5.0), work(13, 2, 1.0)];
        let paths = paths(&[(10, "sales"), (11, "hr"), (12, "public"), (13, "public")]);
        assert_eq!(tell_apart(&mut workload, &work, &paths), 0);
        let wanted = [(Some("sales"), 75.0), (Some("hr"), 25.0), (Some("public"), 10.0)];
        assert_eq!(told(&workload), wanted);
        let seconds: f64 = workload.statements.iter().filter_map(|s| s.seconds).sum();
        assert!((seconds - 11.0).abs() < 1e-9, "{seconds}");
    }

    #[test]
    fn what_the_server_does_not_know_any_more_and_roles_that_are_gone_have_no_path() {
        let mut workload =
            Workload { statements: vec![statement(1, 9.0), statement(2, 5.0)], days: 7.0 };
        assert_eq!(tell_apart(&mut workload, &[work(10, 1, 3.0)], &BTreeMap::new()), 0);
        assert_eq!(told(&workload), [(None, 9.0), (None, 5.0)]);
    }

    #[test]
    fn of_a_path_for_each_of_many_tenants_the_heaviest_are_told_apart_and_it_is_said() {
        let mut workload = Workload { statements: vec![statement(1, 100.0)], days: 7.0 };
        let work: Vec<Work> = (0..20).map(|n| work(n, 1, f64::from(n + 1))).collect();
        let paths = (0..20).map(|n| (n, SearchPath::from(format!("tenant_{n}")))).collect();
        assert_eq!(tell_apart(&mut workload, &work, &paths), 1);
        assert_eq!(workload.statements.len(), MOST + 1);
        let calls: f64 = workload.statements.iter().map(|s| s.calls).sum();
        assert!((calls - 100.0).abs() < 1e-9, "{calls}");
        assert_eq!(workload.statements.iter().filter(|s| s.search_path.is_none()).count(), 1);
    }
}
