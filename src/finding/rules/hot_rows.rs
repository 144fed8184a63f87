//! Waits for rows of one table: those for a tuple or for the transaction that has changed it. A few
//! of them are ordinary; many, and long, mean that a handful of rows is wanted by everybody: the row
//! of a gapless number, the stock of the best seller, a running total.

use crate::finding::sight::{dearest, growth};
use crate::finding::{Judge, Rule, Sight};
use crate::track::findings::{About, Candidate, Fact, Need, Severity, Value};
use crate::track::hot_spots::{Spot, SpotKey};
use crate::track::reports::{LockWait, Report};
use std::sync::Arc;
use std::time::Duration;

pub(super) static RULE: Rule = Rule {
    about: About {
        id: "hot_rows",
        title: "Everybody waits for the same few rows",
        severity: Severity::Critical,
        needs: &[Need::Samples],
        explanation: "Only one transaction at a time can change a row; the others queue up until it \
            has ended. Here many want the same one, such as the row that holds the next invoice \
            number. More hardware does not help: they work one after the other.",
        remedy: &[
            "Take the row last: change it right before the commit, after all slow work is done.",
            "If numbers need not be without gaps, take them from a PostgreSQL sequence.",
            "For stock and totals: insert a row for each change, and let a job sum them up.",
        ],
    },
    judge: Judge::Server(judge),
};

/// So much waiting a day that half a person always waits.
const ALWAYS: f64 = 43_200.0;

fn judge(sight: &Sight<'_>) -> Vec<Candidate> {
    let minus = |now: Spot, then: Spot| Spot {
        waits: now.waits.saturating_sub(then.waits),
        blocked: now.blocked.saturating_sub(then.blocked),
        // The longest since the start: of the window if it is longer than the one before it.
        longest: if now.longest > then.longest { now.longest } else { Duration::ZERO },
        ..now
    };
    let (now, then) = (&sight.server.activity.hot_spots, &sight.before.activity.hot_spots);
    let cases = growth(now, then, minus).into_iter().filter_map(|(key, spot)| {
        let cost = sight.per_day(spot.blocked.as_secs_f64());
        let is_hot =
            spot.waits as f64 >= sight.limit("waits") && cost >= sight.limit("seconds_per_day");
        is_hot.then(|| case(sight, key, spot, cost))
    });
    dearest(cases.collect())
}

fn case(sight: &Sight<'_>, key: &SpotKey, spot: Spot, cost: f64) -> Candidate {
    let relation = &key.relation;
    let seconds = spot.blocked.as_secs_f64();
    let mut evidence = vec![
        Fact::count("waits", spot.waits),
        Fact::seconds("waited_seconds", seconds),
        Fact::seconds("mean_wait_seconds", seconds / (spot.waits.max(1) as f64)),
    ];
    let example = example(sight, key);
    let longest = example.map_or(0.0, |wait| wait.seconds).max(spot.longest.as_secs_f64());
    evidence.extend((longest > 0.0).then(|| Fact::seconds("longest_wait_seconds", longest)));
    if let Some(wait) = example {
        let waiter = wait.waiter.as_ref();
        if let Some(waiter) = waiter {
            evidence.push(Fact::text("waiting_application", Arc::clone(&waiter.application)));
            evidence.push(Fact::text("waiting_query", waiter.query.as_deref().unwrap_or_default()));
        }
        if let Some(root) = wait.roots.first() {
            let application = Arc::clone(&root.party.application);
            evidence.push(Fact::text("blocking_application", application));
            evidence.push(Fact::text("blocking_state", root.state));
            let query = root.party.query.as_deref().unwrap_or_default();
            evidence.push(Fact::text("blocking_query", query));
        }
    }
    Candidate {
        datname: Arc::clone(&key.datname),
        subject: relation.strip_prefix("public.").unwrap_or(relation).into(),
        module: Arc::clone(&key.module),
        severity: if cost >= ALWAYS { Severity::Critical } else { Severity::Warning },
        summary: format!(
            "{} waits for rows of {relation}, {} together: {} a day",
            spot.waits,
            Value::Seconds(seconds),
            Value::Seconds(cost),
        ),
        evidence,
        sql: Vec::new(),
        cost_seconds_per_day: Some(cost),
    }
}

/// The longest wait for such a row, in this database, that was told in the window.
fn example<'a>(sight: &'a Sight<'_>, key: &SpotKey) -> Option<&'a LockWait> {
    let object = format!("a row of {}", key.relation);
    let is_its = |wait: &LockWait| {
        let datname = wait.waiter.as_ref().and_then(|waiter| waiter.datname.as_ref());
        wait.object == object && datname == Some(&key.datname)
    };
    let began = sight.began();
    let told = sight.reports().filter(|(at, _)| *at >= began);
    let waits = told.filter_map(|(_, report)| match report {
        Report::LockWait(wait) if is_its(wait) => Some(wait),
        _ => None,
    });
    waits.max_by(|a, b| a.seconds.total_cmp(&b.seconds))
}
