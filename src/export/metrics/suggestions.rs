//! What the index advisor suggests, what has become of that, and how its runs go.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::text::Rows;
use super::{Kind, Metric, Signal};
use crate::advise::ledger::{Line, OfDatabase, Stage};
use crate::state::ServerSnapshot;

pub(super) const SIGNAL: Signal =
    Signal { metrics: METRICS, unchanged: |a, b| Arc::ptr_eq(&a.suggestions, &b.suggestions) };

/// Bytes of DDL in a label: that of a table with many partitions is long.
const DDL_BYTES: usize = 1_000;

const METRICS: &[Metric] = &[
    Metric {
        name: "erpscope_index_suggestions",
        help: "Suggestions of the index advisor by what has become of them.",
        kind: Kind::Gauge,
        labels: &["datname", "action", "state"],
        rows: counts,
    },
    Metric {
        name: "erpscope_index_suggestion_info",
        help: "A suggestion that is not over: what to run, or what was run; the most saved are shown.",
        kind: Kind::Info,
        labels: &["datname", "id", "action", "table", "module", "ddl", "state"],
        rows: |server, out| {
            for line in server.suggestions.singly() {
                let (ddl, state) = (ddl(line), line.state.name());
                out.row(
                    &[
                        &line.datname,
                        &line.id,
                        &line.action,
                        &line.table,
                        &line.module,
                        &ddl,
                        state,
                    ],
                    1_u64,
                );
            }
        },
    },
    Metric {
        name: "erpscope_index_suggestion_saved_seconds_per_day",
        help: "Seconds a day that a suggestion saves, as estimated.",
        kind: Kind::Gauge,
        labels: &["datname", "id"],
        rows: |server, out| singly(server, out, |line| Some(line.saved_seconds_per_day)),
    },
    Metric {
        name: "erpscope_index_suggestion_upkeep_seconds_per_day",
        help: "Seconds a day that writes become slower by a suggestion, as estimated.",
        kind: Kind::Gauge,
        labels: &["datname", "id"],
        rows: |server, out| singly(server, out, |line| Some(line.upkeep_seconds_per_day)),
    },
    Metric {
        name: "erpscope_index_suggestion_size_bytes",
        help: "Bytes that a suggested index takes, or gives back, as estimated.",
        kind: Kind::Gauge,
        labels: &["datname", "id"],
        rows: |server, out| singly(server, out, |line| Some(line.size_bytes)),
    },
    Metric {
        name: "erpscope_index_suggestion_estimated_speedup_ratio",
        help: "The planner's cost of a mean call of the helped statements before, over that after.",
        kind: Kind::Gauge,
        labels: &["datname", "id"],
        rows: |server, out| singly(server, out, |line| line.estimated_speedup),
    },
    Metric {
        name: "erpscope_index_suggestion_measured_speedup_ratio",
        help: "Mean time of the helped statements before a suggestion was applied, over that after, for the same calls; below 1 they are slower.",
        kind: Kind::Gauge,
        labels: &["datname", "id"],
        rows: |server, out| {
            singly(server, out, |line| Some(line.measured.as_ref()?.helped.speedup));
        },
    },
    Metric {
        name: "erpscope_index_suggestion_measured_p_value",
        help: "Probability of such a difference of time if nothing has changed.",
        kind: Kind::Gauge,
        labels: &["datname", "id"],
        rows: |server, out| {
            singly(server, out, |line| Some(line.measured.as_ref()?.helped.p_value));
        },
    },
    Metric {
        name: "erpscope_advisor_last_success_timestamp_seconds",
        help: "When a database was last advised on, in seconds since 1970.",
        kind: Kind::Gauge,
        labels: &["datname"],
        rows: |server, out| {
            databases(server, out, |of| of.last_success.map(|at| at as f64));
        },
    },
    Metric {
        name: "erpscope_advisor_last_duration_seconds",
        help: "Seconds that the last run of the advisor took, whatever came of it.",
        kind: Kind::Gauge,
        labels: &["datname"],
        rows: |server, out| databases(server, out, |of| Some(of.last_seconds)),
    },
    Metric {
        name: "erpscope_advisor_runs_total",
        help: "Runs of the advisor by how they ended.",
        kind: Kind::Counter,
        labels: &["datname", "result"],
        rows: |server, out| {
            for (datname, of) in &server.suggestions.databases {
                out.row(&[datname, "ok"], of.successes);
                for (reason, failures) in &of.failures {
                    out.row(&[datname, reason], *failures);
                }
            }
        },
    },
    Metric {
        name: "erpscope_advisor_understood_ratio",
        help: "Share of the workload's time whose statements the advisor understood.",
        kind: Kind::Gauge,
        labels: &["datname"],
        rows: |server, out| {
            databases(server, out, |of| of.last_success.map(|_| of.understood_ratio));
        },
    },
    Metric {
        name: "erpscope_advisor_what_if_calls_total",
        help: "Questions of the advisor to the planner.",
        kind: Kind::Counter,
        labels: &["datname"],
        rows: |server, out| {
            for (datname, of) in &server.suggestions.databases {
                out.row(&[datname], of.what_if_calls);
            }
        },
    },
    Metric {
        name: "erpscope_advisor_planning_seconds_total",
        help: "Seconds that the planner took to answer them, by the server's clock.",
        kind: Kind::Counter,
        labels: &["datname"],
        rows: |server, out| databases(server, out, |of| Some(of.planning_seconds)),
    },
];

fn counts(server: &ServerSnapshot, out: &mut Rows) {
    let mut counts: BTreeMap<(&str, &str, Stage), u64> = BTreeMap::new();
    for line in &server.suggestions.lines {
        *counts.entry((&line.datname, &line.action, line.state)).or_default() += 1;
    }
    for ((datname, action, state), count) in counts {
        out.row(&[datname, action, state.name()], count);
    }
}

fn singly(server: &ServerSnapshot, out: &mut Rows, value: impl Fn(&Line) -> Option<f64>) {
    for line in server.suggestions.singly() {
        if let Some(value) = value(line) {
            out.row(&[&line.datname, &line.id], value);
        }
    }
}

fn databases(server: &ServerSnapshot, out: &mut Rows, value: impl Fn(&OfDatabase) -> Option<f64>) {
    for (datname, of) in &server.suggestions.databases {
        if let Some(value) = value(of) {
            out.row(&[datname], value);
        }
    }
}

/// All of it, or, if that is long, its first statement and how many more there are.
fn ddl(line: &Line) -> String {
    let all = line.ddl.join("; ");
    if all.len() <= DDL_BYTES {
        return all;
    }
    let mut first = line.ddl.first().cloned().unwrap_or_default();
    let mut end = first.len().min(DDL_BYTES);
    while !first.is_char_boundary(end) {
        end -= 1;
    }
    first.truncate(end);
    format!("{first}; ... ({} statements)", line.ddl.len())
}
