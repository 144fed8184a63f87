//! The share of an integration's calls that failed over the window, and probes of its other side that
//! fail. Where an objective is declared (`success`), more failures than it allows are told of, too.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::erp::OTHER;
use crate::finding::{Around, Judge, OfServer, Rule};
use crate::integration::Direction;
use crate::track::calls::OfView;
use crate::track::findings::{About, Candidate, Fact, Need, Severity, Value};

pub(super) static RULE: Rule = Rule {
    about: About {
        id: "integration_failures",
        title: "Calls of another system fail",
        severity: Severity::Warning,
        needs: &[Need::Samples],
        explanation: "The ERP and a system around it do not understand each other, or one of them is \
            away. Orders, payments or stock are then missing on one side until somebody mends it.",
        remedy: &[
            "See which calls fail and why: /api/v1/integrations/NAME.",
            "If it is them: call them; if it is us: look at the operation that fails most.",
            "Let calls go through a queue with retries, so that a short outage costs nothing.",
        ],
    },
    judge: Judge::Around(judge),
};

fn judge(around: &Around<'_>) -> Vec<OfServer> {
    let all = around.snapshot.calls.integrations.iter();
    // Which server the ERP was at has nothing to do with it.
    all.filter_map(|of| Some(("".into(), case(around, of)?))).collect()
}

fn case(around: &Around<'_>, of: &OfView) -> Option<Candidate> {
    let then = around.before.calls.integrations.iter().find(|then| then.name == of.name);
    let failed = of.failed().saturating_sub(then.map_or(0, OfView::failed));
    let calls = of.calls().saturating_sub(then.map_or(0, OfView::calls));
    let share = failed as f64 / (calls.max(1) as f64);
    if share < around.limit("share") || (failed as f64) < around.limit("calls") {
        return None;
    }
    let causes: BTreeMap<&str, u64> = of
        .errors
        .iter()
        .map(|(kind, count)| {
            let before = then.and_then(|then| then.errors.get(kind)).copied().unwrap_or(0);
            (*kind, count.saturating_sub(before))
        })
        .filter(|(_, count)| *count > 0)
        .collect();
    let main = causes.iter().max_by_key(|(_, count)| **count).map_or("unknown", |(kind, _)| kind);
    let mut evidence = vec![
        Fact::text("integration", Arc::clone(&of.name)),
        Fact::text("direction", of.direction().map_or("", Direction::name)),
        Fact::count("calls", calls),
        Fact::count("failed", failed),
        Fact::share("failed_share", share),
        Fact::text("main_cause", main),
    ];
    let probes = around.snapshot.intake.probe.probes.iter();
    for (name, _) in probes.filter(|(_, probe)| probe.integration == of.name && !probe.is_up) {
        evidence.push(Fact::text("probe_that_fails", Arc::clone(name)));
    }
    Some(Candidate {
        datname: "".into(),
        subject: Arc::clone(&of.name),
        module: OTHER.into(),
        severity: Severity::Warning,
        summary: format!(
            "{failed} of {calls} calls of {} failed ({}), mostly: {main}",
            of.name,
            Value::Share(share)
        ),
        evidence,
        sql: Vec::new(),
        cost_seconds_per_day: None,
    })
}
