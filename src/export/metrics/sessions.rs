//! Sessions: how many, what they spend their time on.

use std::sync::Arc;
use std::time::Duration;

use super::text::{Rows, Value};
use super::{Kind, Metric, Signal};
use crate::state::ServerSnapshot;
use crate::track::activity::StateKey;
use crate::track::capped::Capped;

pub(super) const SIGNAL: Signal = Signal { metrics: METRICS, unchanged: same_sessions };

/// Sessions, and the databases that they are in.
pub(super) fn same_sessions(a: &ServerSnapshot, b: &ServerSnapshot) -> bool {
    Arc::ptr_eq(&a.activity, &b.activity) && Arc::ptr_eq(&a.databases, &b.databases)
}

const METRICS: &[Metric] = &[
    Metric {
        name: "erpscope_sessions",
        help: "Client sessions by what they do; hidden where the role may not see it.",
        kind: Kind::Gauge,
        labels: &["datname", "application", "state"],
        rows: |server, out| by_state(out, &server.activity.sessions, |count| *count),
    },
    Metric {
        name: "erpscope_active_seconds_total",
        help: "Seconds that sessions were executing, by what they waited for; CPU when for nothing.",
        kind: Kind::Counter,
        labels: &["datname", "application", "module", "wait_event_type", "wait_event"],
        rows: |server, out| {
            for (key, time) in server.activity.active.iter() {
                let labels = [
                    &*key.datname,
                    &*key.application,
                    &*key.module,
                    &*key.wait_event_type,
                    &*key.wait_event,
                ];
                out.row(&labels, time.as_secs_f64());
            }
        },
    },
    Metric {
        name: "erpscope_idle_in_transaction_seconds_total",
        help: "Seconds that sessions were idle in transaction.",
        kind: Kind::Counter,
        labels: &["datname", "application"],
        rows: |server, out| {
            for ((datname, application), time) in server.activity.idle_in_transaction.iter() {
                out.row(&[datname, application], time.as_secs_f64());
            }
        },
    },
    Metric {
        name: "erpscope_unseen_seconds_total",
        help: "Seconds that no sample of sessions stands for: the agent was not connected or got no answer.",
        kind: Kind::Counter,
        labels: &[],
        rows: |server, out| out.row(&[], server.activity.unseen.as_secs_f64()),
    },
    Metric {
        name: "erpscope_activity_series",
        help: "Series of erpscope_active_seconds_total; at [activity] series further ones go to `other`.",
        kind: Kind::Gauge,
        labels: &[],
        rows: |server, out| out.row(&[], server.activity.active.len() as f64),
    },
    Metric {
        name: "erpscope_activity_series_max",
        help: "Series that one metric of sessions, locks or transactions can have ([activity] series).",
        kind: Kind::Gauge,
        labels: &[],
        rows: |server, out| out.row(&[], server.activity.series as f64),
    },
    Metric {
        name: "erpscope_xmin_horizon_age",
        help: "How many transactions ago that began for which dead rows are kept from vacuum; a `replication slot (catalogs)` keeps those of system catalogs alone.",
        kind: Kind::Gauge,
        labels: &["holder"],
        rows: |server, out| {
            for (holder, age) in &server.databases.horizon {
                out.row(&[holder], *age);
            }
        },
    },
];

/// One row for each application and state.
pub(super) fn by_state<T: Default, V: Value>(
    out: &mut Rows,
    values: &Capped<StateKey, T>,
    value: fn(&T) -> V,
) {
    for (key, of_key) in values.iter() {
        out.row(&[&key.datname, &key.application, key.state], value(of_key));
    }
}

pub(super) fn seconds(time: &Duration) -> f64 {
    time.as_secs_f64()
}
