//! Queues of work for later that do not get shorter, whose rows fail or are tried for ever, or where one
//! runs on and on; and those to which more comes than is done, with when that reaches `oldest` and `depth` if
//! it goes on so. A long queue that is being worked off is none: its oldest row changes, and it does not grow in
//! both halves of the window. One that has grown to as many rows as are counted is told of that: how it goes on is not seen.

use std::sync::Arc;

use super::autovacuum_behind::named;
use crate::finding::forecast::Flow;
use crate::finding::sight::dearest;
use crate::finding::{Judge, Rule, Sight};
use crate::sample::queues::Reading;
use crate::track::findings::{About, Candidate, Fact, Need, Severity, Value, counted};
use crate::track::queues::{Queue, View};

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
        for queue in &database.queues {
            let before = find(&sight.before.queues, datname, queue);
            let middle = sight.middle.and_then(|middle| find(&middle.queues, datname, queue));
            found.extend(case(sight, datname, queue, before, middle));
        }
    }
    dearest(found)
}

/// The same queue in another picture.
fn find<'a>(view: &'a View, datname: &Arc<str>, queue: &Queue) -> Option<&'a Queue> {
    let database = view.databases.get(datname)?;
    database.queues.iter().find(|then| then.now.name == queue.now.name)
}

/// Whether it has become as long as is counted within the window, and not in a burst of the second half.
fn has_filled(queue: &Queue, before: Option<&Queue>, middle: Option<&Queue>) -> bool {
    let Some((before, middle)) = before.zip(middle) else { return false };
    let (then, half) = (before.now.waiting, middle.now.waiting);
    let room = queue.now.waiting.saturating_sub(then);
    queue.is_longer() && !before.is_longer() && half >= then.saturating_add(room / 4)
}

/// What came and what left, if both lengths are known: a queue that is longer than is counted has none.
fn flow(sight: &Sight<'_>, queue: &Queue, before: Option<&Queue>) -> Option<Flow> {
    let before = before.filter(|before| !before.is_longer() && !queue.is_longer())?;
    Some(Flow {
        before: before.now.waiting,
        waiting: queue.now.waiting,
        came: queue.arrived.saturating_sub(before.arrived),
        span: sight.span,
    })
}

fn case(
    sight: &Sight<'_>,
    datname: &Arc<str>,
    queue: &Queue,
    before: Option<&Queue>,
    middle: Option<&Queue>,
) -> Option<Candidate> {
    let now = &queue.now;
    let flow = flow(sight, queue, before);
    let mut case = Case { severity: Severity::Info, parts: Vec::new() };
    let grows = flow.zip(middle).is_some_and(|(flow, middle)| {
        flow.keeps_growing(middle.now.waiting, sight.limit("growing"))
    });
    case.wait(sight, queue, before.map(|before| &before.now));
    if let Some(flow) = flow.filter(|_| grows) {
        case.grow(&flow, sight.limit("oldest"), sight.limit("depth"));
    }
    if has_filled(queue, before, middle) {
        case.warn(format!(
            "it has grown: at least {} rows wait, more are not counted",
            now.waiting
        ));
    }
    case.fail(sight, now, before.map(|before| &before.now));
    case.run(sight, now);
    if case.parts.is_empty() {
        return None;
    }
    let table = named(&now.schema, &now.table);
    let mut evidence = vec![Fact::text("table", table), Fact::count("waiting", now.waiting)];
    evidence.extend(now.oldest_seconds.map(|oldest| Fact::seconds("oldest_waits", oldest)));
    evidence.extend(before.map(|then| Fact::count("waited_at_the_window_begin", then.now.waiting)));
    if let Some(flow) = flow {
        let limits = (sight.limit("oldest"), sight.limit("depth"));
        evidence.extend(forecast(&flow, limits.0, limits.1));
    } else if let Some(before) = before {
        let arrived = queue.arrived.saturating_sub(before.arrived);
        evidence.push(Fact::number("come_per_day", sight.per_day(arrived as f64)));
    }
    evidence.extend(now.running.map(|running| Fact::count("running", running)));
    evidence.extend(now.longest_seconds.map(|longest| Fact::seconds("longest_runs", longest)));
    evidence.extend(now.failed.map(|failed| Fact::count("failed", failed)));
    evidence.extend(now.tries.map(|tries| Fact::count("most_tries", tries)));
    Some(Candidate {
        datname: Arc::clone(datname),
        subject: Arc::clone(&now.name),
        module: Arc::clone(&queue.module),
        severity: case.severity,
        summary: format!("Queue {}: {}", now.name, case.parts.join("; ")),
        evidence,
        sql: Vec::new(),
        cost_seconds_per_day: None,
    })
}

