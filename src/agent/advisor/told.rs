//! What the advisor's turns tell: which databases, why a run failed, what is news.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Surroundings;
use crate::advise::database::{self, RunError};
use crate::advise::ledger::{Change, OfDatabase};
use crate::config;
use crate::erp::Erps;
use crate::pg;
use crate::sample::Outcome;
use crate::state::Failure;
use crate::track::reports::{Report, SuggestionReport};

/// Which ERP is where, as those have recognised that watch the server.
pub(super) fn erps(server: &config::Server, around: &Surroundings) -> Arc<Erps> {
    let board = around.board.load();
    board.snapshot.server(&server.name).map(|seen| Arc::clone(&seen.erps)).unwrap_or_default()
}

/// The databases to advise on.
pub(super) async fn databases(
    server: &config::Server,
    around: &Surroundings,
) -> Result<Vec<String>, RunError> {
    match around.config.datnames.as_slice() {
        [] => database::busiest(&pg::connect(server, &server.dbname).await?).await,
        named => Ok(named.to_vec()),
    }
}

/// Forgets the bad joins of databases that are not advised on any more, so that nobody is told of them for ever; whether
/// there were any.
pub(super) fn forget_joins(
    databases: &mut BTreeMap<Arc<str>, OfDatabase>,
    advised: &[String],
) -> bool {
    let mut forgotten = false;
    for (datname, of) in databases {
        if !of.bad_joins.is_empty() && !advised.iter().any(|name| **name == **datname) {
            of.bad_joins = Arc::default();
            forgotten = true;
        }
    }
    forgotten
}

pub(super) fn failure(error: &RunError) -> Failure {
    let outcome = match error.kind() {
        "connect" => Outcome::Closed,
        "no_statements" => Outcome::Missing,
        _ => Outcome::Error,
    };
    Failure { outcome, message: error.to_string() }
}

pub(super) fn report(change: Change) -> Report {
    let line = change.line;
    let measured = line.measured.as_ref().map(|measured| &measured.helped);
    Report::Suggestion(SuggestionReport {
        state: line.state.name(),
        datname: Arc::clone(&line.datname),
        measured_speedup: measured.map(|measured| measured.speedup),
        p_value: measured.map(|measured| measured.p_value),
        id: line.id,
        action: line.action,
        table: line.table,
        module: line.module,
        ddl: line.ddl,
        undo: line.undo,
        saved_seconds_per_day: line.saved_seconds_per_day,
        reason: line.reason,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advise::joins::{BadJoin, Sign};

    #[test]
    fn bad_joins_of_a_database_that_is_gone_are_forgotten_and_what_else_is_known_of_it_is_not() {
        let join = BadJoin {
            sign: Sign::WrongEstimate { planned_rows: 1.0, real_rows: 1e6 },
            tables: vec!["line".into(), "head".into()],
            columns: Vec::new(),
            module: "sales".into(),
            seconds_per_day: 100.0,
            statements_total: 1,
            statements: Vec::new(),
            sql: Vec::new(),
        };
        let of =
            OfDatabase { successes: 3, bad_joins: Arc::new(vec![join]), ..OfDatabase::default() };
        let mut databases =
            BTreeMap::from([("shop".into(), of.clone()), ("old".into(), of.clone())]);
        assert!(forget_joins(&mut databases, &["shop".into(), "new".into()]));
        assert_eq!(databases["shop"], of);
        assert_eq!((databases["old"].bad_joins.len(), databases["old"].successes), (0, 3));
        assert!(!forget_joins(&mut databases, &["shop".into()]), "nothing is left to forget");
    }
}
