//! What the server's own log tells, when it is read.

use std::sync::Arc;

use super::text::Rows;
use super::{Kind, Metric, Signal};
use crate::serverlog::Sqlstate;
use crate::state::ServerSnapshot;

pub(super) const SIGNAL: Signal =
    Signal { metrics: METRICS, unchanged: |a, b| Arc::ptr_eq(&a.activity, &b.activity) };

const METRICS: &[Metric] = &[
    Metric {
        name: "erpscope_serialization_failures_total",
        help: "Statements that failed with SQLSTATE 40001, by the server's log: many ERPs run them again unseen.",
        kind: Kind::Counter,
        labels: &["datname", "application", "module"],
        rows: |server, out| {
            for (key, count) in server.activity.failures.iter() {
                if key.sqlstate == Sqlstate::SerializationFailure {
                    out.row(&[&key.datname, &key.application, &key.module], *count);
                }
            }
        },
    },
    Metric {
        name: "erpscope_lock_failures_total",
        help: "Statements that failed for a lock, by the server's log: 40P01 deadlock, 55P03 nowait or lock_timeout, 57014 cancelled or statement_timeout.",
        kind: Kind::Counter,
        labels: &["datname", "application", "module", "sqlstate"],
        rows: |server, out| {
            for (key, count) in server.activity.failures.iter() {
                if key.sqlstate != Sqlstate::SerializationFailure {
                    let sqlstate = key.sqlstate.code();
                    out.row(&[&key.datname, &key.application, &key.module, sqlstate], *count);
                }
            }
        },
    },
    Metric {
        name: "erpscope_log_records_total",
        help: "Records of the server's log by how they could be read.",
        kind: Kind::Counter,
        labels: &["result"],
        rows: |server, out| {
            if let Some(lines) = server.activity.log_lines {
                out.row(&["read"], lines.read);
                out.row(&["unreadable"], lines.unreadable);
                out.row(&["too_long"], lines.too_long);
            }
        },
    },
    Metric {
        name: "erpscope_log_truncated_total",
        help: "Times that the server's log was cut before it was read to its end: some of it is lost.",
        kind: Kind::Counter,
        labels: &[],
        rows: |server, out| lines(server, out, |lines| lines.truncated),
    },
    Metric {
        name: "erpscope_log_behind_bytes",
        help: "Bytes of the server's log that are still to be read.",
        kind: Kind::Gauge,
        labels: &[],
        rows: |server, out| lines(server, out, |lines| lines.behind),
    },
];

fn lines(server: &ServerSnapshot, out: &mut Rows, value: fn(crate::track::log::Lines) -> u64) {
    if let Some(lines) = server.activity.log_lines {
        out.row(&[], value(lines));
    }
}
