//! What is remembered over restarts, and how that is doing.

use std::sync::Arc;

use super::{Kind, Metric, Signal};
use crate::state::Snapshot;

pub(super) const SIGNAL: Signal<Snapshot> =
    Signal { metrics: METRICS, unchanged: |a, b| Arc::ptr_eq(&a.history, &b.history) };

const METRICS: &[Metric<Snapshot>] = &[
    Metric {
        name: "erpscope_history_in_file",
        help: "1 while the history is written to its file; 0 while it is in memory alone.",
        kind: Kind::Gauge,
        labels: &[],
        rows: |snapshot, out| out.row(&[], snapshot.history.in_file),
    },
    Metric {
        name: "erpscope_history_size_bytes",
        help: "Bytes that the history takes, without what SQLite keeps beside its file.",
        kind: Kind::Gauge,
        labels: &[],
        rows: |snapshot, out| out.row(&[], snapshot.history.bytes),
    },
    Metric {
        name: "erpscope_history_oldest_timestamp_seconds",
        help: "The beginning of the first hour of which anything is remembered, in seconds since 1970.",
        kind: Kind::Gauge,
        labels: &[],
        rows: |snapshot, out| {
            if let Some(oldest) = snapshot.history.oldest_hour {
                out.row(&[], oldest as f64);
            }
        },
    },
    Metric {
        name: "erpscope_history_written_rows_total",
        help: "Rows that were written.",
        kind: Kind::Counter,
        labels: &[],
        rows: |snapshot, out| out.row(&[], snapshot.history.written_rows),
    },
    Metric {
        name: "erpscope_history_waiting_rows",
        help: "Rows that wait for the file to be writable.",
        kind: Kind::Gauge,
        labels: &[],
        rows: |snapshot, out| out.row(&[], snapshot.history.waiting_rows),
    },
    Metric {
        name: "erpscope_history_dropped_rows_total",
        help: "Rows that were lost, as there was no room for them to wait.",
        kind: Kind::Counter,
        labels: &[],
        rows: |snapshot, out| out.row(&[], snapshot.history.lost_rows),
    },
    Metric {
        name: "erpscope_history_errors_total",
        help: "Times when the history could not be opened, written or shrunk, or its file was lost.",
        kind: Kind::Counter,
        labels: &[],
        rows: |snapshot, out| out.row(&[], snapshot.history.errors),
    },
    Metric {
        name: "erpscope_history_moved_aside_total",
        help: "Files that were no history, or a broken one, and were moved aside.",
        kind: Kind::Counter,
        labels: &[],
        rows: |snapshot, out| out.row(&[], snapshot.history.moved_aside),
    },
    Metric {
        name: "erpscope_history_lost_files_total",
        help: "Times when somebody had moved, removed or replaced the history's file while it was written; what was in it is forgotten.",
        kind: Kind::Counter,
        labels: &[],
        rows: |snapshot, out| out.row(&[], snapshot.history.lost_files),
    },
];
