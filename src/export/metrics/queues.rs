//! Queues that the profiles of ERPs name.

use std::sync::Arc;

use super::{Kind, Metric, Signal};
use crate::state::ServerSnapshot;
use crate::track::queues::Queue;

pub(super) const SIGNAL: Signal =
    Signal { metrics: METRICS, unchanged: |a, b| Arc::ptr_eq(&a.queues, &b.queues) };

const METRICS: &[Metric] = &[
    Metric {
        name: "erpscope_queue_depth",
        help: "Rows of a queue that wait and are due, run, or have failed (`state`: waiting, running, failed, as far as its table tells); 10,000 is that or more.",
        kind: Kind::Gauge,
        labels: &["datname", "queue", "state"],
        rows: |server, out| {
            each(server, |datname, Queue { now: queue, .. }| {
                let states = [
                    ("waiting", Some(queue.waiting)),
                    ("running", queue.running),
                    ("failed", queue.failed),
                ];
                for (state, count) in states {
                    if let Some(count) = count {
                        out.row(&[datname, &queue.name, state], count);
                    }
                }
            });
        },
    },
    Metric {
        name: "erpscope_queue_oldest_seconds",
        help: "How long the oldest row of a queue waits since it came or was due; 0 if none waits.",
        kind: Kind::Gauge,
        labels: &["datname", "queue"],
        rows: |server, out| {
            each(server, |datname, Queue { now: queue, .. }| {
                out.row(&[datname, &queue.name], queue.oldest_seconds.unwrap_or(0.0));
            });
        },
    },
    Metric {
        name: "erpscope_queue_running_longest_seconds",
        help: "How long the longest row of a queue is being worked on; 0 if none is, absent if its table does not tell.",
        kind: Kind::Gauge,
        labels: &["datname", "queue"],
        rows: |server, out| {
            each(server, |datname, Queue { now: queue, .. }| {
                if queue.running.is_some() {
                    out.row(&[datname, &queue.name], queue.longest_seconds.unwrap_or(0.0));
                }
            });
        },
    },
    Metric {
        name: "erpscope_queue_tries_max",
        help: "How often one of the rows that wait was tried, at most; 0 if none waits, absent if its table does not tell.",
        kind: Kind::Gauge,
        labels: &["datname", "queue"],
        rows: |server, out| {
            each(server, |datname, Queue { now: queue, .. }| {
                if let Some(tries) = queue.tries {
                    out.row(&[datname, &queue.name], tries);
                }
            });
        },
    },
    Metric {
        name: "erpscope_queue_arrived_total",
        help: "Rows that were inserted into the table of a queue since it was first seen; less the growth of its depth, they were done.",
        kind: Kind::Counter,
        labels: &["datname", "queue"],
        rows: |server, out| {
            each(server, |datname, queue| out.row(&[datname, &queue.now.name], queue.arrived));
        },
    },
    Metric {
        name: "erpscope_queue_unread",
        help: "1 for a queue that is there and could not be read, by `reason`: refused (our role may not), missing (it has other columns), costly (too large without an index on its state), or how the query ended.",
        kind: Kind::Gauge,
        labels: &["datname", "queue", "reason"],
        rows: |server, out| {
            for (datname, database) in &server.queues.databases {
                for (queue, reason) in &database.unread {
                    out.row(&[datname, queue, reason], 1_u64);
                }
            }
        },
    },
    Metric {
        name: "erpscope_queue_databases_skipped_total",
        help: "Times that the queues of a database could not be looked at, as it could not be entered.",
        kind: Kind::Counter,
        labels: &[],
        rows: |server, out| out.row(&[], server.queues.skipped),
    },
];

fn each(server: &ServerSnapshot, mut tell: impl FnMut(&Arc<str>, &Queue)) {
    for (datname, database) in &server.queues.databases {
        for queue in &database.queues {
            tell(datname, queue);
        }
    }
}
