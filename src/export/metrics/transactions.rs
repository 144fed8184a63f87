//! Transactions: slow ones that have ended, and the oldest that go on.

use std::sync::Arc;

use super::sessions::{by_state, seconds};
use super::{Kind, Metric, Signal};

pub(super) const SIGNAL: Signal =
    Signal { metrics: METRICS, unchanged: |a, b| Arc::ptr_eq(&a.activity, &b.activity) };

const METRICS: &[Metric] = &[
    Metric {
        name: "erpscope_slow_transactions_total",
        help: "Transactions that have ended and took `slow_after` or longer.",
        kind: Kind::Counter,
        labels: &["datname", "application", "module"],
        rows: |server, out| {
            for (key, slow) in &server.activity.slow {
                out.row(&[&key.datname, &key.application, &key.module], slow.count());
            }
        },
    },
    Metric {
        name: "erpscope_slow_transaction_seconds",
        help: "How long slow transactions were, from their beginning to their end.",
        kind: Kind::Histogram,
        labels: &["datname", "application", "module"],
        rows: |server, out| {
            for (key, slow) in &server.activity.slow {
                out.histogram(&[&key.datname, &key.application, &key.module], slow);
            }
        },
    },
    Metric {
        name: "erpscope_transaction_oldest_seconds",
        help: "How long the longest transaction has lasted that goes on.",
        kind: Kind::Gauge,
        labels: &["datname", "application", "state"],
        rows: |server, out| by_state(out, &server.activity.oldest_transaction, seconds),
    },
    Metric {
        name: "erpscope_idle_in_transaction_oldest_seconds",
        help: "How long the longest pause has lasted that goes on: a session idle in its transaction since its last statement.",
        kind: Kind::Gauge,
        labels: &["datname", "application"],
        rows: |server, out| {
            for ((datname, application), pause) in server.activity.oldest_idle.iter() {
                out.row(&[datname, application], pause.as_secs_f64());
            }
        },
    },
    Metric {
        name: "erpscope_statement_running_oldest_seconds",
        help: "How long the longest statement has run that goes on: pg_stat_statements counts it only at its end.",
        kind: Kind::Gauge,
        labels: &["datname", "application", "state"],
        rows: |server, out| by_state(out, &server.activity.oldest_statement, seconds),
    },
];
