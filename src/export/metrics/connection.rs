//! Whether a server can be reached.

use std::sync::Arc;

use super::{Kind, Metric, Signal};
use crate::state::Connection;

pub(super) const SIGNAL: Signal =
    Signal { metrics: METRICS, unchanged: |a, b| Arc::ptr_eq(&a.connection, &b.connection) };

const METRICS: &[Metric] = &[
    Metric {
        name: "erpscope_up",
        help: "1 while the agent is connected to the server, else 0.",
        kind: Kind::Gauge,
        labels: &[],
        rows: |server, out| out.row(&[], server.is_up()),
    },
    Metric {
        name: "erpscope_connection_failure",
        help: "1 for the reason why there is no connection; no series while there is one.",
        kind: Kind::Gauge,
        labels: &["reason"],
        rows: |server, out| {
            if let Connection::Down { kind, .. } = &*server.connection {
                out.row(&[kind], 1_u64);
            }
        },
    },
    Metric {
        name: "erpscope_capabilities_missing",
        help: "Capabilities that the server or the role lacks for full sight; `erpscope check` names them.",
        kind: Kind::Gauge,
        labels: &[],
        rows: |server, out| {
            if let Connection::Up { lacking } = &*server.connection {
                out.row(&[], lacking.len() as f64);
            }
        },
    },
];
