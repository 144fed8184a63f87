//! Probes of the other sides of integrations.

use std::time::SystemTime;

use super::{Kind, Metric, Signal};
use crate::state::Snapshot;

pub(super) const SIGNAL: Signal<Snapshot> =
    Signal { metrics: METRICS, unchanged: |a, b| a.intake.probe == b.intake.probe };

const METRICS: &[Metric<Snapshot>] = &[
    Metric {
        name: "erpscope_probe_up",
        help: "Whether the last run of a probe got the answer that it should.",
        kind: Kind::Gauge,
        labels: &["probe", "integration"],
        rows: |snapshot, out| {
            for (name, probe) in &snapshot.intake.probe.probes {
                out.row(&[name, &probe.integration], probe.is_up);
            }
        },
    },
    Metric {
        name: "erpscope_probe_phase_seconds",
        help: "How long each phase of the last run took: dns, connect, tls, first_byte, body; total if it succeeded.",
        kind: Kind::Gauge,
        labels: &["probe", "integration", "phase"],
        rows: |snapshot, out| {
            for (name, probe) in &snapshot.intake.probe.probes {
                for (phase, time) in &probe.phases {
                    out.row(&[name, &probe.integration, phase], time.as_secs_f64());
                }
            }
        },
    },
    Metric {
        name: "erpscope_probe_runs_total",
        help: "Runs of a probe.",
        kind: Kind::Counter,
        labels: &["probe", "integration"],
        rows: |snapshot, out| {
            for (name, probe) in &snapshot.intake.probe.probes {
                out.row(&[name, &probe.integration], probe.runs);
            }
        },
    },
    Metric {
        name: "erpscope_probe_failures_total",
        help: "Failed runs of a probe, by the phase that they failed in and the cause.",
        kind: Kind::Counter,
        labels: &["probe", "integration", "phase", "kind"],
        rows: |snapshot, out| {
            for (name, probe) in &snapshot.intake.probe.probes {
                for ((phase, kind), count) in &probe.failures {
                    out.row(&[name, &probe.integration, phase, kind], *count);
                }
            }
        },
    },
    Metric {
        name: "erpscope_probe_last_run_timestamp_seconds",
        help: "When the last run of a probe ended, in seconds since 1970.",
        kind: Kind::Gauge,
        labels: &["probe", "integration"],
        rows: |snapshot, out| {
            for (name, probe) in &snapshot.intake.probe.probes {
                if let Ok(since) = probe.at.duration_since(SystemTime::UNIX_EPOCH) {
                    out.row(&[name, &probe.integration], since.as_secs_f64());
                }
            }
        },
    },
    Metric {
        name: "erpscope_probe_certificate_expires_timestamp_seconds",
        help: "When the certificate of the other side ends, in seconds since 1970.",
        kind: Kind::Gauge,
        labels: &["probe", "integration"],
        rows: |snapshot, out| {
            for (name, probe) in &snapshot.intake.probe.probes {
                let expires = probe.certificate_expires;
                let since = expires.and_then(|at| at.duration_since(SystemTime::UNIX_EPOCH).ok());
                if let Some(since) = since {
                    out.row(&[name, &probe.integration], since.as_secs_f64());
                }
            }
        },
    },
];
