//! Queues of work for later that do not get shorter, whose rows fail or are tried for ever, or where one
//! runs on and on. A long queue that is being worked off is none: its oldest row changes.

use std::sync::Arc;

use super::autovacuum_behind::named;
use crate::finding::sight::dearest;
use crate::finding::{Judge, Rule, Sight};
use crate::sample::queues::Reading;
use crate::track::findings::{About, Candidate, Fact, Need, Severity, Value};
use crate::track::queues::Queue;

pub(super) static RULE: Rule = Rule {
    about: About {
        id: "queues",
        title: "Work for later that does not get done",
        severity: Severity::Warning,
        needs: &[Need::Samples],
        explanation: "The ERP puts work that nobody should wait for into a queue: mails, exports, \
            calculations. Here it comes faster than it is done, or some of it fails, or hangs. Nobody gets \
            a message of that: customers just do not get their mail.",
        remedy: &[
            "See that a worker or scheduler runs at all, and what it says in its own log.",
            "If it runs and cannot keep up: let it do more in one go, or run more of them; see that it \
             finds its next row by an index.",
            "What failed or is tried again and again: mend the cause, then start it anew or give it up.",
            "What runs for hours: see whether its worker still lives; if not, put it back to waiting.",
        ],
    },
    judge: Judge::Server(judge),
};

fn judge(sight: &Sight<'_>) -> Vec<Candidate> {
    let mut found = Vec::new();
    for (datname, database) in &sight.server.queues.databases {
        let before = sight.before.queues.databases.get(datname);
        for queue in &database.queues {
            let before = before.and_then(|database| {
                database.queues.iter().find(|before| before.now.name == queue.now.name)
            });
            found.extend(case(sight, datname, queue, before.map(|before| &before.now)));
        }
    }
    dearest(found)
}

fn case(
    sight: &Sight<'_>,
    datname: &Arc<str>,
    queue: &Queue,
    before: Option<&Reading>,
) -> Option<Candidate> {
    let now = &queue.now;
    let at_least = if queue.is_longer() { "at least " } else { "" };
    let mut severity = Severity::Info;
    let mut parts = Vec::new();
    if let Some(oldest) = now.oldest_seconds
        && oldest >= sight.limit("oldest")
        && before.is_some_and(|before| {
            now.waiting >= before.waiting && Some(oldest) >= before.oldest_seconds
        })
    {
        severity = Severity::Warning;
        let nothing_runs = if now.running == Some(0) { " and nothing runs" } else { "" };
        parts.push(format!(
            "{at_least}{} rows wait, the oldest for {}, and they become no fewer{nothing_runs}",
            now.waiting,
            Value::Seconds(oldest)
        ));
    }
    let failed = now.failed.unwrap_or(0);
    let anew =
        before.and_then(|before| before.failed).map_or(0, |then| failed.saturating_sub(then));
    if anew as f64 >= sight.limit("failed_anew") {
        severity = Severity::Warning;
        parts.push(format!("{anew} rows have failed of late"));
    } else if failed as f64 >= sight.limit("failed") {
        parts.push(format!("{failed} rows have failed and nobody has seen to them"));
    }
    let tries = now.tries.unwrap_or(0);
    if tries as f64 >= sight.limit("tries") {
        severity = Severity::Warning;
        parts.push(format!("a row that waits was tried {tries} times"));
    }
    let longest = now.longest_seconds.filter(|longest| *longest >= sight.limit("running"));
    if let Some(longest) = longest {
        severity = Severity::Warning;
        parts.push(format!("a row is being worked on for {}", Value::Seconds(longest)));
    }
    if parts.is_empty() {
        return None;
    }
    let table = named(&now.schema, &now.table);
    let mut evidence = vec![Fact::text("table", table), Fact::count("waiting", now.waiting)];
    evidence.extend(now.oldest_seconds.map(|oldest| Fact::seconds("oldest_waits", oldest)));
    if let Some(before) = before {
        let came = now.inserted.saturating_sub(before.inserted);
        evidence.push(Fact::count("waited_at_the_window_begin", before.waiting));
        evidence.push(Fact::number("inserted_per_day", sight.per_day(came as f64)));
    }
    evidence.extend(now.running.map(|running| Fact::count("running", running)));
    evidence.extend(now.longest_seconds.map(|longest| Fact::seconds("longest_runs", longest)));
    evidence.extend(now.failed.map(|failed| Fact::count("failed", failed)));
    evidence.extend(now.tries.map(|tries| Fact::count("most_tries", tries)));
    Some(Candidate {
        datname: Arc::clone(datname),
        subject: Arc::clone(&now.name),
        module: Arc::clone(&queue.module),
        severity,
        summary: format!("Queue {}: {}", now.name, parts.join("; ")),
        evidence,
        sql: Vec::new(),
        cost_seconds_per_day: None,
    })
}
