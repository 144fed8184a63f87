//! Statements that change many rows a call, run by an interactive application. Jobs, reports and
//! maintenance, as the profile's `kinds` say, may take their time; a statement that no sample has seen
//! running is too short to be told of.

use std::sync::Arc;

use crate::erp::{Kind, tables_changed};
use crate::finding::sight::dearest;
use crate::finding::{Grown, Judge, Rule, Sight};
use crate::track::findings::{About, Candidate, Fact, Need, Severity, Value};

pub(super) static RULE: Rule = Rule {
    about: About {
        id: "bulk_in_transactions",
        title: "Bulk work while a user waits",
        severity: Severity::Warning,
        needs: &[Need::Samples],
        explanation: "Hundreds of rows are changed at once inside the transaction of somebody who \
            works at a screen. That person waits, and so does everybody who needs one of those \
            rows, as all of them are locked until the end.",
        remedy: &[
            "Put the work into the ERP's job queue; let the user's transaction only write the job.",
            "Let the job commit after every few hundred rows.",
            "If it has to be at once, change fewer rows: only those whose value really changes.",
        ],
    },
    judge: Judge::Server(judge),
};

fn judge(sight: &Sight<'_>) -> Vec<Candidate> {
    let bulk = sight.statements.iter().filter(|grown| is_bulk(sight, grown));
    let cases = bulk.filter_map(|grown| {
        let runner = sight.server.activity.runners.of(&grown.datname, grown.queryid)?;
        (runner.kind == Kind::Interactive).then(|| case(sight, grown, &runner.application))
    });
    dearest(cases.collect())
}

fn is_bulk(sight: &Sight<'_>, grown: &Grown) -> bool {
    grown.per_call(grown.work.rows as f64) >= sight.limit("rows_per_call")
        && grown.per_call(grown.work.exec_seconds) >= sight.limit("seconds_per_call")
        && !grown.text().trim_start().to_lowercase().starts_with("select")
        && !tables_changed(grown.text()).is_empty()
}

fn case(sight: &Sight<'_>, grown: &Grown, application: &Arc<str>) -> Candidate {
    let table = tables_changed(grown.text()).into_iter().next().unwrap_or_default();
    let rows = grown.per_call(grown.work.rows as f64);
    let cost = sight.per_day(grown.work.exec_seconds);
    Candidate {
        datname: Arc::clone(&grown.datname),
        subject: format!("{application} changes {table}").into(),
        module: Arc::clone(&grown.module),
        severity: Severity::Warning,
        summary: format!(
            "{application} changes {rows:.0} rows of {table} in one go while its user waits, {} each time",
            Value::Seconds(grown.per_call(grown.work.exec_seconds)),
        ),
        evidence: vec![
            Fact::text("application", Arc::clone(application)),
            Fact::text("table", table),
            Fact::number("rows_per_call", rows),
            Fact::number("calls_per_day", sight.per_day(grown.work.calls as f64)),
            Fact::seconds("seconds_per_call", grown.per_call(grown.work.exec_seconds)),
            Fact::text("queryid", grown.queryid.to_string()),
            Fact::text("query", grown.text()),
        ],
        sql: Vec::new(),
        cost_seconds_per_day: Some(cost),
    }
}
