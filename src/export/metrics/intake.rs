//! Those that see calls: the proxy, and the queue into the state.

use std::sync::Arc;

use super::{Kind, Metric, Signal};
use crate::state::Snapshot;

pub(super) const SIGNAL: Signal<Snapshot> =
    Signal { metrics: METRICS, unchanged: |a, b| Arc::ptr_eq(&a.intake, &b.intake) };

const METRICS: &[Metric<Snapshot>] = &[
    Metric {
        name: "erpscope_integration_in_flight",
        help: "Calls of an integration that go through the proxy now.",
        kind: Kind::Gauge,
        labels: &["integration", "direction"],
        rows: |snapshot, out| {
            for ((integration, direction), count) in &snapshot.intake.proxy.in_flight {
                out.row(&[integration, direction.name()], *count);
            }
        },
    },
    Metric {
        name: "erpscope_integration_lost_calls_total",
        help: "Calls that passed and were not counted, as the queue into the state was full.",
        kind: Kind::Counter,
        labels: &[],
        rows: |snapshot, out| out.row(&[], snapshot.intake.lost_calls),
    },
    Metric {
        name: "erpscope_proxy_connections_total",
        help: "Connections to the proxy, by result: accepted, or refused as there were too many.",
        kind: Kind::Counter,
        labels: &["result"],
        rows: |snapshot, out| {
            out.row(&["accepted"], snapshot.intake.proxy.connections);
            out.row(&["refused"], snapshot.intake.proxy.connections_refused);
        },
    },
    Metric {
        name: "erpscope_proxy_refused_total",
        help: "Requests that the proxy answered by itself, by reason.",
        kind: Kind::Counter,
        labels: &["reason"],
        rows: |snapshot, out| {
            for (reason, count) in &snapshot.intake.proxy.refused {
                out.row(&[reason], *count);
            }
        },
    },
    Metric {
        name: "erpscope_proxy_unmatched_total",
        help: "Requests and tunnels through the forward proxy to hosts of no integration: passed, not counted as calls.",
        kind: Kind::Counter,
        labels: &[],
        rows: |snapshot, out| out.row(&[], snapshot.intake.proxy.unmatched),
    },
];
