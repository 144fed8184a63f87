//! pg_stat_database, connections against their limits, and facts about the server.

use std::sync::Arc;

use super::text::{Rows, Value};
use super::{Kind, Metric, Signal};
use crate::sample::unix_seconds;
use crate::state::ServerSnapshot;
use crate::track::databases::Database;

pub(super) const SIGNAL: Signal = Signal {
    metrics: METRICS,
    unchanged: |a, b| Arc::ptr_eq(&a.databases, &b.databases) && Arc::ptr_eq(&a.erps, &b.erps),
};

const METRICS: &[Metric] = &[
    Metric {
        name: "erpscope_server_info",
        help: "Version of the server.",
        kind: Kind::Info,
        labels: &["version", "version_num"],
        rows: |server, out| {
            if let Some(facts) = &server.databases.server {
                out.row(&[&facts.version, &facts.version_num.to_string()], 1_u64);
            }
        },
    },
    Metric {
        name: "erpscope_server_start_time_seconds",
        help: "When the server started, in seconds since 1970.",
        kind: Kind::Gauge,
        labels: &[],
        rows: |server, out| {
            if let Some(facts) = &server.databases.server {
                out.row(&[], unix_seconds(facts.start_time));
            }
        },
    },
    Metric {
        name: "erpscope_server_in_recovery",
        help: "1 while the server is a replica or recovers.",
        kind: Kind::Gauge,
        labels: &[],
        rows: |server, out| {
            if let Some(facts) = &server.databases.server {
                out.row(&[], facts.in_recovery);
            }
        },
    },
    Metric {
        name: "erpscope_server_connections",
        help: "Client sessions of the server.",
        kind: Kind::Gauge,
        labels: &[],
        rows: |server, out| {
            if let Some(facts) = &server.databases.server {
                out.row(&[], facts.connections);
            }
        },
    },
    Metric {
        name: "erpscope_server_connections_max",
        help: "Sessions that ordinary roles can have: max_connections less the reserved ones.",
        kind: Kind::Gauge,
        labels: &[],
        rows: |server, out| {
            if let Some(facts) = &server.databases.server {
                out.row(&[], facts.max_connections.saturating_sub(facts.reserved_connections));
            }
        },
    },
    Metric {
        name: "erpscope_databases_unwatched",
        help: "Databases of ERPs beyond `database.top`: nobody looks into them, and what the server says of them is in `other`.",
        kind: Kind::Gauge,
        labels: &[],
        rows: |server, out| {
            if server.databases.server.is_some() {
                out.row(&[], server.unwatched() as u64);
            }
        },
    },
    Metric {
        name: "erpscope_database_connections",
        help: "Sessions of a database.",
        kind: Kind::Gauge,
        labels: &["datname"],
        rows: |server, out| each(server, out, |d| d.connections),
    },
    Metric {
        name: "erpscope_database_connections_max",
        help: "Sessions that a database allows, where it has a limit of its own.",
        kind: Kind::Gauge,
        labels: &["datname"],
        rows: |server, out| {
            for (datname, database) in &server.databases.shown {
                if let Some(limit) = database.connection_limit {
                    out.row(&[datname], limit.most);
                }
            }
        },
    },
    Metric {
        name: "erpscope_database_transactions_total",
        help: "Transactions by outcome; some ERPs roll back every read-only one.",
        kind: Kind::Counter,
        labels: &["datname", "outcome"],
        rows: |server, out| {
            each_kind(server, out, |d| {
                [("commit", d.counters.commits), ("rollback", d.counters.rollbacks)]
            });
        },
    },
    Metric {
        name: "erpscope_deadlocks_total",
        help: "Deadlocks.",
        kind: Kind::Counter,
        labels: &["datname"],
        rows: |server, out| each(server, out, |d| d.counters.deadlocks),
    },
    Metric {
        name: "erpscope_database_conflicts_total",
        help: "Queries cancelled because of conflicts with recovery, on a replica.",
        kind: Kind::Counter,
        labels: &["datname"],
        rows: |server, out| each(server, out, |d| d.counters.conflicts),
    },
    Metric {
        name: "erpscope_database_blocks_total",
        help: "Blocks found in the buffer cache (hit) or asked of the operating system (read).",
        kind: Kind::Counter,
        labels: &["datname", "kind"],
        rows: |server, out| {
            each_kind(server, out, |d| {
                [("hit", d.counters.blocks_hit), ("read", d.counters.blocks_read)]
            });
        },
    },
    Metric {
        name: "erpscope_database_io_seconds_total",
        help: "Seconds spent reading and writing blocks; 0 unless track_io_timing is on.",
        kind: Kind::Counter,
        labels: &["datname", "kind"],
        rows: |server, out| {
            each_kind(server, out, |d| {
                [("read", d.counters.io_read_seconds), ("write", d.counters.io_write_seconds)]
            });
        },
    },
    Metric {
        name: "erpscope_database_rows_total",
        help: "Rows scanned (returned), fetched by index scans, inserted, updated, deleted.",
        kind: Kind::Counter,
        labels: &["datname", "kind"],
        rows: |server, out| {
            each_kind(server, out, |d| {
                [
                    ("returned", d.counters.rows_returned),
                    ("fetched", d.counters.rows_fetched),
                    ("inserted", d.counters.rows_inserted),
                    ("updated", d.counters.rows_updated),
                    ("deleted", d.counters.rows_deleted),
                ]
            });
        },
    },
    Metric {
        name: "erpscope_database_temp_files_total",
        help: "Temporary files made by queries.",
        kind: Kind::Counter,
        labels: &["datname"],
        rows: |server, out| each(server, out, |d| d.counters.temp_files),
    },
    Metric {
        name: "erpscope_database_temp_bytes_total",
        help: "Bytes that queries wrote to temporary files.",
        kind: Kind::Counter,
        labels: &["datname"],
        rows: |server, out| each(server, out, |d| d.counters.temp_bytes),
    },
    Metric {
        name: "erpscope_database_session_seconds_total",
        help: "Seconds of sessions by state, counted when the state ends; PostgreSQL 14 and later.",
        kind: Kind::Counter,
        labels: &["datname", "state"],
        rows: |server, out| {
            if server.databases.server.as_ref().is_some_and(|facts| facts.version_num >= 140_000) {
                each_kind(server, out, |d| {
                    [
                        ("total", d.counters.session_seconds),
                        ("active", d.counters.active_seconds),
                        ("idle_in_transaction", d.counters.idle_in_transaction_seconds),
                    ]
                });
            }
        },
    },
    Metric {
        name: "erpscope_database_resets_total",
        help: "Resets of a database's statistics that were seen, and fail-overs to another server's.",
        kind: Kind::Counter,
        labels: &["datname"],
        rows: |server, out| each(server, out, |d| d.resets),
    },
];

fn each<V: Value>(server: &ServerSnapshot, out: &mut Rows, value: fn(&Database) -> V) {
    for (datname, database) in &server.databases.shown {
        out.row(&[datname], value(database));
    }
}

fn each_kind<V: Value, const N: usize>(
    server: &ServerSnapshot,
    out: &mut Rows,
    values: fn(&Database) -> [(&'static str, V); N],
) {
    for (datname, database) in &server.databases.shown {
        for (kind, value) in values(database) {
            out.row(&[datname, kind], value);
        }
    }
}
