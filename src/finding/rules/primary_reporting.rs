//! The share of a primary's executing time that reports and batches take. A report is a query that
//! sums up, takes long and reads much a call; a batch changes a hundred rows or more a call. What
//! they take is what a replica or a warehouse would take off this server.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::erp::OTHER;
use crate::finding::sight::dearest;
use crate::finding::{Grown, Judge, Rule, Shape, Sight};
use crate::track::findings::{About, Candidate, Fact, Need, Severity, Value, counted};

pub(super) static RULE: Rule = Rule {
    about: About {
        id: "primary_reporting",
        title: "Reports run where people work",
        severity: Severity::Warning,
        needs: &[Need::Samples],
        explanation: "Reports read a large part of the data, and they do so on the same server on \
            which orders are entered and goods are moved. While a report runs, everybody else is \
            slower. A copy of the database (a replica), or a data warehouse, can run them instead.",
        remedy: &[
            "Find who runs them: /api/v1/statements, and the applications in /api/v1/transactions.",
            "Move what may be some seconds old to a streaming replica; check its lag first.",
            "What must stay: run it at night, or keep its sums in a table that is renewed by a job.",
        ],
    },
    judge: Judge::Server(judge),
};

/// Statements that are told as evidence.
const TOLD: usize = 3;

fn judge(sight: &Sight<'_>) -> Vec<Candidate> {
    if sight.server.databases.server.as_ref().is_none_or(|facts| facts.in_recovery) {
        return Vec::new();
    }
    let mut databases: BTreeMap<&Arc<str>, Vec<(&Grown, Shape)>> = BTreeMap::new();
    for grown in sight.statements {
        let shape = Shape::of(grown, sight.limit("report_seconds"), sight.limit("report_blocks"));
        if shape != Shape::Transactional {
            databases.entry(&grown.datname).or_default().push((grown, shape));
        }
    }
    dearest(
        databases.into_iter().filter_map(|(datname, found)| case(sight, datname, found)).collect(),
    )
}

fn case(
    sight: &Sight<'_>,
    datname: &Arc<str>,
    mut found: Vec<(&Grown, Shape)>,
) -> Option<Candidate> {
    let of = |wanted: Shape| -> f64 {
        let all = found.iter().filter(|(_, shape)| *shape == wanted);
        all.map(|(grown, _)| grown.work.exec_seconds).sum()
    };
    let (reports, batches) = (of(Shape::Reporting), of(Shape::Batch));
    // Waiting for others' locks takes nothing of the primary.
    let all = sight.work_seconds(datname).max(reports + batches);
    let (share, cost) = (reports / all.max(1e-9), sight.per_day(reports));
    if share < sight.limit("share") || cost < sight.limit("seconds_per_day") {
        return None;
    }
    let seconds = |grown: &Grown| grown.work.exec_seconds;
    found.retain(|(_, shape)| *shape == Shape::Reporting);
    found.sort_by(|(a, _), (b, _)| seconds(b).total_cmp(&seconds(a)));
    let mut evidence = vec![
        Fact::share("reporting_share", share),
        Fact::share("batch_share", batches / all.max(1e-9)),
        Fact::seconds("reporting_seconds_per_day", cost),
        Fact::count("reports", found.len() as u64),
    ];
    for (grown, _) in found.iter().take(TOLD) {
        evidence.push(Fact::text("queryid", grown.queryid.to_string()));
        evidence.push(Fact::text("query", grown.text()));
        if let Some(runner) = sight.server.activity.runners.of(datname, grown.queryid) {
            evidence.push(Fact::text("application", Arc::clone(&runner.application)));
        }
        evidence.push(Fact::seconds("seconds_per_call", grown.per_call(seconds(grown))));
        evidence.push(Fact::seconds("seconds_per_day", sight.per_day(seconds(grown))));
    }
    let module = found.first().map_or_else(|| OTHER.into(), |(grown, _)| Arc::clone(&grown.module));
    Some(Candidate {
        datname: Arc::clone(datname),
        subject: "reports".into(),
        module,
        severity: Severity::Warning,
        summary: format!(
            "{} {} of all statements' time in {datname}, {} a day",
            counted(found.len(), "report takes", "reports take"),
            Value::Share(share),
            Value::Seconds(cost),
        ),
        evidence,
        sql: Vec::new(),
        cost_seconds_per_day: Some(cost),
    })
}
