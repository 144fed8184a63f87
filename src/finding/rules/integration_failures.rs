//! The share of an integration's calls that failed over the window. Where an objective is declared
//! (`success`), more failures than it allows are told of, too, if they are not a few. And probes of its
//! other side that fail now and have failed before: one run that failed is none.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::erp::OTHER;
use crate::finding::{Around, Judge, OfServer, Rule};
use crate::integration::Direction;
use crate::integration::meter::probe::Probe;
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
    let calls = around.snapshot.calls.integrations.iter().filter_map(|of| case(around, of));
    let probes = around.snapshot.intake.probe.probes.iter();
    let probes = probes.filter_map(|(name, probe)| probe_case(around, name, probe));
    // Which server the ERP was at has nothing to do with it.
    calls.chain(probes).map(|candidate| ("".into(), candidate)).collect()
}

/// As many failures as an objective allows are none too many, however the two are rounded.
const ROUNDING: f64 = 1e-9;

fn case(around: &Around<'_>, of: &OfView) -> Option<Candidate> {
    let then = around.before.calls.integrations.iter().find(|then| then.name == of.name);
    let failed = of.failed().saturating_sub(then.map_or(0, OfView::failed));
    let calls = of.calls().saturating_sub(then.map_or(0, OfView::calls));
    let share = failed as f64 / (calls.max(1) as f64);
    let success = of.declared.as_ref().and_then(|declared| declared.objective.success);
    let misses = success.is_some_and(|success| share > 1.0 - success + ROUNDING);
    let is_much = share >= around.limit("share") || misses;
    if !is_much || (failed as f64) < around.limit("calls") {
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
    evidence.extend(success.map(|success| Fact::share("success_objective", success)));
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

/// A probe that fails now, and did when the window or its second half began, or by two runs in it.
fn probe_case(around: &Around<'_>, name: &Arc<str>, probe: &Probe) -> Option<Candidate> {
    let failure = probe.failure.as_ref().filter(|_| !probe.is_up)?;
    let then = around.before.intake.probe.probes.get(name);
    let middle = around.middle.and_then(|middle| middle.intake.probe.probes.get(name));
    let was_down = [then, middle].into_iter().flatten().any(|then| !then.is_up);
    let runs = probe.runs.saturating_sub(then.map_or(0, |then| then.runs));
    let failed = failed_runs(probe).saturating_sub(then.map_or(0, failed_runs));
    (was_down || failed >= 2).then(|| Candidate {
        datname: "".into(),
        subject: format!("probe {name}").into(),
        module: OTHER.into(),
        severity: Severity::Warning,
        summary: format!(
            "the probe {name} of {} fails in its phase {}: {}",
            probe.integration, failure.phase, failure.detail
        ),
        evidence: vec![
            Fact::text("integration", Arc::clone(&probe.integration)),
            Fact::text("phase", failure.phase),
            Fact::text("cause", failure.fault.name()),
            Fact::count("runs", runs),
            Fact::count("failed_runs", failed),
        ],
        sql: Vec::new(),
        cost_seconds_per_day: None,
    })
}

fn failed_runs(probe: &Probe) -> u64 {
    probe.failures.values().sum()
}
