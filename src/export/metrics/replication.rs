//! Standbys, replication slots, and how far a standby is behind.

use std::sync::Arc;

use super::text::{Rows, Value};
use super::{Kind, Metric, Signal};
use crate::sample::replication::Slot;
use crate::state::ServerSnapshot;
use crate::track::replication::Standing;

pub(super) const SIGNAL: Signal =
    Signal { metrics: METRICS, unchanged: |a, b| Arc::ptr_eq(&a.replication, &b.replication) };

const METRICS: &[Metric] = &[
    Metric {
        name: "erpscope_replication_standbys",
        help: "Connections that receive WAL under a name: standbys, subscriptions, backups.",
        kind: Kind::Gauge,
        labels: &["standby"],
        rows: |server, out| each(server, out, |standing| Some(standing.connections)),
    },
    Metric {
        name: "erpscope_replication_streaming",
        help: "1 while all standbys of a name stream; 0 while one catches up or is backed up to.",
        kind: Kind::Gauge,
        labels: &["standby"],
        rows: |server, out| {
            each(server, out, |Standing { worst, .. }| {
                (worst.state != "hidden").then_some(worst.state == "streaming")
            });
        },
    },
    Metric {
        name: "erpscope_replication_unsent_bytes",
        help: "WAL that was not sent to a standby yet.",
        kind: Kind::Gauge,
        labels: &["standby"],
        rows: |server, out| each(server, out, |standing| standing.worst.unsent_bytes),
    },
    Metric {
        name: "erpscope_replication_unflushed_bytes",
        help: "WAL that a standby has not made durable yet.",
        kind: Kind::Gauge,
        labels: &["standby"],
        rows: |server, out| each(server, out, |standing| standing.worst.unflushed_bytes),
    },
    Metric {
        name: "erpscope_replication_unreplayed_bytes",
        help: "WAL that a standby has not replayed yet.",
        kind: Kind::Gauge,
        labels: &["standby"],
        rows: |server, out| each(server, out, |standing| standing.worst.unreplayed_bytes),
    },
    Metric {
        name: "erpscope_replication_flush_lag_seconds",
        help: "How long it took a standby of late to make a commit durable; absent while it is idle.",
        kind: Kind::Gauge,
        labels: &["standby"],
        rows: |server, out| each(server, out, |standing| standing.worst.flush_lag_seconds),
    },
    Metric {
        name: "erpscope_replication_replay_lag_seconds",
        help: "How long it took a standby of late to replay a commit; absent while it is idle.",
        kind: Kind::Gauge,
        labels: &["standby"],
        rows: |server, out| each(server, out, |standing| standing.worst.replay_lag_seconds),
    },
    Metric {
        name: "erpscope_replication_slot_active",
        help: "1 while somebody reads a replication slot.",
        kind: Kind::Gauge,
        labels: &["slot"],
        rows: |server, out| each_slot(server, out, |slot| Some(slot.is_active)),
    },
    Metric {
        name: "erpscope_replication_slot_retained_bytes",
        help: "WAL that is kept for a slot.",
        kind: Kind::Gauge,
        labels: &["slot"],
        rows: |server, out| each_slot(server, out, |slot| slot.retained_bytes),
    },
    Metric {
        name: "erpscope_replication_slot_safe_bytes",
        help: "WAL that can be written until a slot may be lost; absent without max_slot_wal_keep_size.",
        kind: Kind::Gauge,
        labels: &["slot"],
        rows: |server, out| each_slot(server, out, |slot| slot.safe_bytes),
    },
    Metric {
        name: "erpscope_replication_slot_xmin_age",
        help: "How many transactions ago that began for which a slot keeps dead rows.",
        kind: Kind::Gauge,
        labels: &["slot"],
        rows: |server, out| each_slot(server, out, |slot| slot.xmin_age),
    },
    Metric {
        name: "erpscope_replication_slot_inactive_seconds",
        help: "How long nobody has read a slot; PostgreSQL 17 and later.",
        kind: Kind::Gauge,
        labels: &["slot"],
        rows: |server, out| each_slot(server, out, |slot| slot.inactive_seconds),
    },
    Metric {
        name: "erpscope_replication_slot_lost",
        help: "1 when a slot can never be read again.",
        kind: Kind::Gauge,
        labels: &["slot"],
        rows: |server, out| each_slot(server, out, |slot| Some(slot.is_invalid)),
    },
    Metric {
        name: "erpscope_standby_receiving",
        help: "1 while this standby streams WAL from another server.",
        kind: Kind::Gauge,
        labels: &[],
        rows: |server, out| {
            if let Some(here) = &server.replication.here {
                out.row(&[], here.receiver.as_deref() == Some("streaming"));
            }
        },
    },
    Metric {
        name: "erpscope_standby_unreplayed_bytes",
        help: "WAL that this standby has received and not replayed.",
        kind: Kind::Gauge,
        labels: &[],
        rows: |server, out| {
            if let Some(bytes) = server.replication.here.as_ref().and_then(|h| h.unreplayed_bytes) {
                out.row(&[], bytes);
            }
        },
    },
    Metric {
        name: "erpscope_standby_lag_seconds",
        help: "How old the data of this standby are; 0 when all that came is replayed.",
        kind: Kind::Gauge,
        labels: &[],
        rows: |server, out| {
            if let Some(seconds) = server.replication.here.as_ref().and_then(|h| h.lag_seconds) {
                out.row(&[], seconds);
            }
        },
    },
    Metric {
        name: "erpscope_standby_replay_paused",
        help: "1 while somebody has paused replay on this standby.",
        kind: Kind::Gauge,
        labels: &[],
        rows: |server, out| {
            if let Some(here) = &server.replication.here {
                out.row(&[], here.is_paused);
            }
        },
    },
    Metric {
        name: "erpscope_standby_conflicts_total",
        help: "Queries that replay has cancelled on this standby, by reason.",
        kind: Kind::Counter,
        labels: &["reason"],
        rows: |server, out| {
            if server.replication.here.is_some() {
                let conflicts = &server.replication.conflicts;
                for (reason, count) in [
                    ("tablespace", conflicts.tablespace),
                    ("lock", conflicts.lock),
                    ("snapshot", conflicts.snapshot),
                    ("bufferpin", conflicts.bufferpin),
                    ("deadlock", conflicts.deadlock),
                ] {
                    out.row(&[reason], count);
                }
            }
        },
    },
];

fn each<V: Value>(server: &ServerSnapshot, out: &mut Rows, value: fn(&Standing) -> Option<V>) {
    for (standby, standing) in &server.replication.standbys {
        if let Some(value) = value(standing) {
            out.row(&[standby], value);
        }
    }
}

fn each_slot<V: Value>(server: &ServerSnapshot, out: &mut Rows, value: fn(&Slot) -> Option<V>) {
    for (label, slot) in &server.replication.slots {
        if let Some(value) = value(slot) {
            out.row(&[label], value);
        }
    }
}
