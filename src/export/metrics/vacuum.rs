//! How near databases are to wraparound, and vacuums that run.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::text::{Rows, Value};
use super::{Kind, Metric, Signal};
use crate::sample::vacuum::Kind as Kinds;
use crate::state::ServerSnapshot;
use crate::track::vacuum::{Age, Running, WRAPAROUND};

pub(super) const SIGNAL: Signal = Signal {
    metrics: METRICS,
    unchanged: |a, b| Arc::ptr_eq(&a.vacuum, &b.vacuum) && Arc::ptr_eq(&a.settings, &b.settings),
};

const METRICS: &[Metric] = &[
    Metric {
        name: "erpscope_wraparound_xid_age",
        help: "Transactions since the oldest that is not frozen in a database.",
        kind: Kind::Gauge,
        labels: &["datname"],
        rows: |server, out| each(server, out, |age| age.xids),
    },
    Metric {
        name: "erpscope_wraparound_mxid_age",
        help: "Multixacts since the oldest that is not frozen in a database.",
        kind: Kind::Gauge,
        labels: &["datname"],
        rows: |server, out| each(server, out, |age| age.mxids),
    },
    Metric {
        name: "erpscope_wraparound_used_ratio",
        help: "Transaction ids or multixacts of a database, whichever is worse, that are used of those after which the server takes no more writes.",
        kind: Kind::Gauge,
        labels: &["datname"],
        rows: |server, out| {
            for (datname, age) in &server.vacuum.ages {
                out.row(&[datname], f64::from(age.xids.max(age.mxids)) / WRAPAROUND);
            }
        },
    },
    Metric {
        name: "erpscope_wraparound_freeze_due_ratio",
        help: "Age of a database as a share of that which brings vacuums to prevent wraparound (autovacuum_freeze_max_age and that of multixacts).",
        kind: Kind::Gauge,
        labels: &["datname"],
        rows: |server, out| {
            let most = |name| server.settings.number(name).filter(|most| *most > 0.0);
            let xids = most("autovacuum_freeze_max_age");
            let mxids = most("autovacuum_multixact_freeze_max_age");
            for (datname, age) in &server.vacuum.ages {
                let of_xids = xids.map(|most| f64::from(age.xids) / most);
                let of_mxids = mxids.map(|most| f64::from(age.mxids) / most);
                if let Some(ratio) = of_xids.into_iter().chain(of_mxids).reduce(f64::max) {
                    out.row(&[datname], ratio);
                }
            }
        },
    },
    Metric {
        name: "erpscope_xids_per_second",
        help: "Transaction ids that the server uses in a second, over the last hour.",
        kind: Kind::Gauge,
        labels: &[],
        rows: |server, out| {
            if let Some(rate) = server.vacuum.xids_per_second {
                out.row(&[], rate);
            }
        },
    },
    Metric {
        name: "erpscope_vacuums_running",
        help: "Vacuums that run, by who began them; autoanalyze only analyzes.",
        kind: Kind::Gauge,
        labels: &["datname", "kind"],
        rows: |server, out| each_kind(server, out, |_| true),
    },
    Metric {
        name: "erpscope_vacuums_blocked",
        help: "Vacuums that wait for a lock now.",
        kind: Kind::Gauge,
        labels: &["datname", "kind"],
        rows: |server, out| each_kind(server, out, |running| running.read.is_blocked),
    },
    Metric {
        name: "erpscope_vacuums_for_wraparound",
        help: "Vacuums that run to prevent wraparound; these give way to nobody.",
        kind: Kind::Gauge,
        labels: &["datname", "kind"],
        rows: |server, out| each_kind(server, out, |running| running.read.is_for_wraparound),
    },
    Metric {
        name: "erpscope_vacuum_oldest_seconds",
        help: "For how long the oldest vacuum of a kind has run.",
        kind: Kind::Gauge,
        labels: &["datname", "kind"],
        rows: |server, out| {
            let mut oldest: BTreeMap<(&str, Kinds), f64> = BTreeMap::new();
            for running in &server.vacuum.running {
                let seconds = oldest.entry((&running.datname, running.read.kind)).or_default();
                *seconds = seconds.max(running.read.seconds);
            }
            for ((datname, kind), seconds) in oldest {
                out.row(&[datname, kind.name()], seconds);
            }
        },
    },
];

fn each<V: Value>(server: &ServerSnapshot, out: &mut Rows, value: fn(&Age) -> V) {
    for (datname, age) in &server.vacuum.ages {
        out.row(&[datname], value(age));
    }
}

/// How many vacuums are so; 0 for each database that has one that is not.
fn each_kind(server: &ServerSnapshot, out: &mut Rows, counts: fn(&Running) -> bool) {
    let mut counted: BTreeMap<(&str, Kinds), u64> = BTreeMap::new();
    for running in &server.vacuum.running {
        *counted.entry((&running.datname, running.read.kind)).or_default() +=
            u64::from(counts(running));
    }
    for ((datname, kind), count) in counted {
        out.row(&[datname, kind.name()], count);
    }
}
