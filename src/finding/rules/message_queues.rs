//! Queues of a broker of messages that nobody consumes, to which more comes than is done (with when that
//! ends if it goes on so), whose messages expire before anybody has worked on them, or whose consumers keep messages and
//! acknowledge none, for half a window. A queue that somebody empties without being a consumer is none, nor is a burst that is
//! being worked off, nor one in which messages wait for their time and are passed on then. Nothing is said, neither way, of
//! queues whose broker is not seen, or was not when the window began.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::finding::forecast::Flow;
use crate::finding::sight::dearest;
use crate::finding::{Around, Judge, OfServer, Rule};
use crate::integration::meter::broker::{Depth, Queue, Tally};
use crate::track::findings::{About, Candidate, Fact, Need, Severity, Value};

pub(super) static RULE: Rule = Rule {
    about: About {
        id: "message_queues",
        title: "Messages that nobody works on",
        severity: Severity::Warning,
        needs: &[Need::Samples],
        explanation: "The ERP and the systems around it leave messages for each other in a broker's queues. \
            Here they are not fetched, or not as fast as they come, or not finished: the other side does not \
            know what happened, and the broker's memory and disk fill up.",
        remedy: &[
            "No consumer: start the worker of this queue, or see in its log why it lost its connection.",
            "More comes than is done: run more consumers, or find what each of them waits for.",
            "They expire: give the consumers time (`message-ttl` of a policy, `x-message-ttl` of the queue), or let a dead \
             letter exchange keep what nobody has worked on.",
            "Handed out and not acknowledged: see what the consumers do; messages that make them fail belong \
             into a dead letter queue.",
        ],
    },
    judge: Judge::Partly(judge, unseen),
};

fn judge(around: &Around<'_>) -> Vec<OfServer> {
    let mut found = Vec::new();
    let brokers = around.snapshot.intake.broker.brokers.iter();
    for (name, broker) in brokers.filter(|(_, broker)| broker.is_up) {
        for queue in broker.queues.iter().filter(|queue| !queue.is_other()) {
            found.extend(case(around, name, queue));
        }
    }
    // A broker belongs to no server.
    dearest(found).into_iter().map(|candidate| ("".into(), candidate)).collect()
}

/// Queues of which too little is known to say that all is well with them.
fn unseen(around: &Around<'_>) -> BTreeSet<Arc<str>> {
    let brokers = around.snapshot.intake.broker.brokers.iter();
    let unseen = brokers.flat_map(|(name, broker)| {
        let queues = broker.queues.iter().filter(move |queue| {
            let then = || find(&around.before.intake.broker, name, queue);
            !broker.is_up || queue.depth.is_none() || then().is_none()
        });
        queues.map(|queue| subject(name, queue))
    });
    unseen.collect()
}

fn subject(broker: &str, queue: &Queue) -> Arc<str> {
    format!("{broker}: {} in {}", queue.name, queue.vhost).into()
}

/// The same queue in another picture, if something was known of it then.
fn find<'a>(tally: &'a Tally, broker: &str, queue: &Queue) -> Option<(&'a Queue, Depth)> {
    let broker = tally.brokers.get(broker).filter(|broker| broker.is_up)?;
    let is_it = |then: &&Queue| then.vhost == queue.vhost && then.name == queue.name;
    let then = broker.queues.iter().find(is_it)?;
    Some((then, then.depth?))
}

