//! Brokers of messages and their queues.

use super::{Kind, Metric, Signal};
use crate::integration::meter::broker::{Depth, Passed, Queue};
use crate::state::Snapshot;

pub(super) const SIGNAL: Signal<Snapshot> =
    Signal { metrics: METRICS, unchanged: |a, b| a.intake.broker == b.intake.broker };

/// Of a queue.
const LABELS: &[&str] = &["broker", "vhost", "queue", "module", "integration"];

const METRICS: &[Metric<Snapshot>] = &[
    Metric {
        name: "erpscope_broker_up",
        help: "Whether the last look at the queues of a broker brought them.",
        kind: Kind::Gauge,
        labels: &["broker"],
        rows: |snapshot, out| {
            for (name, broker) in &snapshot.intake.broker.brokers {
                out.row(&[name], broker.is_up);
            }
        },
    },
    Metric {
        name: "erpscope_broker_looks_total",
        help: "Looks at the queues of a broker.",
        kind: Kind::Counter,
        labels: &["broker"],
        rows: |snapshot, out| {
            for (name, broker) in &snapshot.intake.broker.brokers {
                out.row(&[name], broker.looks);
            }
        },
    },
    Metric {
        name: "erpscope_broker_failures_total",
        help: "Looks that brought nothing, by `kind`: password (it cannot be read), connect, timeout, login, missing (no such API or virtual host), status, too_large, broken (half an answer), unreadable.",
        kind: Kind::Counter,
        labels: &["broker", "kind"],
        rows: |snapshot, out| {
            for (name, broker) in &snapshot.intake.broker.brokers {
                for (kind, count) in &broker.failures {
                    out.row(&[name, kind], *count);
                }
            }
        },
    },
    Metric {
        name: "erpscope_broker_look_seconds",
        help: "How long the last look took.",
        kind: Kind::Gauge,
        labels: &["broker"],
        rows: |snapshot, out| {
            for (name, broker) in &snapshot.intake.broker.brokers {
                out.row(&[name], broker.took.as_secs_f64());
            }
        },
    },
    Metric {
        name: "erpscope_broker_queues",
        help: "Queues of a broker by how they are shown: singly, in other, unseen (beyond the 10,000 that are read), unmeasured (of these the broker tells no figures) and stream (what is in them stays when it is read: they have no depth); the last two are among the first two.",
        kind: Kind::Gauge,
        labels: &["broker", "shown"],
        rows: |snapshot, out| {
            for (name, broker) in &snapshot.intake.broker.brokers {
                let singly = broker.there.saturating_sub(broker.in_other + broker.unseen);
                let counts = [
                    ("singly", singly),
                    ("other", broker.in_other),
                    ("unseen", broker.unseen),
                    ("unmeasured", broker.unmeasured),
                    ("stream", broker.streams),
                ];
                for (shown, count) in counts {
                    out.row(&[name, shown], count);
                }
            }
        },
    },
    Metric {
        name: "erpscope_broker_queue_ready",
        help: "Messages of a queue that wait for a consumer; absent while the broker cannot be asked, and of streams.",
        kind: Kind::Gauge,
        labels: LABELS,
        rows: |snapshot, out| now(snapshot, out, |depth| Some(depth.ready)),
    },
    Metric {
        name: "erpscope_broker_queue_unacked",
        help: "Messages of a queue that a consumer has and has not acknowledged.",
        kind: Kind::Gauge,
        labels: LABELS,
        rows: |snapshot, out| now(snapshot, out, |depth| Some(depth.unacked)),
    },
    Metric {
        name: "erpscope_broker_queue_consumers",
        help: "Consumers of a queue; absent where the broker does not tell.",
        kind: Kind::Gauge,
        labels: LABELS,
        rows: |snapshot, out| now(snapshot, out, |depth| depth.consumers),
    },
    Metric {
        name: "erpscope_broker_queue_published_total",
        help: "Messages that came into a queue since it was first seen.",
        kind: Kind::Counter,
        labels: LABELS,
        rows: |snapshot, out| passed(snapshot, out, |passed| passed.published),
    },
    Metric {
        name: "erpscope_broker_queue_delivered_total",
        help: "Messages that were handed out; one that is handed out again counts again.",
        kind: Kind::Counter,
        labels: LABELS,
        rows: |snapshot, out| passed(snapshot, out, |passed| passed.delivered),
    },
    Metric {
        name: "erpscope_broker_queue_done_total",
        help: "Messages that are done: acknowledged, or handed out to somebody who does not acknowledge.",
        kind: Kind::Counter,
        labels: LABELS,
        rows: |snapshot, out| passed(snapshot, out, |passed| passed.done),
    },
    Metric {
        name: "erpscope_broker_queue_redelivered_total",
        help: "Messages that were handed out again: a consumer gave them back or went away with them.",
        kind: Kind::Counter,
        labels: LABELS,
        rows: |snapshot, out| passed(snapshot, out, |passed| passed.redelivered),
    },
];

/// Of each queue of which something is known now.
fn now(snapshot: &Snapshot, out: &mut super::Rows, value: impl Fn(&Depth) -> Option<u64>) {
    for (name, broker) in snapshot.intake.broker.brokers.iter().filter(|(_, b)| b.is_up) {
        for queue in &broker.queues {
            if let Some(value) = queue.depth.as_ref().and_then(&value) {
                out.row(&labels(name, queue), value);
            }
        }
    }
}

fn passed(snapshot: &Snapshot, out: &mut super::Rows, value: impl Fn(&Passed) -> u64) {
    for (name, broker) in &snapshot.intake.broker.brokers {
        for queue in &broker.queues {
            out.row(&labels(name, queue), value(&queue.passed));
        }
    }
}

fn labels<'a>(broker: &'a str, queue: &'a Queue) -> [&'a str; 5] {
    let integration = queue.integration.as_deref().unwrap_or_default();
    [broker, &queue.vhost, &queue.name, &queue.module, integration]
}
