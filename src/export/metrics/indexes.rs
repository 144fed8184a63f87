//! Indexes and functions: the heaviest singly, the rest as one.

use std::sync::Arc;

use super::text::{Rows, Value};
use super::{Kind, Metric, Signal};
use crate::erp::OTHER;
use crate::sample::{function_usage, index_usage};
use crate::state::ServerSnapshot;
use crate::track::tables::Index;

pub(super) const SIGNAL: Signal =
    Signal { metrics: METRICS, unchanged: |a, b| Arc::ptr_eq(&a.tables, &b.tables) };

const METRICS: &[Metric] = &[
    Metric {
        name: "erpscope_index_size_bytes",
        help: "Bytes of an index at its last vacuum.",
        kind: Kind::Gauge,
        labels: &["datname", "module", "schemaname", "relname", "indexrelname"],
        rows: |server, out| each_index(server, out, |index| index.bytes),
    },
    Metric {
        name: "erpscope_index_valid",
        help: "0 while an index cannot be used: `create index concurrently` failed or is under way.",
        kind: Kind::Gauge,
        labels: &["datname", "module", "schemaname", "relname", "indexrelname"],
        rows: |server, out| each_index(server, out, |index| index.is_valid),
    },
    Metric {
        name: "erpscope_index_enforces",
        help: "1 where an index enforces something, so that it is of use even if nobody scans it.",
        kind: Kind::Gauge,
        labels: &["datname", "module", "schemaname", "relname", "indexrelname"],
        rows: |server, out| each_index(server, out, |index| index.enforces),
    },
    Metric {
        name: "erpscope_index_scans_total",
        help: "Scans of an index.",
        kind: Kind::Counter,
        labels: &["datname", "module", "schemaname", "relname", "indexrelname"],
        rows: |server, out| each_index_series(server, out, |counters| counters.idx_scan),
    },
    Metric {
        name: "erpscope_index_rows_read_total",
        help: "Entries of an index returned by scans.",
        kind: Kind::Counter,
        labels: &["datname", "module", "schemaname", "relname", "indexrelname"],
        rows: |server, out| each_index_series(server, out, |counters| counters.idx_tup_read),
    },
    Metric {
        name: "erpscope_function_calls_total",
        help: "Calls of a function, where track_functions is on.",
        kind: Kind::Counter,
        labels: &["datname", "schemaname", "funcname"],
        rows: |server, out| {
            each_function(server, |labels, counters| out.row(&labels, counters.calls));
        },
    },
    Metric {
        name: "erpscope_function_seconds_total",
        help: "Seconds in a function and in what it called, where track_functions is on; of those that call each other the sum counts twice.",
        kind: Kind::Counter,
        labels: &["datname", "schemaname", "funcname"],
        rows: |server, out| {
            each_function(server, |labels, counters| out.row(&labels, counters.total_seconds));
        },
    },
    Metric {
        name: "erpscope_function_self_seconds_total",
        help: "Seconds in a function alone, its statements included, where track_functions is on.",
        kind: Kind::Counter,
        labels: &["datname", "schemaname", "funcname"],
        rows: |server, out| {
            each_function(server, |labels, counters| out.row(&labels, counters.self_seconds));
        },
    },
];

fn each_index<V: Value>(server: &ServerSnapshot, out: &mut Rows, value: fn(&Index) -> V) {
    for (datname, database) in &server.tables.databases {
        for index in database.indexes.iter().filter(|index| index.is_shown) {
            let Index { module, schema, table, index: name, .. } = index;
            out.row(&[datname, module, schema, table, name], value(index));
        }
    }
}

fn each_index_series(
    server: &ServerSnapshot,
    out: &mut Rows,
    value: fn(&index_usage::Counters) -> u64,
) {
    for (datname, database) in &server.tables.databases {
        for index in database.indexes.iter().filter(|index| index.is_shown) {
            let Index { module, schema, table, index: name, .. } = index;
            out.row(&[datname, module, schema, table, name], value(&index.series));
        }
        out.row(&[datname, OTHER, OTHER, OTHER, OTHER], value(&database.other_indexes));
    }
}

/// Only of databases where something is tracked.
fn each_function(
    server: &ServerSnapshot,
    mut tell: impl FnMut([&str; 3], &function_usage::Counters),
) {
    for (datname, database) in &server.tables.databases {
        if &*database.track_functions == "none" && database.functions.is_empty() {
            continue;
        }
        for function in database.functions.iter().filter(|function| function.is_shown) {
            tell([datname, &function.schema, &function.function], &function.series);
        }
        tell([datname, OTHER, OTHER], &database.other_functions);
    }
}
