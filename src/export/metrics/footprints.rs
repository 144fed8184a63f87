//! What integrations do to a server's databases, and suffer there.

use std::time::Duration;

use super::sessions::same_sessions;
use super::{Kind, Metric, Signal};

pub(super) const SIGNAL: Signal = Signal { metrics: METRICS, unchanged: same_sessions };

const METRICS: &[Metric] = &[
    Metric {
        name: "erpscope_integration_active_seconds_total",
        help: "Time in which sessions on behalf of an integration executed statements, by sampling.",
        kind: Kind::Counter,
        labels: &["integration", "module"],
        rows: |server, out| {
            for (key, time) in server.activity.footprints.active.iter() {
                out.row(&[&key.integration, &key.module], time.as_secs_f64());
            }
        },
    },
    Metric {
        name: "erpscope_integration_blocked_seconds_total",
        help: "Time in which sessions on behalf of an integration waited for locks, by the root blocker's application.",
        kind: Kind::Counter,
        labels: &["integration", "root_application"],
        rows: |server, out| {
            for (key, time) in server.activity.footprints.blocked.iter() {
                out.row(&[&key.integration, &key.root_application], time.as_secs_f64());
            }
        },
    },
    Metric {
        name: "erpscope_integration_blocking_seconds_total",
        help: "Time in which others waited for locks because of an integration at the root.",
        kind: Kind::Counter,
        labels: &["integration"],
        rows: |server, out| {
            for (integration, time) in &server.activity.footprints.blocking {
                out.row(&[integration], Duration::as_secs_f64(time));
            }
        },
    },
    Metric {
        name: "erpscope_integration_slow_transactions_total",
        help: "Transactions on behalf of an integration that have ended and took `slow_after` or longer.",
        kind: Kind::Counter,
        labels: &["integration"],
        rows: |server, out| {
            for (integration, count) in &server.activity.footprints.slow_transactions {
                out.row(&[integration], *count);
            }
        },
    },
    Metric {
        name: "erpscope_integration_rows_written_total",
        help: "Rows that an integration has changed, by the module of the table; only of one that is told by its role alone, as pg_stat_statements counts by role.",
        kind: Kind::Counter,
        labels: &["integration", "module"],
        rows: |server, out| {
            for (key, rows) in server.activity.footprints.rows_written.iter() {
                out.row(&[&key.integration, &key.module], *rows);
            }
        },
    },
    Metric {
        name: "erpscope_boundary_breaches_total",
        help: "Statements by which an integration wrote a table that it does not own: of one that is told by its role alone all by statements that are shown singly, else those that sampling has seen.",
        kind: Kind::Counter,
        labels: &["integration", "module"],
        rows: |server, out| {
            for (key, count) in server.activity.footprints.breaches.iter() {
                out.row(&[&key.integration, &key.module], *count);
            }
        },
    },
];
