//! Calls of another system that were made while the caller's database session was idle in an open
//! transaction. Seen by spans or the proxy; without either this rule sees nothing. A warning only where
//! call and transaction carry the same trace id: two that merely fell into the same time may be strangers
//! to each other, and are told as information. Each database by itself: how long its transactions were open
//! is that part of each call which they were idle.

use std::sync::Arc;

use crate::erp::OTHER;
use crate::finding::{Around, Judge, OfServer, Rule};
use crate::track::calls::{HeldIn, OfView, Sum};
use crate::track::findings::{About, Candidate, Fact, Need, Severity, Value, counted};
use crate::track::reports::Party;

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
    let mut cases = Vec::new();
    for of in &around.snapshot.calls.integrations {
        let then = around.before.calls.integrations.iter().find(|then| then.name == of.name);
        for (place, held) in &of.held_in {
            let then = then.and_then(|then| then.held_in.get(place));
            let all = Grown::of(&held.all, then.map(|then| &then.all));
            let certain = Grown::of(&held.by_trace, then.map(|then| &then.by_trace));
            let is_enough = |grown: &Grown<'_>| grown.calls as f64 >= around.limit("calls");
            if is_enough(&certain) {
                cases.push(case(around, of, place, &certain, true));
            } else if is_enough(&all) {
                cases.push(case(around, of, place, &all, false));
            }
        }
    }
    cases
}

/// What came in the window.
struct Grown<'a> {
    calls: u64,
    seconds: f64,
    wrote: u64,
    last: Option<&'a Party>,
}

impl<'a> Grown<'a> {
    fn of(now: &'a Sum, then: Option<&Sum>) -> Self {
        let calls = then.map_or(0, |then| then.calls);
        let seconds = then.map_or(0.0, |then| then.seconds);
        Self {
            calls: now.calls.saturating_sub(calls),
            seconds: (now.seconds - seconds).max(0.0),
            wrote: now.wrote.saturating_sub(then.map_or(0, |then| then.wrote)),
            last: now.last.as_deref(),
        }
    }
}

/// The case, of the server whose transactions were open.
fn case(
    around: &Around<'_>,
    of: &OfView,
    place: &HeldIn,
    grown: &Grown<'_>,
    is_certain: bool,
) -> OfServer {
    let (server, datname) = place;
    let mean = grown.seconds / (grown.calls.max(1) as f64);
    let longest = longest(of, place, is_certain).max(mean);
    let application =
        grown.last.map_or_else(|| OTHER.into(), |party| Arc::clone(&party.application));
    let mut evidence = vec![
        Fact::text("integration", Arc::clone(&of.name)),
        Fact::text("application", Arc::clone(&application)),
        Fact::text("tied_by", if is_certain { "trace" } else { "time" }),
        Fact::number("calls_per_day", around.per_day(grown.calls as f64)),
        Fact::seconds("mean_idle_seconds", mean),
        Fact::seconds("longest_idle_seconds", longest),
        Fact::count("had_changed_rows", grown.wrote),
    ];
    if let Some(query) = grown.last.and_then(|party| party.query.as_deref()) {
        evidence.push(Fact::text("last_query_before_the_call", query));
    }
    let candidate = Candidate {
        datname: Arc::clone(datname),
        subject: Arc::clone(&of.name),
        module: OTHER.into(),
        severity: if is_certain { Severity::Warning } else { Severity::Info },
        summary: format!(
            "{application} {} {} {} with its transaction open, {} each time",
            if is_certain { "called" } else { "seems to have called" },
            of.name,
            counted(grown.calls, "time", "times"),
            Value::Seconds(mean)
        ),
        evidence,
        sql: Vec::new(),
        cost_seconds_per_day: Some(around.per_day(grown.seconds)),
    };
    (Arc::clone(server), candidate)
}

/// The longest of those calls that were told of late.
fn longest(of: &OfView, (server, datname): &HeldIn, is_certain: bool) -> f64 {
    let told = of.notable.iter().flat_map(|call| &call.evidence);
    let here = told.filter(|found| {
        let open = found.held_open.as_ref().map(|open| open.party.datname.as_deref());
        found.server == *server && open.is_some_and(|of| of.unwrap_or_default() == &**datname)
    });
    let sure = here.filter(|found| !is_certain || found.is_held_open_by_trace());
    sure.map(|found| found.idle_in_transaction_seconds).fold(0.0, f64::max)
}
