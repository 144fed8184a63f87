//! Slow transactions that were idle for most of their length, by application. Nearly all ERPs are idle
//! in transaction for moments, between two statements of one request: that is no fault. It is one if
//! others had to wait for it, or if it lasts for minutes.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::erp::OTHER;
use crate::finding::sight::dearest;
use crate::finding::{Judge, Rule, Sight};
use crate::track::findings::{About, Candidate, Fact, Need, Severity, Value, counted};
use crate::track::reports::SlowTransaction;

pub(super) static RULE: Rule = Rule {
    about: About {
        id: "idle_in_transaction",
        title: "Transactions are left open while nothing happens",
        severity: Severity::Critical,
        needs: &[Need::Samples],
        explanation: "An application begins to change data and then does something else: it waits \
            for a person, a file or another system. Until it goes on, the rows it has changed stay \
            locked for everybody else, and the database cannot clean up behind its users.",
        remedy: &[
            "Look at the application's code around the last statement in the evidence: what does it wait for?",
            "Commit before waiting for anything outside of the database.",
            "As a safety net, set idle_in_transaction_session_timeout for its role.",
        ],
    },
    judge: Judge::Server(judge),
};

fn judge(sight: &Sight<'_>) -> Vec<Candidate> {
    let mut by: BTreeMap<(&Arc<str>, &Arc<str>), Vec<&SlowTransaction>> = BTreeMap::new();
    for slow in sight.transactions().filter(|slow| is_idle(sight, slow)) {
        let Some(datname) = &slow.party.datname else { continue };
        by.entry((datname, &slow.party.application)).or_default().push(slow);
    }
    let cases = by.into_iter();
    dearest(cases.filter_map(|((d, a), idle)| case(sight, d, a, &idle)).collect())
}

/// Of the statement after which nothing happened: that is where to look. Which of its statements took the longest is chance,
/// when one of them had to wait.
fn module(idle: &SlowTransaction) -> Arc<str> {
    let last = &idle.last_module;
    Arc::clone(if **last == *OTHER { &idle.module } else { last })
}

fn is_idle(sight: &Sight<'_>, slow: &SlowTransaction) -> bool {
    slow.idle_seconds >= sight.limit("idle_for")
        && slow.idle_seconds >= sight.limit("share") * slow.seconds
}

fn case(
    sight: &Sight<'_>,
    datname: &Arc<str>,
    application: &Arc<str>,
    idle: &[&SlowTransaction],
) -> Option<Candidate> {
    let blocked: f64 = idle.iter().map(|slow| slow.blocked_others_seconds).sum();
    let worst = idle.iter().max_by(|a, b| a.idle_seconds.total_cmp(&b.idle_seconds))?;
    let lasts = worst.seconds >= sight.limit("held_for");
    if blocked < 1.0 && !lasts {
        return None;
    }
    let victims = idle.iter().map(|slow| slow.victims).max().unwrap_or(0);
    let holds_up_now = sight.server.activity.open.iter().any(|open| {
        open.party.application == *application
            && open.victims > 0
            && open.seconds >= sight.limit("held_for")
    });
    let mut evidence = vec![
        Fact::text("application", Arc::clone(application)),
        Fact::count("transactions", idle.len() as u64),
        Fact::seconds("longest_idle_seconds", worst.idle_seconds),
        Fact::seconds("others_waited_seconds", blocked),
        Fact::count("most_victims", victims as u64),
    ];
    if let Some(query) = worst.party.query.as_deref() {
        evidence.push(Fact::text("last_query", query));
    }
    let role = worst.party.usename.as_deref().unwrap_or_default();
    Some(Candidate {
        datname: Arc::clone(datname),
        subject: Arc::clone(application),
        module: module(worst),
        severity: if holds_up_now { Severity::Critical } else { Severity::Warning },
        summary: format!(
            "{application} left {} open for up to {} without doing anything; others waited {} for {}",
            counted(idle.len(), "transaction", "transactions"),
            Value::Seconds(worst.idle_seconds),
            Value::Seconds(blocked),
            if idle.len() == 1 { "it" } else { "them" },
        ),
        evidence,
        sql: vec![format!(
            "alter role \"{}\" set idle_in_transaction_session_timeout = '60s';",
            role.replace('"', "\"\"")
        )],
        cost_seconds_per_day: Some(sight.per_day(blocked)),
    })
}
