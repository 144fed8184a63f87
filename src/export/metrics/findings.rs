//! Findings, and how the rules are doing.

use std::sync::Arc;

use super::text::Rows;
use super::{Kind, Metric, Signal};
use crate::sample::unix_seconds;
use crate::state::Snapshot;
use crate::track::findings::{Finding, RuleState};

pub(super) const SIGNAL: Signal<Snapshot> =
    Signal { metrics: METRICS, unchanged: |a, b| Arc::ptr_eq(&a.findings, &b.findings) };

const LABELS: &[&str] = &["server", "datname", "rule", "severity", "subject", "module"];

const METRICS: &[Metric<Snapshot>] = &[
    Metric {
        name: "erpscope_finding",
        help: "1 for each open finding that is not muted; `[finding] top` limits how many. `server` is empty for what belongs to none: failing calls of an integration.",
        kind: Kind::Gauge,
        labels: LABELS,
        rows: |snapshot, out| {
            for finding in snapshot.findings.told() {
                row(finding, out, 1.0);
            }
        },
    },
    Metric {
        name: "erpscope_finding_cost_seconds_per_day",
        help: "Seconds a day that a finding takes, from measured load, where that is known: what mending it gives back at most.",
        kind: Kind::Gauge,
        labels: LABELS,
        rows: |snapshot, out| {
            for finding in snapshot.findings.told() {
                if let Some(cost) = finding.candidate.cost_seconds_per_day {
                    row(finding, out, cost);
                }
            }
        },
    },
    Metric {
        name: "erpscope_findings_left_out",
        help: "Open findings over the limit, which have no series.",
        kind: Kind::Gauge,
        labels: &[],
        rows: |snapshot, out| out.row(&[], snapshot.findings.left_out as u64),
    },
    Metric {
        name: "erpscope_findings_muted",
        help: "Open findings that the config mutes.",
        kind: Kind::Gauge,
        labels: &[],
        rows: |snapshot, out| {
            let view = &snapshot.findings;
            out.row(
                &[],
                view.findings.iter().filter(|finding| finding.muted.is_some()).count() as u64,
            );
        },
    },
    Metric {
        name: "erpscope_finding_mutes_expired",
        help: "Mutes of the config that are over.",
        kind: Kind::Gauge,
        labels: &[],
        rows: |snapshot, out| out.row(&[], snapshot.findings.expired_mutes.len() as u64),
    },
    Metric {
        name: "erpscope_findings_opened_total",
        help: "Findings that have opened.",
        kind: Kind::Counter,
        labels: &[],
        rows: |snapshot, out| out.row(&[], snapshot.findings.opened),
    },
    Metric {
        name: "erpscope_findings_closed_total",
        help: "Findings that have closed.",
        kind: Kind::Counter,
        labels: &[],
        rows: |snapshot, out| out.row(&[], snapshot.findings.closed),
    },
    Metric {
        name: "erpscope_finding_rules",
        help: "Rules by what they do: on, disabled by the config, off as they failed or were slow.",
        kind: Kind::Gauge,
        labels: &["state"],
        rows: |snapshot, out| {
            for state in RuleState::ALL {
                let rules = snapshot.findings.rules.iter().filter(|rule| rule.state == state);
                out.row(&[state.name()], rules.count() as u64);
            }
        },
    },
    Metric {
        name: "erpscope_findings_judged_timestamp_seconds",
        help: "When the rules looked last, in seconds since 1970.",
        kind: Kind::Gauge,
        labels: &[],
        rows: |snapshot, out| {
            if let Some(judged) = snapshot.findings.judged {
                out.row(&[], unix_seconds(judged));
            }
        },
    },
];

fn row(finding: &Finding, out: &mut Rows, value: f64) {
    let candidate = &finding.candidate;
    let severity = candidate.severity.name();
    let labels: [&str; 6] = [
        &finding.server,
        &candidate.datname,
        finding.about.id,
        severity,
        &candidate.subject,
        &candidate.module,
    ];
    out.row(&labels, value);
}
