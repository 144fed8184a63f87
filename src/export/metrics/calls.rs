//! Calls of integrations.

use std::sync::Arc;
use std::time::SystemTime;

use super::{Kind, Metric, Signal};
use crate::state::Snapshot;
use crate::track::calls::{OfView, OperationView};

pub(super) const SIGNAL: Signal<Snapshot> =
    Signal { metrics: METRICS, unchanged: |a, b| Arc::ptr_eq(&a.calls, &b.calls) };

const METRICS: &[Metric<Snapshot>] = &[
    Metric {
        name: "erpscope_integration_info",
        help: "An integration as the config declares it.",
        kind: Kind::Info,
        labels: &["integration", "kind", "direction", "mode"],
        rows: |snapshot, out| {
            for of in &snapshot.calls.integrations {
                let Some(declared) = &of.declared else { continue };
                let direction = declared.direction.name();
                out.row(&[&of.name, declared.kind.0, direction, declared.mode.name()], 1_u64);
            }
        },
    },
    Metric {
        name: "erpscope_integration_calls_total",
        help: "Calls of an integration that have ended, by outcome: ok or failed.",
        kind: Kind::Counter,
        labels: &["integration", "direction", "operation", "outcome"],
        rows: |snapshot, out| {
            for (of, operation) in operations(snapshot) {
                let key = &operation.key;
                let labels = |outcome| [&*of.name, key.direction.name(), &key.operation, outcome];
                out.row(&labels("ok"), operation.ok);
                out.row(&labels("failed"), operation.failed);
            }
        },
    },
    Metric {
        name: "erpscope_integration_call_seconds",
        help: "How long calls of an integration were.",
        kind: Kind::Histogram,
        labels: &["integration", "direction", "operation"],
        rows: |snapshot, out| {
            for (of, operation) in operations(snapshot) {
                let key = &operation.key;
                let labels = [&*of.name, key.direction.name(), &key.operation];
                out.histogram_with(&labels, &operation.seconds, &operation.exemplars);
            }
        },
    },
    Metric {
        name: "erpscope_integration_slow_calls_total",
        help: "Calls of an integration that took longer than its objective; absent without one.",
        kind: Kind::Counter,
        labels: &["integration", "direction"],
        rows: |snapshot, out| {
            for of in &snapshot.calls.integrations {
                let has = of.declared.as_ref().is_some_and(|d| d.objective.latency.is_some());
                let Some(direction) = of.direction().filter(|_| has) else { continue };
                let slow: u64 = of.operations.iter().map(|operation| operation.slow).sum();
                out.row(&[&of.name, direction.name()], slow);
            }
        },
    },
    Metric {
        name: "erpscope_integration_errors_total",
        help: "Failed calls of an integration by cause.",
        kind: Kind::Counter,
        labels: &["integration", "kind"],
        rows: |snapshot, out| {
            for of in &snapshot.calls.integrations {
                for (kind, count) in &of.errors {
                    out.row(&[&of.name, kind], *count);
                }
            }
        },
    },
    Metric {
        name: "erpscope_integration_idle_in_transaction_calls_total",
        help: "Calls of an integration that the ERP made while it kept a transaction open, idle: its locks are held for as long as the other side takes.",
        kind: Kind::Counter,
        labels: &["integration"],
        rows: |snapshot, out| {
            for of in &snapshot.calls.integrations {
                out.row(&[&of.name], of.held_open);
            }
        },
    },
    Metric {
        name: "erpscope_integration_last_call_timestamp_seconds",
        help: "When the last call of an integration ended, or bytes last moved in one of its tunnels, in seconds since 1970; absent before the first.",
        kind: Kind::Gauge,
        labels: &["integration"],
        rows: |snapshot, out| {
            for of in &snapshot.calls.integrations {
                let since = |last: SystemTime| last.duration_since(SystemTime::UNIX_EPOCH);
                if let Some(last) = of.last.and_then(|last| since(last).ok()) {
                    out.row(&[&of.name], last.as_secs_f64());
                }
            }
        },
    },
    Metric {
        name: "erpscope_integration_objective_latency_seconds",
        help: "How long a call of an integration should take at most.",
        kind: Kind::Gauge,
        labels: &["integration"],
        rows: |snapshot, out| {
            for of in &snapshot.calls.integrations {
                let objective = of.declared.as_ref().and_then(|d| d.objective.latency);
                if let Some(latency) = objective {
                    out.row(&[&of.name], latency.as_secs_f64());
                }
            }
        },
    },
    Metric {
        name: "erpscope_integration_objective_success_ratio",
        help: "Which share of the calls of an integration should succeed.",
        kind: Kind::Gauge,
        labels: &["integration"],
        rows: |snapshot, out| {
            for of in &snapshot.calls.integrations {
                if let Some(success) = of.declared.as_ref().and_then(|d| d.objective.success) {
                    out.row(&[&of.name], success);
                }
            }
        },
    },
    Metric {
        name: "erpscope_integration_silent_after_seconds",
        help: "Without a call for so long an integration counts as silent.",
        kind: Kind::Gauge,
        labels: &["integration"],
        rows: |snapshot, out| {
            for of in &snapshot.calls.integrations {
                let objective = of.declared.as_ref().and_then(|d| d.objective.silent_after);
                if let Some(after) = objective {
                    out.row(&[&of.name], after.as_secs_f64());
                }
            }
        },
    },
    Metric {
        name: "erpscope_integration_unjoined_calls_total",
        help: "Calls that were counted but not joined with what the database did, as too many waited for that.",
        kind: Kind::Counter,
        labels: &[],
        rows: |snapshot, out| out.row(&[], snapshot.calls.unjoined),
    },
    Metric {
        name: "erpscope_integration_told_twice_total",
        help: "Calls that both a span and the proxy have told of, and that were counted once.",
        kind: Kind::Counter,
        labels: &[],
        rows: |snapshot, out| out.row(&[], snapshot.calls.told_twice),
    },
];

fn operations(snapshot: &Snapshot) -> impl Iterator<Item = (&OfView, &OperationView)> {
    let all = snapshot.calls.integrations.iter();
    all.flat_map(|of| of.operations.iter().map(move |operation| (of, operation)))
}
