//! Tables: sizes, use and upkeep, of the heaviest singly, of all by module.

use std::sync::Arc;
use std::time::SystemTime;

use super::text::{Rows, Value};
use super::{Kind, Metric, Signal};
use crate::erp::OTHER;
use crate::sample::table_usage::Counters;
use crate::state::ServerSnapshot;
use crate::track::tables::{Database, Module, Table};

pub(super) const SIGNAL: Signal =
    Signal { metrics: METRICS, unchanged: |a, b| Arc::ptr_eq(&a.tables, &b.tables) };

const METRICS: &[Metric] = &[
    Metric {
        name: "erpscope_database_relations_size_bytes",
        help: "Bytes of all relations of a database at their last vacuums, catalogs and TOAST included; no file is looked at.",
        kind: Kind::Gauge,
        labels: &["datname"],
        rows: |server, out| each(server, out, |database| database.bytes),
    },
    Metric {
        name: "erpscope_database_tables",
        help: "Tables of a database that was looked into.",
        kind: Kind::Gauge,
        labels: &["datname"],
        rows: |server, out| each(server, out, |database| database.tables_total),
    },
    Metric {
        name: "erpscope_database_indexes",
        help: "Indexes of a database that was looked into.",
        kind: Kind::Gauge,
        labels: &["datname"],
        rows: |server, out| each(server, out, |database| database.indexes_total),
    },
    Metric {
        name: "erpscope_database_looked_into_timestamp_seconds",
        help: "When the tables of a database were last looked into, in seconds since 1970.",
        kind: Kind::Gauge,
        labels: &["datname"],
        rows: |server, out| each(server, out, |database| database.at.unix_seconds()),
    },
    Metric {
        name: "erpscope_database_relation_resets_total",
        help: "Counters of tables, indexes and functions that had gone back.",
        kind: Kind::Counter,
        labels: &["datname"],
        rows: |server, out| each(server, out, |database| database.resets),
    },
    Metric {
        name: "erpscope_databases_not_entered_total",
        help: "Times that a database could not be entered or read when its tables were to be looked into.",
        kind: Kind::Counter,
        labels: &[],
        rows: |server, out| out.row(&[], server.tables.skipped),
    },
    Metric {
        name: "erpscope_module_tables",
        help: "Tables of a module.",
        kind: Kind::Gauge,
        labels: &["datname", "module"],
        rows: |server, out| each_module(server, out, |module| module.tables),
    },
    Metric {
        name: "erpscope_module_size_bytes",
        help: "Bytes of a module's tables and their TOAST, at their last vacuums.",
        kind: Kind::Gauge,
        labels: &["datname", "module"],
        rows: |server, out| each_module(server, out, |module| module.bytes),
    },
    Metric {
        name: "erpscope_module_index_size_bytes",
        help: "Bytes of the indexes of a module's tables, at their last vacuums.",
        kind: Kind::Gauge,
        labels: &["datname", "module"],
        rows: |server, out| each_module(server, out, |module| module.index_bytes),
    },
    Metric {
        name: "erpscope_module_rows",
        help: "Live rows of a module's tables, as the server estimates.",
        kind: Kind::Gauge,
        labels: &["datname", "module"],
        rows: |server, out| each_module(server, out, |module| module.n_live_tup),
    },
    Metric {
        name: "erpscope_module_dead_rows",
        help: "Dead rows of a module's tables, as the server estimates.",
        kind: Kind::Gauge,
        labels: &["datname", "module"],
        rows: |server, out| each_module(server, out, |module| module.n_dead_tup),
    },
    Metric {
        name: "erpscope_module_seq_rows_read_total",
        help: "Rows read by sequential scans of a module's tables.",
        kind: Kind::Counter,
        labels: &["datname", "module"],
        rows: |server, out| each_module(server, out, |module| module.series.seq_tup_read),
    },
    Metric {
        name: "erpscope_module_rows_written_total",
        help: "Rows of a module's tables inserted, updated and deleted.",
        kind: Kind::Counter,
        labels: &["datname", "module", "kind"],
        rows: |server, out| {
            for (datname, database) in &server.tables.databases {
                for (module, of) in &database.modules {
                    for (kind, rows) in written(&of.series) {
                        out.row(&[datname, module, kind], rows);
                    }
                }
            }
        },
    },
    Metric {
        name: "erpscope_table_size_bytes",
        help: "Bytes of a table and its TOAST, at their last vacuums.",
        kind: Kind::Gauge,
        labels: &["datname", "module", "schemaname", "relname"],
        rows: |server, out| {
            each_table(server, out, |table, _| Some(table.bytes + table.upkeep.toast_bytes));
        },
    },
    Metric {
        name: "erpscope_table_index_size_bytes",
        help: "Bytes of a table's indexes, at their last vacuums.",
        kind: Kind::Gauge,
        labels: &["datname", "module", "schemaname", "relname"],
        rows: |server, out| each_table(server, out, |table, _| Some(table.index_bytes)),
    },
    Metric {
        name: "erpscope_table_indexes",
        help: "Indexes of a table.",
        kind: Kind::Gauge,
        labels: &["datname", "module", "schemaname", "relname"],
        rows: |server, out| each_table(server, out, |table, _| Some(table.indexes)),
    },
    Metric {
        name: "erpscope_table_rows",
        help: "Live rows of a table, as the server estimates.",
        kind: Kind::Gauge,
        labels: &["datname", "module", "schemaname", "relname"],
        rows: |server, out| each_table(server, out, |table, _| Some(table.n_live_tup)),
    },
    Metric {
        name: "erpscope_table_dead_rows",
        help: "Dead rows of a table, as the server estimates.",
        kind: Kind::Gauge,
        labels: &["datname", "module", "schemaname", "relname"],
        rows: |server, out| each_table(server, out, |table, _| Some(table.upkeep.n_dead_tup)),
    },
    Metric {
        name: "erpscope_table_rows_since_analyze",
        help: "Rows of a table changed since its last analyze.",
        kind: Kind::Gauge,
        labels: &["datname", "module", "schemaname", "relname"],
        rows: |server, out| {
            each_table(server, out, |table, _| Some(table.upkeep.n_mod_since_analyze));
        },
    },
    Metric {
        name: "erpscope_table_vacuum_age_seconds",
        help: "Time since a table's last vacuum, whoever's; absent if the server knows of none.",
        kind: Kind::Gauge,
        labels: &["datname", "module", "schemaname", "relname"],
        rows: |server, out| {
            each_table(server, out, |table, database| age(table.upkeep.vacuumed(), database));
        },
    },
    Metric {
        name: "erpscope_table_analyze_age_seconds",
        help: "Time since a table's last analyze, whoever's; absent if the server knows of none.",
        kind: Kind::Gauge,
        labels: &["datname", "module", "schemaname", "relname"],
        rows: |server, out| {
            each_table(server, out, |table, database| age(table.upkeep.analyzed(), database));
        },
    },
    Metric {
        name: "erpscope_table_vacuum_due_ratio",
        help: "Dead rows of a table as a share of those that bring autovacuum; absent where autovacuum is off.",
        kind: Kind::Gauge,
        labels: &["datname", "module", "schemaname", "relname"],
        rows: |server, out| each_table(server, out, |table, _| table.due.vacuum),
    },
    Metric {
        name: "erpscope_table_analyze_due_ratio",
        help: "Changed rows of a table as a share of those that bring an analyze; absent where autovacuum is off.",
        kind: Kind::Gauge,
        labels: &["datname", "module", "schemaname", "relname"],
        rows: |server, out| each_table(server, out, |table, _| table.due.analyze),
    },
    Metric {
        name: "erpscope_table_freeze_due_ratio",
        help: "Age of a table in transactions or multixacts as a share of that which brings a vacuum to prevent wraparound.",
        kind: Kind::Gauge,
        labels: &["datname", "module", "schemaname", "relname"],
        rows: |server, out| each_table(server, out, |table, _| table.due.freeze),
    },
    Metric {
        name: "erpscope_table_xid_age",
        help: "Transactions since the oldest that is not frozen in a table.",
        kind: Kind::Gauge,
        labels: &["datname", "module", "schemaname", "relname"],
        rows: |server, out| each_table(server, out, |table, _| table.upkeep.xid_age),
    },
    Metric {
        name: "erpscope_table_autovacuum_enabled",
        help: "0 where autovacuum is switched off for a table by itself.",
        kind: Kind::Gauge,
        labels: &["datname", "module", "schemaname", "relname"],
        rows: |server, out| {
            each_table(server, out, |table, _| {
                let own = table.upkeep.options.as_ref();
                Some(own.and_then(|own| own.autovacuum_enabled).unwrap_or(true))
            });
        },
    },
    Metric {
        name: "erpscope_table_seq_scans_total",
        help: "Sequential scans of a table.",
        kind: Kind::Counter,
        labels: &["datname", "module", "schemaname", "relname"],
        rows: |server, out| each_use(server, out, |counters| counters.seq_scan),
    },
    Metric {
        name: "erpscope_table_seq_rows_read_total",
        help: "Rows read by sequential scans of a table.",
        kind: Kind::Counter,
        labels: &["datname", "module", "schemaname", "relname"],
        rows: |server, out| each_use(server, out, |counters| counters.seq_tup_read),
    },
    Metric {
        name: "erpscope_table_index_scans_total",
        help: "Index scans of a table.",
        kind: Kind::Counter,
        labels: &["datname", "module", "schemaname", "relname"],
        rows: |server, out| each_use(server, out, |counters| counters.idx_scan),
    },
    Metric {
        name: "erpscope_table_index_rows_fetched_total",
        help: "Rows of a table fetched by index scans.",
        kind: Kind::Counter,
        labels: &["datname", "module", "schemaname", "relname"],
        rows: |server, out| each_use(server, out, |counters| counters.idx_tup_fetch),
    },
    Metric {
        name: "erpscope_table_rows_written_total",
        help: "Rows of a table inserted, updated and deleted; hot updates are among the updated ones.",
        kind: Kind::Counter,
        labels: &["datname", "module", "schemaname", "relname", "kind"],
        rows: |server, out| {
            each_series(server, |labels, counters| {
                let [datname, module, schema, table] = labels;
                for (kind, rows) in written(counters) {
                    out.row(&[datname, module, schema, table, kind], rows);
                }
            });
        },
    },
];

