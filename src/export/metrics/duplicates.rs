//! Records that are there twice, by the business keys that the profiles of ERPs name.

use std::sync::Arc;

use super::{Kind, Metric, Signal};
use crate::state::ServerSnapshot;
use crate::track::duplicates::Key;

pub(super) const SIGNAL: Signal =
    Signal { metrics: METRICS, unchanged: |a, b| Arc::ptr_eq(&a.duplicates, &b.duplicates) };

const METRICS: &[Metric] = &[
    Metric {
        name: "erpscope_duplicate_records",
        help: "Rows beyond one of each value of a business key, by how it is `known`: index (a unique index lets none in), counted, or statistics (what analyze saw: at least so many if it saw the whole table; of a large one about so many, by a sample of which fewer than 5 pairs tell nothing and 0 is no proof).",
        kind: Kind::Gauge,
        labels: &["datname", "module", "key", "known"],
        rows: |server, out| {
            each(server, |datname, key| {
                if let Some((surplus, known)) = key.surplus() {
                    out.row(&[datname, &key.module, &key.now.key.name, known.name()], surplus);
                }
            });
        },
    },
    Metric {
        name: "erpscope_duplicate_counted_timestamp_seconds",
        help: "When a business key was last counted.",
        kind: Kind::Gauge,
        labels: &["datname", "key"],
        rows: |server, out| {
            each(server, |datname, key| {
                if let Some((at, _)) = &key.counted {
                    out.row(&[datname, &key.now.key.name], at.unix_seconds());
                }
            });
        },
    },
    Metric {
        name: "erpscope_duplicate_unread",
        help: "1 for a business key whose table is there and that could not be looked at or counted, by `reason`: refused (our role may not), missing (it has other columns), large (above `duplicates.max_rows` or `max_bytes`), or how the count ended.",
        kind: Kind::Gauge,
        labels: &["datname", "key", "reason"],
        rows: |server, out| {
            for (datname, database) in &server.duplicates.databases {
                for (key, reason) in &database.unread {
                    out.row(&[datname, key, reason], 1_u64);
                }
            }
            each(server, |datname, key| {
                if let Some(reason) = key.uncounted {
                    out.row(&[datname, &key.now.key.name, reason], 1_u64);
                }
            });
        },
    },
    Metric {
        name: "erpscope_duplicate_counts_total",
        help: "Counts of business keys, by how they ended: ok, large (not begun, as its files are larger than statistics say), locked, timeout and the like.",
        kind: Kind::Counter,
        labels: &["result"],
        rows: |server, out| {
            for (result, times) in &server.duplicates.counts {
                out.row(&[result], *times);
            }
        },
    },
    Metric {
        name: "erpscope_duplicate_databases_skipped_total",
        help: "Times that the business keys of a database could not be looked at, as it could not be entered.",
        kind: Kind::Counter,
        labels: &[],
        rows: |server, out| out.row(&[], server.duplicates.skipped),
    },
];

fn each(server: &ServerSnapshot, mut tell: impl FnMut(&Arc<str>, &Key)) {
    for (datname, database) in &server.duplicates.databases {
        for key in &database.keys {
            tell(datname, key);
        }
    }
}
