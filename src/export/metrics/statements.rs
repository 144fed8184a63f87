//! pg_stat_statements: the heaviest statements singly, the rest of each database as `other`.

use std::collections::HashSet;
use std::sync::Arc;

use super::text::{Rows, Value};
use super::{Kind, Metric, Signal};
use crate::sample::statements::Counters;
use crate::state::ServerSnapshot;
use crate::track::names::OTHER;

pub(super) const SIGNAL: Signal = Signal {
    metrics: METRICS,
    unchanged: |a, b| {
        Arc::ptr_eq(&a.statements, &b.statements) && Arc::ptr_eq(&a.databases, &b.databases)
    },
};

const METRICS: &[Metric] = &[
    Metric {
        name: "erpscope_statement_calls_total",
        help: "Executions of a statement.",
        kind: Kind::Counter,
        labels: &["datname", "usename", "queryid", "module"],
        rows: |server, out| each(server, out, |c| c.calls),
    },
    Metric {
        name: "erpscope_statement_rows_total",
        help: "Rows that a statement returned or changed.",
        kind: Kind::Counter,
        labels: &["datname", "usename", "queryid", "module"],
        rows: |server, out| each(server, out, |c| c.rows),
    },
    Metric {
        name: "erpscope_statement_seconds_total",
        help: "Seconds of a statement: kind exec includes its io_read and io_write; plan is apart.",
        kind: Kind::Counter,
        labels: &["datname", "usename", "queryid", "module", "kind"],
        rows: |server, out| {
            each_kind(server, out, |c| {
                [
                    ("exec", c.exec_seconds),
                    ("plan", c.plan_seconds),
                    ("io_read", c.io_read_seconds),
                    ("io_write", c.io_write_seconds),
                ]
            });
        },
    },
    Metric {
        name: "erpscope_statement_blocks_total",
        help: "Blocks that a statement found in the cache, read, dirtied or wrote, and temporary ones.",
        kind: Kind::Counter,
        labels: &["datname", "usename", "queryid", "module", "kind"],
        rows: |server, out| {
            each_kind(server, out, |c| {
                [
                    ("hit", c.blocks_hit),
                    ("read", c.blocks_read),
                    ("dirtied", c.blocks_dirtied),
                    ("written", c.blocks_written),
                    ("temp_read", c.temp_read),
                    ("temp_written", c.temp_written),
                ]
            });
        },
    },
    Metric {
        name: "erpscope_statement_wal_bytes_total",
        help: "Bytes of write-ahead log that a statement made.",
        kind: Kind::Counter,
        labels: &["datname", "usename", "queryid", "module"],
        rows: |server, out| each(server, out, |c| c.wal_bytes),
    },
    Metric {
        name: "erpscope_statement_info",
        help: "Normalised text of a statement that is shown singly, to be joined by queryid.",
        kind: Kind::Info,
        labels: &["datname", "queryid", "query"],
        rows: |server, out| {
            let mut seen = HashSet::new();
            for shown in &server.statements.shown {
                let Some(query) = &shown.query else { continue };
                if seen.insert((&shown.datname, shown.queryid)) {
                    out.row(&[&shown.datname, &shown.queryid.to_string(), query], 1_u64);
                }
            }
        },
    },
    Metric {
        name: "erpscope_statements_tracked",
        help: "Entries of pg_stat_statements in the last sample.",
        kind: Kind::Gauge,
        labels: &[],
        rows: |server, out| out.row(&[], server.statements.counts.tracked),
    },
    Metric {
        name: "erpscope_statements_max",
        help: "Entries that pg_stat_statements can hold (pg_stat_statements.max).",
        kind: Kind::Gauge,
        labels: &[],
        rows: |server, out| {
            if let Some(facts) = &server.databases.server {
                out.row(&[], facts.statements_max);
            }
        },
    },
    Metric {
        name: "erpscope_statements_shown",
        help: "Statements with series of their own: those at the top and those that just left it.",
        kind: Kind::Gauge,
        labels: &[],
        rows: |server, out| out.row(&[], server.statements.shown.len() as f64),
    },
    Metric {
        name: "erpscope_statements_shown_max",
        help: "Statements that can have series of their own: twice `top`, which leaves room for those that just left it.",
        kind: Kind::Gauge,
        labels: &[],
        rows: |server, out| out.row(&[], server.statements.limit as f64),
    },
    Metric {
        name: "erpscope_statements_hidden",
        help: "Entries in the last sample that the agent's role may not see: grant it pg_monitor.",
        kind: Kind::Gauge,
        labels: &[],
        rows: |server, out| out.row(&[], server.statements.counts.hidden),
    },
    Metric {
        name: "erpscope_statements_deallocated_total",
        help: "Times pg_stat_statements threw out its least used entries: their last counts are lost.",
        kind: Kind::Counter,
        labels: &[],
        rows: |server, out| out.row(&[], server.statements.counts.deallocated),
    },
    Metric {
        name: "erpscope_statements_resets_total",
        help: "Resets seen: of all entries, of one entry, or the counters of another server (rebased).",
        kind: Kind::Counter,
        labels: &["scope"],
        rows: |server, out| {
            let counts = server.statements.counts;
            out.row(&["all"], counts.resets);
            out.row(&["entry"], counts.entry_resets);
            out.row(&["rebased"], counts.rebased);
        },
    },
];

fn each<V: Value>(server: &ServerSnapshot, out: &mut Rows, value: fn(&Counters) -> V) {
    for shown in &server.statements.shown {
        let queryid = shown.queryid.to_string();
        let labels = [&*shown.datname, &*shown.usename, &*queryid, &*shown.module];
        out.row(&labels, value(&shown.series));
    }
    for ((datname, module), counters) in &server.statements.other {
        out.row(&[datname, OTHER, OTHER, module], value(counters));
    }
}

fn each_kind<V: Value, const N: usize>(
    server: &ServerSnapshot,
    out: &mut Rows,
    values: fn(&Counters) -> [(&'static str, V); N],
) {
    for shown in &server.statements.shown {
        let queryid = shown.queryid.to_string();
        for (kind, value) in values(&shown.series) {
            let labels = [&*shown.datname, &*shown.usename, &*queryid, &*shown.module, kind];
            out.row(&labels, value);
        }
    }
    for ((datname, module), counters) in &server.statements.other {
        for (kind, value) in values(counters) {
            out.row(&[datname, OTHER, OTHER, module, kind], value);
        }
    }
}
