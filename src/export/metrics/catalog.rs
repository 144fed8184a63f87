//! What catalogs say: foreign keys without an index, constraints, triggers, numbers that run out.

use std::sync::Arc;

use super::text::Rows;
use super::{Kind, Metric, Signal};
use crate::sample::catalog::Database;
use crate::state::ServerSnapshot;
use crate::track::catalog::Number;

pub(super) const SIGNAL: Signal =
    Signal { metrics: METRICS, unchanged: |a, b| Arc::ptr_eq(&a.catalog, &b.catalog) };

const METRICS: &[Metric] = &[
    Metric {
        name: "erpscope_database_size_bytes",
        help: "Bytes of all files of a database, asked for rarely as it touches each.",
        kind: Kind::Gauge,
        labels: &["datname"],
        rows: |server, out| {
            for (datname, database) in &server.catalog.databases {
                if let Some(bytes) = database.read.bytes {
                    out.row(&[datname], bytes);
                }
            }
        },
    },
    Metric {
        name: "erpscope_unindexed_foreign_keys",
        help: "Foreign keys that no index serves.",
        kind: Kind::Gauge,
        labels: &["datname"],
        rows: |server, out| each(server, out, |read| read.unindexed_foreign_keys.total),
    },
    Metric {
        name: "erpscope_unvalidated_constraints",
        help: "Constraints that were not checked for the rows that were there before them.",
        kind: Kind::Gauge,
        labels: &["datname"],
        rows: |server, out| each(server, out, |read| read.unvalidated_constraints.total),
    },
    Metric {
        name: "erpscope_triggers",
        help: "Triggers that somebody made.",
        kind: Kind::Gauge,
        labels: &["datname"],
        rows: |server, out| each(server, out, |read| read.triggers.total),
    },
    Metric {
        name: "erpscope_sequences",
        help: "Sequences that count up.",
        kind: Kind::Gauge,
        labels: &["datname"],
        rows: |server, out| each(server, out, |read| read.sequences.total),
    },
    Metric {
        name: "erpscope_sequences_hidden",
        help: "Sequences that the role may not read, so that nobody sees them run out.",
        kind: Kind::Gauge,
        labels: &["datname"],
        rows: |server, out| each(server, out, |read| read.sequences_hidden),
    },
    Metric {
        name: "erpscope_sequences_locked",
        help: "Sequences that were passed over as somebody was altering them.",
        kind: Kind::Gauge,
        labels: &["datname"],
        rows: |server, out| each(server, out, |read| read.sequences_locked),
    },
    Metric {
        name: "erpscope_tables_not_estimated",
        help: "Tables of 1 MiB and more of which it is not known how large they would be if they were written anew: beyond the 100 largest, statistics that the role may not see, or none that are fresh.",
        kind: Kind::Gauge,
        labels: &["datname", "reason"],
        rows: |server, out| {
            for (datname, database) in &server.catalog.databases {
                let bloat = &database.read.bloat;
                let all =
                    [("beyond", bloat.beyond), ("hidden", bloat.hidden), ("stale", bloat.stale)];
                for (reason, tables) in all {
                    out.row(&[datname, reason], tables);
                }
            }
        },
    },
    Metric {
        name: "erpscope_catalog_parts_skipped",
        help: "Parts of a database's catalog that could not be read when it was last looked into, by reason.",
        kind: Kind::Gauge,
        labels: &["datname", "part", "reason"],
        rows: |server, out| {
            for (datname, database) in &server.catalog.databases {
                for (part, reason) in &database.read.skipped {
                    out.row(&[datname, part, reason], 1_u64);
                }
            }
        },
    },
    Metric {
        name: "erpscope_sequence_used_ratio",
        help: "Share of a sequence's numbers that are given out, up to its end or to that of its column's type; of each database the fullest, as those of integer keys without one.",
        kind: Kind::Gauge,
        labels: &["datname", "schemaname", "sequence"],
        rows: |server, out| {
            each_number(server, |datname, number| {
                if let Some((schema, sequence)) = &number.sequence {
                    out.row(&[datname, schema, sequence], number.used_ratio);
                }
            });
        },
    },
    Metric {
        name: "erpscope_sequence_used_ratio_per_day",
        help: "What share of a sequence's numbers is given out in a day; over the last week at most; absent before the agent has looked for a day.",
        kind: Kind::Gauge,
        labels: &["datname", "schemaname", "sequence"],
        rows: |server, out| {
            each_number(server, |datname, number| {
                if let (Some((schema, sequence)), Some(rate)) =
                    (&number.sequence, number.ratio_per_day)
                {
                    out.row(&[datname, schema, sequence], rate);
                }
            });
        },
    },
    Metric {
        name: "erpscope_integer_key_used_ratio",
        help: "Share of an integer type's range that a unique column without a sequence had used at its table's last analyze.",
        kind: Kind::Gauge,
        labels: &["datname", "schemaname", "relname", "attname"],
        rows: |server, out| {
            each_number(server, |datname, number| {
                if let (None, Some(c)) = (&number.sequence, &number.column) {
                    out.row(&[datname, &c.schema, &c.table, &c.column], number.used_ratio);
                }
            });
        },
    },
];

/// Sequences and integer keys of one database that are told; the fullest come first.
const NUMBERS: usize = 20;

fn each(server: &ServerSnapshot, out: &mut Rows, value: fn(&Database) -> u64) {
    for (datname, database) in &server.catalog.databases {
        out.row(&[datname], value(&database.read));
    }
}

fn each_number(server: &ServerSnapshot, mut tell: impl FnMut(&str, &Number)) {
    for (datname, database) in &server.catalog.databases {
        database.numbers.iter().take(NUMBERS).for_each(|number| tell(datname, number));
    }
}