fn case(around: &Around<'_>, broker: &Arc<str>, queue: &Queue) -> Option<Candidate> {
    let depth = queue.depth?;
    let before = find(&around.before.intake.broker, broker, queue);
    let middle = around.middle.and_then(|m| find(&m.intake.broker, broker, queue));
    let flow = before.map(|(before, then)| Flow {
        before: then.ready,
        waiting: depth.ready,
        came: queue.passed.since(&before.passed).published,
        span: around.span,
    });
    let (depth_limit, growing) = (around.limit("depth"), around.limit("growing"));
    let grows = flow
        .zip(middle)
        .filter(|(flow, (_, middle))| flow.keeps_growing(middle.ready, growing))
        .map(|(flow, _)| flow);
    // What stands still does so for half a window: whoever came to a halt is not told a whole one later.
    let (idle, (half, since)) = match middle {
        Some(middle) => (around.span / 2, middle),
        None => (around.span, before?),
    };
    let is_idle =
        queue.passed.since(&half.passed).done == 0 && idle.as_secs_f64() >= around.limit("idle");
    let mut severity = Severity::Info;
    let mut parts = Vec::new();
    let many = depth.ready.min(since.ready) as f64 >= around.limit("waiting");
    // Where nobody has ever worked, messages wait for their time.
    let waits_on_purpose =
        queue.expiry.is_some_and(|expiry| expiry.is_passed_on) && queue.passed.done == 0;
    let is_alone = depth.consumers == Some(0) && since.consumers == Some(0) && !waits_on_purpose;
    if is_alone && many && is_idle {
        severity = Severity::Warning;
        parts.push(format!("{} messages wait and nobody consumes them", depth.ready));
    }
    let held = depth.unacked.min(since.unacked);
    if held as f64 >= around.limit("unacked") && is_idle {
        severity = Severity::Warning;
        parts.push(format!(
            "{} messages are handed out and none was acknowledged in {}",
            depth.unacked,
            Value::Seconds(idle.as_secs_f64())
        ));
    }
    if let Some(part) = expired(around, queue, depth, before) {
        severity = Severity::Warning;
        parts.push(part);
    }
    if let Some(flow) = grows {
        let full = flow.until_depth(depth_limit).unwrap_or_default();
        let end = if full > 0.0 {
            format!("in {} {depth_limit:.0} wait", Value::Seconds(full))
        } else {
            severity = Severity::Warning;
            format!("{} wait", depth.ready)
        };
        parts.push(format!(
            "it grows by {:.0} messages an hour: {:.0} a day come, {:.0} are done; {end}",
            flow.grows_per_hour(),
            flow.come_per_day(),
            flow.done_per_day()
        ));
    }
    if parts.is_empty() {
        return None;
    }
    let mut evidence = there(broker, queue, depth);
    evidence.extend(match before {
        Some((before, _)) => rates(queue, before, around.span),
        None => rates(queue, half, idle),
    });
    evidence.extend(flow.iter().flat_map(|flow| forecast(flow, depth_limit)));
    evidence.extend(queue.integration.clone().map(|name| Fact::text("integration", name)));
    Some(Candidate {
        datname: "".into(),
        subject: subject(broker, queue),
        module: Arc::clone(&queue.module),
        severity,
        summary: format!("Queue {} of {broker}: {}", queue.name, parts.join("; ")),
        evidence,
        sql: Vec::new(),
        cost_seconds_per_day: None,
    })
}

/// Where it is, and what is in it.
fn there(broker: &Arc<str>, queue: &Queue, depth: Depth) -> Vec<Fact> {
    let mut facts = vec![
        Fact::text("broker", Arc::clone(broker)),
        Fact::text("vhost", Arc::clone(&queue.vhost)),
        Fact::count("ready", depth.ready),
        Fact::count("unacknowledged", depth.unacked),
    ];
    facts.extend(depth.consumers.map(|consumers| Fact::count("consumers", consumers)));
    let after = queue.expiry.map(|expiry| expiry.after.as_secs_f64());
    facts.extend(after.map(|after| Fact::seconds("messages_expire_after", after)));
    facts
}

/// What is said of messages whose time was over before somebody has worked on them.
fn expired(
    around: &Around<'_>,
    queue: &Queue,
    now: Depth,
    before: Option<(&Queue, Depth)>,
) -> Option<String> {
    let expiry = queue.expiry.filter(|expiry| !expiry.is_passed_on)?;
    let (before, then) = before?;
    let gone = gone(queue, now, before, then)?;
    let after = Value::Seconds(expiry.after.as_secs_f64());
    let is_much = gone as f64 >= around.limit("expired");
    is_much
        .then(|| format!("{gone} messages are gone and were not done: they expire after {after}"))
}

/// Messages that came since another picture, or were there, and neither are there now nor were done. `None` if they are so
/// few that they may be none: counters and depths are of two moments.
fn gone(queue: &Queue, now: Depth, before: &Queue, then: Depth) -> Option<u64> {
    let passed = queue.passed.since(&before.passed);
    let there = |depth: Depth| depth.ready.saturating_add(depth.unacked);
    let had = there(then).saturating_add(passed.published);
    let gone = had.saturating_sub(there(now).saturating_add(passed.done));
    // Of a queue whose counters are not told nothing came and nothing was done.
    let gone = gone.min(passed.published);
    (gone > passed.published / 20).then_some(gone)
}

/// What was counted since another picture, as it would be over a day.
fn rates(queue: &Queue, then: &Queue, span: Duration) -> [Fact; 2] {
    let passed = queue.passed.since(&then.passed);
    let a_day = |many: u64| many as f64 * 86_400.0 / span.as_secs_f64().max(1.0);
    [
        Fact::number("done_per_day", a_day(passed.done)),
        Fact::number("handed_out_again_per_day", a_day(passed.redelivered)),
    ]
}

/// Where it is going.
fn forecast(flow: &Flow, depth: f64) -> Vec<Fact> {
    let mut facts = vec![
        Fact::count("ready_at_the_window_begin", flow.before),
        Fact::number("come_per_day", flow.come_per_day()),
        Fact::number("grows_per_hour", flow.grows_per_hour()),
    ];
    let until = [
        ("who_comes_now_waits", flow.wait()),
        ("until_too_many_wait", flow.until_depth(depth)),
        ("until_it_is_empty", flow.until_empty()),
    ];
    let until = until.into_iter();
    facts.extend(until.filter_map(|(key, value)| Some(Fact::seconds(key, value?))));
    facts
}
