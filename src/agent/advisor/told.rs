//! What the advisor's turns tell: which databases, why a run failed, what is news.

use std::sync::Arc;

use super::Surroundings;
use crate::advise::database::{self, RunError};
use crate::advise::ledger::Change;
use crate::config;
use crate::erp::Erps;
use crate::pg;
use crate::recognise::recognise;
use crate::sample::Outcome;
use crate::state::Failure;
use crate::track::reports::{Report, SuggestionReport};

/// Which ERP is where, and the databases to advise on.
pub(super) async fn databases(
    server: &config::Server,
    around: &Surroundings,
) -> Result<(Erps, Vec<String>), RunError> {
    let session = pg::connect(server, &server.dbname).await?;
    let erps = recognise(server, &session, &around.profiles).await;
    let datnames = match around.config.datnames.as_slice() {
        [] => database::busiest(&session).await?,
        named => named.to_vec(),
    };
    Ok((erps, datnames))
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
