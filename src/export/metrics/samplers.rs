//! The agent's own work: what it asks, how that goes, what it costs.

use std::sync::Arc;

use super::{Kind, Metric, Signal};

pub(super) const SIGNAL: Signal = Signal {
    metrics: METRICS,
    unchanged: |a, b| Arc::ptr_eq(&a.samplers, &b.samplers) && a.spending == b.spending,
};

const METRICS: &[Metric] = &[
    Metric {
        name: "erpscope_sampler_duration_seconds",
        help: "How long runs of a sampler took, from asking to the last row, failed ones included.",
        kind: Kind::Histogram,
        labels: &["sampler"],
        rows: |server, out| {
            for (sampler, record) in &server.samplers.records {
                out.histogram(&[sampler.name()], &record.durations);
            }
        },
    },
    Metric {
        name: "erpscope_sampler_runs_total",
        help: "Runs of a sampler by how they ended.",
        kind: Kind::Counter,
        labels: &["sampler", "result"],
        rows: |server, out| {
            for (sampler, record) in &server.samplers.records {
                for (outcome, runs) in &record.runs {
                    out.row(&[sampler.name(), outcome.name()], *runs);
                }
            }
        },
    },
    Metric {
        name: "erpscope_sampler_last_success_timestamp_seconds",
        help: "When a sampler last returned a sample, in seconds since 1970.",
        kind: Kind::Gauge,
        labels: &["sampler"],
        rows: |server, out| {
            for (sampler, record) in &server.samplers.records {
                if let Some(at) = record.last_success {
                    out.row(&[sampler.name()], at.unix_seconds());
                }
            }
        },
    },
    Metric {
        name: "erpscope_sampler_interval_seconds",
        help: "How long it is from one run of a sampler to the next: more than configured when the budget demands it.",
        kind: Kind::Gauge,
        labels: &["sampler"],
        rows: |server, out| {
            for (sampler, record) in &server.samplers.records {
                if let Some(interval) = record.interval {
                    out.row(&[sampler.name()], interval.as_secs_f64());
                }
            }
        },
    },
    Metric {
        name: "erpscope_own_database_seconds_total",
        help: "Seconds that the server spent for the agent, from asking to the last row (of sessions, less the way there and back): an upper bound.",
        kind: Kind::Counter,
        labels: &["sampler"],
        rows: |server, out| {
            for (sampler, record) in &server.samplers.records {
                out.row(&[sampler.name()], record.own_database_seconds);
            }
        },
    },
    Metric {
        name: "erpscope_budget_limit_ratio",
        help: "Share of one core of the server's time that sampling may take.",
        kind: Kind::Gauge,
        labels: &[],
        rows: |server, out| {
            if let Some(spending) = server.spending {
                out.row(&[], spending.limit);
            }
        },
    },
    Metric {
        name: "erpscope_budget_demand_ratio",
        help: "Share of one core that sampling would take at the configured intervals.",
        kind: Kind::Gauge,
        labels: &[],
        rows: |server, out| {
            if let Some(spending) = server.spending {
                out.row(&[], spending.demand);
            }
        },
    },
    Metric {
        name: "erpscope_interval_stretch_ratio",
        help: "By what sampling intervals are stretched to keep the budget; 1 when they are not.",
        kind: Kind::Gauge,
        labels: &[],
        rows: |server, out| {
            if let Some(spending) = server.spending {
                out.row(&[], spending.stretch);
            }
        },
    },
];
