//! How modules grow.

use std::sync::Arc;

use super::text::Rows;
use super::{Kind, Metric, Signal};
use crate::state::ServerSnapshot;
use crate::track::growth::Growth;

pub(super) const SIGNAL: Signal =
    Signal { metrics: METRICS, unchanged: |a, b| Arc::ptr_eq(&a.growth, &b.growth) };

const METRICS: &[Metric] = &[
    Metric {
        name: "erpscope_module_growth_bytes_per_day",
        help: "Bytes that a module's tables and indexes grow by in a day, over the last week at most; absent before a day is known, by this agent or its history.",
        kind: Kind::Gauge,
        labels: &["datname", "module"],
        rows: |server, out| each(server, out, |growth| growth.bytes_per_day),
    },
    Metric {
        name: "erpscope_module_growth_rows_per_day",
        help: "Rows that a module's tables grow by in a day, over the same time.",
        kind: Kind::Gauge,
        labels: &["datname", "module"],
        rows: |server, out| each(server, out, |growth| growth.rows_per_day),
    },
];

fn each(server: &ServerSnapshot, out: &mut Rows, value: fn(&Growth) -> f64) {
    for (datname, database) in &server.growth.databases {
        for (module, growth) in &database.modules {
            out.row(&[datname, module], value(growth));
        }
    }
}
