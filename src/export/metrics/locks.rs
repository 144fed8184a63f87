//! Waits for locks: who waits, for whom, how long.

use std::collections::BTreeSet;

use super::sessions::{by_state, same_sessions, seconds};
use super::text::{Rows, Value};
use super::{Kind, Metric, Signal};
use crate::state::ServerSnapshot;
use crate::track::activity::Waiters;

pub(super) const SIGNAL: Signal = Signal { metrics: METRICS, unchanged: same_sessions };

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
        help: "Sessions that wait for a lock now; absent while sessions cannot be seen.",
        kind: Kind::Gauge,
        labels: &["datname"],
        rows: |server, out| waiters(server, out, |waiters| waiters.count),
    },
    Metric {
        name: "erpscope_lock_wait_oldest_seconds",
        help: "How long the longest wait for a lock has lasted that goes on; 0 when nobody waits, absent while sessions cannot be seen.",
        kind: Kind::Gauge,
        labels: &["datname"],
        rows: |server, out| waiters(server, out, |waiters| waiters.oldest.as_secs_f64()),
    },
    Metric {
        name: "erpscope_blocked_sessions",
        help: "Sessions that wait for a lock now, by the module of what they wait for and their root blocker; absent while nobody does.",
        kind: Kind::Gauge,
        labels: &["datname", "module", "root_application", "root_state"],
        rows: |server, out| blocked_now(server, out, |waiters| waiters.count),
    },
    Metric {
        name: "erpscope_blocked_oldest_seconds",
        help: "How long the longest of these waits has lasted; absent while nobody waits.",
        kind: Kind::Gauge,
        labels: &["datname", "module", "root_application", "root_state"],
        rows: |server, out| blocked_now(server, out, |waiters| waiters.oldest.as_secs_f64()),
    },
    Metric {
        name: "erpscope_root_blocker_victims",
        help: "Sessions that wait because of one root blocker now: the most of any.",
        kind: Kind::Gauge,
        labels: &["datname", "root_application", "root_state"],
        rows: |server, out| by_state(out, &server.activity.root_victims, |victims| *victims),
    },
    Metric {
        name: "erpscope_root_blocker_state_seconds",
        help: "How long a root blocker of now has been in its state: the longest of any. One that is idle ends by itself only when its client goes on.",
        kind: Kind::Gauge,
        labels: &["datname", "root_application", "root_state"],
        rows: |server, out| by_state(out, &server.activity.root_since, seconds),
    },
    Metric {
        name: "erpscope_lock_depth",
        help: "The longest chain of sessions that wait for each other now.",
        kind: Kind::Gauge,
        labels: &[],
        rows: |server, out| {
            if server.activity.is_current {
                out.row(&[], server.activity.tree.depth as f64);
            }
        },
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

/// A row for every database that is known, and for one where somebody waits before it is.
fn waiters<V: Value>(server: &ServerSnapshot, out: &mut Rows, value: fn(Waiters) -> V) {
    let view = &server.activity;
    if !view.is_current {
        return;
    }
    let datnames: BTreeSet<_> = server.databases.shown.keys().chain(view.waiters.keys()).collect();
    for datname in datnames {
        out.row(&[datname], value(view.waiters.get(datname).copied().unwrap_or_default()));
    }
}

fn blocked_now<V: Value>(server: &ServerSnapshot, out: &mut Rows, value: fn(Waiters) -> V) {
    for (key, waiters) in server.activity.blocked_now.iter() {
        let labels = [&*key.datname, &*key.module, &*key.root_application, key.root_state];
        out.row(&labels, value(*waiters));
    }
}