type Labels<'a> = [&'a str; 4];

fn written(counters: &Counters) -> [(&'static str, u64); 4] {
    [
        ("insert", counters.n_tup_ins),
        ("update", counters.n_tup_upd),
        ("hot_update", counters.n_tup_hot_upd),
        ("delete", counters.n_tup_del),
    ]
}

fn age(then: Option<SystemTime>, database: &Database) -> Option<f64> {
    Some(database.read_at.duration_since(then?).map_or(0.0, |age| age.as_secs_f64()))
}

fn each<V: Value>(server: &ServerSnapshot, out: &mut Rows, value: fn(&Database) -> V) {
    for (datname, database) in &server.tables.databases {
        out.row(&[datname], value(database));
    }
}

fn each_module<V: Value>(server: &ServerSnapshot, out: &mut Rows, value: fn(&Module) -> V) {
    for (datname, database) in &server.tables.databases {
        for (module, of) in &database.modules {
            out.row(&[datname, module], value(of));
        }
    }
}

fn each_table<V: Value>(
    server: &ServerSnapshot,
    out: &mut Rows,
    value: fn(&Table, &Database) -> Option<V>,
) {
    for (datname, database) in &server.tables.databases {
        for table in database.tables.iter().filter(|table| table.is_shown) {
            if let Some(value) = value(table, database) {
                out.row(&[datname, &table.module, &table.schema, &table.table], value);
            }
        }
    }
}

/// The series of the tables that are shown, and of the rest.
fn each_series(server: &ServerSnapshot, mut tell: impl FnMut(Labels<'_>, &Counters)) {
    for (datname, database) in &server.tables.databases {
        for table in database.tables.iter().filter(|table| table.is_shown) {
            tell([datname, &table.module, &table.schema, &table.table], &table.series);
        }
        tell([datname, OTHER, OTHER, OTHER], &database.other_tables);
    }
}

fn each_use(server: &ServerSnapshot, out: &mut Rows, value: fn(&Counters) -> u64) {
    each_series(server, |labels, counters| out.row(&labels, value(counters)));
}
