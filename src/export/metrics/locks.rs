//! Waits for locks: who waits, for whom, how long.

use std::sync::Arc;

use super::sessions::by_state;
use super::{Kind, Metric, Signal};

pub(super) const SIGNAL: Signal = Signal {
    metrics: METRICS,
    unchanged: |a, b| {
        Arc::ptr_eq(&a.activity, &b.activity) && Arc::ptr_eq(&a.databases, &b.databases)
    },
};

const METRICS: &[Metric] = &[
    Metric {
        name: "erpscope_lock_waits_total",
        help: "Waits for locks that have ended, by who waited and whom for longest.",
        kind: Kind::Counter,
        labels: &["datname", "module", "mode", "application", "root_application"],
        rows: |server, out| {
            for (key, count) in server.activity.lock_waits.iter() {
                let labels = [
                    &*key.datname,
                    &*key.module,
                    &*key.mode,
                    &*key.application,
                    &*key.root_application,
                ];
                out.row(&labels, *count);
            }
        },
    },
    Metric {
        name: "erpscope_lock_wait_seconds",
        help: "How long waits for locks were that have ended.",
        kind: Kind::Histogram,
        labels: &["datname", "module"],
        rows: |server, out| {
            for ((datname, module), seconds) in &server.activity.lock_seconds {
                out.histogram(&[datname, module], seconds);
            }
        },
    },
    Metric {
        name: "erpscope_blocked_seconds_total",
        help: "Seconds that sessions waited for locks, as they pass, charged to the root blocker of the moment.",
        kind: Kind::Counter,
        labels: &["datname", "module", "application", "root_application", "root_state"],
        rows: |server, out| {
            for (key, time) in server.activity.blocked.iter() {
                let labels = [
                    &*key.datname,
                    &*key.module,
                    &*key.application,
                    &*key.root_application,
                    key.root_state,
                ];
                out.row(&labels, time.as_secs_f64());
            }
        },
    },
    Metric {
        name: "erpscope_lock_waiters",
        help: "Sessions that wait for a lock now.",
        kind: Kind::Gauge,
        labels: &["datname"],
        rows: |server, out| {
            for datname in server.databases.shown.keys() {
                out.row(&[datname], server.activity.waiters.get(datname).map_or(0, |w| w.count));
            }
        },
    },
    Metric {
        name: "erpscope_lock_wait_oldest_seconds",
        help: "How long the longest wait for a lock has lasted that goes on; 0 when nobody waits.",
        kind: Kind::Gauge,
        labels: &["datname"],
        rows: |server, out| {
            for datname in server.databases.shown.keys() {
                let oldest = server.activity.waiters.get(datname).map(|w| w.oldest);
                out.row(&[datname], oldest.unwrap_or_default().as_secs_f64());
            }
        },
    },
    Metric {
        name: "erpscope_root_blocker_victims",
        help: "Sessions that wait because of one root blocker now: the most of any.",
        kind: Kind::Gauge,
        labels: &["datname", "root_application", "root_state"],
        rows: |server, out| by_state(out, &server.activity.root_victims, |victims| *victims),
    },
    Metric {
        name: "erpscope_lock_depth",
        help: "The longest chain of sessions that wait for each other now.",
        kind: Kind::Gauge,
        labels: &[],
        rows: |server, out| out.row(&[], server.activity.tree.depth as f64),
    },
    Metric {
        name: "erpscope_events_total",
        help: "Events told: lock_wait, lock_incident (twice: when it opens and ends), slow_transaction.",
        kind: Kind::Counter,
        labels: &["kind"],
        rows: |server, out| {
            for (kind, count) in &server.activity.reports {
                out.row(&[kind], *count);
            }
        },
    },
];