/// What is wrong with one queue, part by part.
struct Case {
    severity: Severity,
    parts: Vec<String>,
}

impl Case {
    fn warn(&mut self, part: String) {
        self.severity = Severity::Warning;
        self.parts.push(part);
    }

    /// The oldest waits for long and they become no fewer.
    fn wait(&mut self, sight: &Sight<'_>, queue: &Queue, before: Option<&Reading>) {
        let now = &queue.now;
        let Some(oldest) = now.oldest_seconds.filter(|oldest| *oldest >= sight.limit("oldest"))
        else {
            return;
        };
        if before.is_some_and(|before| {
            now.waiting >= before.waiting && Some(oldest) >= before.oldest_seconds
        }) {
            let at_least = if queue.is_longer() { "at least " } else { "" };
            let nothing_runs = if now.running == Some(0) { " and nothing runs" } else { "" };
            self.warn(format!(
                "{at_least}{}, the oldest for {}, and they become no fewer{nothing_runs}",
                counted(now.waiting, "row waits", "rows wait"),
                Value::Seconds(oldest)
            ));
        }
    }

    /// More comes than is done: a warning once who comes now waits for longer than the oldest may.
    fn grow(&mut self, flow: &Flow, oldest: f64, depth: f64) {
        let (wait, full) = (flow.until_wait(oldest), flow.until_depth(depth));
        let end = match (wait, full) {
            (Some(0.0), _) => {
                let wait = flow.wait().unwrap_or_default();
                format!("; who comes now waits for {}", Value::Seconds(wait))
            }
            (_, Some(0.0)) => format!("; more than {depth:.0} wait"),
            (Some(wait), full) if full.is_none_or(|full| wait <= full) => {
                let (wait, oldest) = (Value::Seconds(wait), Value::Seconds(oldest));
                format!("; who comes in {wait} waits for longer than {oldest}")
            }
            (_, Some(full)) => format!("; in {} {depth:.0} wait", Value::Seconds(full)),
            (_, None) => String::new(),
        };
        let part = format!(
            "it grows by {:.0} rows an hour: {:.0} rows a day come, {:.0} are done{end}",
            flow.grows_per_hour(),
            flow.come_per_day(),
            flow.done_per_day()
        );
        if wait == Some(0.0) || full == Some(0.0) { self.warn(part) } else { self.parts.push(part) }
    }

    /// Rows were given up, or are tried again and again.
    fn fail(&mut self, sight: &Sight<'_>, now: &Reading, before: Option<&Reading>) {
        let failed = now.failed.unwrap_or(0);
        let then = before.and_then(|before| before.failed);
        let anew = then.map_or(0, |then| failed.saturating_sub(then));
        if anew as f64 >= sight.limit("failed_anew") {
            self.warn(format!("{} failed of late", counted(anew, "row has", "rows have")));
        } else if failed as f64 >= sight.limit("failed") {
            let failed = counted(failed, "row has", "rows have");
            self.parts.push(format!("{failed} failed and nobody has seen to it"));
        }
        let tries = now.tries.unwrap_or(0);
        if tries as f64 >= sight.limit("tries") {
            self.warn(format!("a row that waits was tried {}", counted(tries, "time", "times")));
        }
    }

    /// A row is being worked on for long.
    fn run(&mut self, sight: &Sight<'_>, now: &Reading) {
        if let Some(longest) = now.longest_seconds.filter(|l| *l >= sight.limit("running")) {
            self.warn(format!("a row is being worked on for {}", Value::Seconds(longest)));
        }
    }
}

/// The figures of it.
fn forecast(flow: &Flow, oldest: f64, depth: f64) -> Vec<Fact> {
    let seconds = [
        ("who_comes_now_waits", flow.wait()),
        ("until_who_comes_waits_too_long", flow.until_wait(oldest)),
        ("until_too_many_wait", flow.until_depth(depth)),
        ("until_it_is_empty", flow.until_empty()),
    ];
    let mut facts = vec![
        Fact::number("come_per_day", flow.come_per_day()),
        Fact::number("done_per_day", flow.done_per_day()),
        Fact::number("grows_per_hour", flow.grows_per_hour()),
    ];
    let seconds = seconds.into_iter();
    facts.extend(seconds.filter_map(|(key, value)| Some(Fact::seconds(key, value?))));
    facts
}
