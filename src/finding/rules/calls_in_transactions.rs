//! Calls of another system that were made while the caller's database session was idle in an open
//! transaction. Seen by spans or the proxy; without either this rule sees nothing. A warning only where
//! call and transaction carry the same trace id: two that merely fell into the same time may be strangers
//! to each other, and are told as information.

use std::sync::Arc;

use crate::erp::OTHER;
use crate::finding::{Around, Judge, OfServer, Rule};
use crate::track::calls::OfView;
use crate::track::findings::{About, Candidate, Fact, Need, Severity, Value, counted};
use crate::track::reports::HeldOpen;

pub(super) static RULE: Rule = Rule {
    about: About {
        id: "calls_in_transactions",
        title: "Another system is called while rows are locked",
        severity: Severity::Warning,
        needs: &[Need::Samples],
        explanation: "The ERP calls another system and waits for its answer while it holds locks in \
            the database. As long as the other system takes, everybody who needs the same rows \
            waits, too; if it hangs, so does the ERP.",
        remedy: &[
            "Commit before the call, and write the answer in a transaction of its own.",
            "Or write an entry into an outbox table, and let a job call with retries.",
            "Until then, give the call a timeout of a few seconds.",
        ],
    },
    judge: Judge::Around(judge),
};

fn judge(around: &Around<'_>) -> Vec<OfServer> {
    let all = around.snapshot.calls.integrations.iter();
    let cases = all.filter_map(|of| {
        let then = around.before.calls.integrations.iter().find(|then| then.name == of.name);
        let grown = |count: fn(&OfView) -> u64| count(of).saturating_sub(then.map_or(0, count));
        let (all, certain) = (grown(|of| of.held_open), grown(|of| of.held_open_by_trace));
        let is_enough = |calls: u64| calls as f64 >= around.limit("calls");
        if is_enough(certain) {
            return Some(case(around, of, certain, true));
        }
        is_enough(all).then(|| case(around, of, all, false))
    });
    cases.collect()
}

/// The case, and the server whose transactions were open.
fn case(around: &Around<'_>, of: &OfView, calls: u64, is_certain: bool) -> OfServer {
    let told = of.notable.iter().flat_map(|call| &call.evidence);
    let told = told.filter(|evidence| !is_certain || evidence.is_held_open_by_trace());
    let held = told.filter_map(|evidence| Some((&evidence.server, evidence.held_open.as_ref()?)));
    let (servers, held): (Vec<&Arc<str>>, Vec<&HeldOpen>) = held.unzip();
    let longest = held.iter().map(|held| held.seconds).fold(0.0, f64::max);
    let seconds: f64 = held.iter().map(|held| held.seconds).sum();
    let mean = seconds / (held.len().max(1) as f64);
    let example = held.first();
    let application =
        example.map_or_else(|| OTHER.into(), |held| Arc::clone(&held.party.application));
    let datname = example.and_then(|held| held.party.datname.clone());
    let mut evidence = vec![
        Fact::text("integration", Arc::clone(&of.name)),
        Fact::text("application", Arc::clone(&application)),
        Fact::text("tied_by", if is_certain { "trace" } else { "time" }),
        Fact::number("calls_per_day", around.per_day(calls as f64)),
        Fact::seconds("mean_idle_seconds", mean),
        Fact::seconds("longest_idle_seconds", longest),
        Fact::count("had_changed_rows", held.iter().filter(|held| held.wrote).count() as u64),
    ];
    if let Some(query) = example.and_then(|held| held.party.query.as_deref()) {
        evidence.push(Fact::text("last_query_before_the_call", query));
    }
    let candidate = Candidate {
        datname: datname.unwrap_or_else(|| "".into()),
        subject: Arc::clone(&of.name),
        module: OTHER.into(),
        severity: if is_certain { Severity::Warning } else { Severity::Info },
        summary: format!(
            "{application} {} {} {} with its transaction open, {} each time",
            if is_certain { "called" } else { "seems to have called" },
            of.name,
            counted(calls, "time", "times"),
            Value::Seconds(mean)
        ),
        evidence,
        sql: Vec::new(),
        cost_seconds_per_day: Some(around.per_day(calls as f64 * mean)),
    };
    (servers.first().map_or_else(|| "".into(), |server| Arc::clone(server)), candidate)
}
