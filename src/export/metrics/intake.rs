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
        name: "erpscope_otlp_requests_total",
        help: "Requests to the receiver of spans, by transport and how they ended.",
        kind: Kind::Counter,
        labels: &["transport", "result"],
        rows: |snapshot, out| {
            for ((transport, result), count) in &snapshot.intake.otlp.requests {
                out.row(&[transport, result], *count);
            }
        },
    },
    Metric {
        name: "erpscope_otlp_received_spans_total",
        help: "Spans that came: each was accepted, refused or told twice.",
        kind: Kind::Counter,
        labels: &["transport"],
        rows: |snapshot, out| {
            for (transport, count) in &snapshot.intake.otlp.received {
                out.row(&[transport], *count);
            }
        },
    },
    Metric {
        name: "erpscope_otlp_accepted_spans_total",
        help: "Spans by what they were taken for: a call of an integration, a statement sent to a database, or none of these.",
        kind: Kind::Counter,
        labels: &["as"],
        rows: |snapshot, out| {
            for (what, count) in &snapshot.intake.otlp.accepted {
                out.row(&[what], *count);
            }
        },
    },
    Metric {
        name: "erpscope_otlp_refused_spans_total",
        help: "Spans that cannot be right, by reason.",
        kind: Kind::Counter,
        labels: &["reason"],
        rows: |snapshot, out| {
            for (reason, count) in &snapshot.intake.otlp.refused {
                out.row(&[reason], *count);
            }
        },
    },
    Metric {
        name: "erpscope_otlp_told_twice_spans_total",
        help: "Spans that had come before, or told of a call from its other side.",
        kind: Kind::Counter,
        labels: &[],
        rows: |snapshot, out| out.row(&[], snapshot.intake.otlp.told_twice),
    },
    Metric {
        name: "erpscope_otlp_forwarded_spans_total",
        help: "Spans that were passed on to the other receiver.",
        kind: Kind::Counter,
        labels: &[],
        rows: |snapshot, out| out.row(&[], snapshot.intake.otlp.forwarded),
    },
    Metric {
        name: "erpscope_otlp_forward_dropped_spans_total",
        help: "Spans that were not passed on, by reason.",
        kind: Kind::Counter,
        labels: &["reason"],
        rows: |snapshot, out| {
            for (reason, count) in &snapshot.intake.otlp.forward_dropped {
                out.row(&[reason], *count);
            }
        },
    },
    Metric {
        name: "erpscope_otlp_forward_queue_bytes",
        help: "Bytes that wait to be passed on.",
        kind: Kind::Gauge,
        labels: &[],
        rows: |snapshot, out| out.row(&[], snapshot.intake.otlp.forward_queue_bytes),
    },
    Metric {
        name: "erpscope_otlp_connections_refused_total",
        help: "Connections to the receiver of spans that were closed at once as there were too many.",
        kind: Kind::Counter,
        labels: &[],
        rows: |snapshot, out| out.row(&[], snapshot.intake.otlp.connections_refused),
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
        name: "erpscope_proxy_tunnels_total",
        help: "Tunnels of the forward proxy to hosts of an integration, and upgraded connections (WebSocket) of routes, that were established.",
        kind: Kind::Counter,
        labels: &["integration", "direction"],
        rows: |snapshot, out| {
            for ((integration, direction), tunnels) in &snapshot.intake.proxy.tunnels {
                out.row(&[integration, direction.name()], tunnels.opened);
            }
        },
    },
    Metric {
        name: "erpscope_proxy_tunnel_connect_seconds_total",
        help: "How long it took to establish them, of all tunnels and upgraded connections.",
        kind: Kind::Counter,
        labels: &["integration", "direction"],
        rows: |snapshot, out| {
            for ((integration, direction), tunnels) in &snapshot.intake.proxy.tunnels {
                out.row(&[integration, direction.name()], tunnels.connecting.as_secs_f64());
            }
        },
    },
    Metric {
        name: "erpscope_proxy_tunnels_ended_total",
        help: "Tunnels and upgraded connections that have ended, by reason: closed, cancelled by the caller, broken by the other side, idle, or stopped with the proxy.",
        kind: Kind::Counter,
        labels: &["integration", "direction", "reason"],
        rows: |snapshot, out| {
            for ((integration, direction), tunnels) in &snapshot.intake.proxy.tunnels {
                for (reason, count) in &tunnels.ended {
                    out.row(&[integration, direction.name(), reason], *count);
                }
            }
        },
    },
    Metric {
        name: "erpscope_proxy_tunnel_open_seconds_total",
        help: "How long tunnels and upgraded connections were open, of all that have ended.",
        kind: Kind::Counter,
        labels: &["integration", "direction"],
        rows: |snapshot, out| {
            for ((integration, direction), tunnels) in &snapshot.intake.proxy.tunnels {
                out.row(&[integration, direction.name()], tunnels.lasted.as_secs_f64());
            }
        },
    },
    Metric {
        name: "erpscope_proxy_tunnel_sent_bytes_total",
        help: "Bytes from callers through tunnels and upgraded connections.",
        kind: Kind::Counter,
        labels: &["integration", "direction"],
        rows: |snapshot, out| {
            for ((integration, direction), tunnels) in &snapshot.intake.proxy.tunnels {
                out.row(&[integration, direction.name()], tunnels.sent_bytes);
            }
        },
    },
    Metric {
        name: "erpscope_proxy_tunnel_received_bytes_total",
        help: "Bytes to callers through tunnels and upgraded connections.",
        kind: Kind::Counter,
        labels: &["integration", "direction"],
        rows: |snapshot, out| {
            for ((integration, direction), tunnels) in &snapshot.intake.proxy.tunnels {
                out.row(&[integration, direction.name()], tunnels.received_bytes);
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
