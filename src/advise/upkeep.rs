//! What it costs to keep an index: every row that is written is written there, too.

use std::collections::BTreeSet;

use super::catalog::{Table, Writes};
use super::daily::{Daily, Sets};
use super::definition::{Definition, Key, Method};
use super::plannable::Target;

/// Seconds for one new entry where all pages are in memory and rows come in bulk. Measured with
/// PostgreSQL 15, 200,000 rows into 2 million, medians of three: 0.7 to 2.6 microseconds for a
/// b-tree, 4.4 and 8.9 for GIN over three elements and a small document, 32 for the trigrams of 22
/// letters, 0.07 for BRIN.
const BTREE_ENTRY: f64 = 2e-6;
const GIN_ENTRY: f64 = 7e-6;
const TRIGRAMS_ENTRY: f64 = 30e-6;
const BRIN_ENTRY: f64 = 0.07e-6;

/// Times that, for rows that come one by one, pages that have to be fetched, WAL with whole pages
/// and vacuum: a guess, and rather too much than too little.
const IN_EARNEST: f64 = 10.0;

/// Seconds a day that an index has to be worth for being there at all: it is planned with, cached,
/// vacuumed, backed up, and somebody has to know why it is there.
pub const PRESENCE: f64 = 2.0;

/// A partial index gets no entry for most rows; how many is not known.
const SHARE_OF_PARTIAL: f64 = 0.3;

/// What an index costs in a day, and what of that is for updates that it would make slower.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Upkeep {
    /// Seconds.
    pub seconds: f64,
    /// Updates a day that wrote no index and would from now on write all.
    pub hot_updates_ended: f64,
}

/// Seconds a day.
#[must_use]
pub fn upkeep(definition: &Definition, table: &Table, daily: &Daily) -> Upkeep {
    let writes = daily.writes.get(&table.oid).copied().unwrap_or_default();
    let entry = match definition.method {
        Method::Btree => BTREE_ENTRY,
        Method::Gin if definition.is_of_trigrams() => TRIGRAMS_ENTRY,
        Method::Gin => GIN_ENTRY,
        Method::Brin => BRIN_ENTRY,
    };
    let share = if definition.predicate.is_some() { SHARE_OF_PARTIAL } else { 1.0 };
    let entries = entries(writes);
    // Summaries are no part of what HOT looks at since PostgreSQL 16, and few before that.
    let ended = match definition.method {
        Method::Brin => 0.0,
        _ => ended(definition, table, writes, &daily.sets),
    };
    let others = table.indexes.len() as f64 + 1.0;
    Upkeep {
        seconds: IN_EARNEST * (entries * entry * share + ended * others * BTREE_ENTRY),
        hot_updates_ended: ended,
    }
}

/// Seconds a day that writing an index that is there takes.
#[must_use]
pub fn kept(method: &str, is_partial: bool, writes: Writes) -> f64 {
    let entry = match method {
        "gin" | "gist" | "spgist" => GIN_ENTRY,
        "brin" => BRIN_ENTRY,
        _ => BTREE_ENTRY,
    };
    let share = if is_partial { SHARE_OF_PARTIAL } else { 1.0 };
    IN_EARNEST * entry * share * entries(writes)
}

/// Rows a day that every index of a table gets an entry for.
#[must_use]
pub fn entries(writes: Writes) -> f64 {
    writes.inserts + (writes.updates - writes.hot_updates).max(0.0)
}

/// HOT updates that change a column of the index, by the share of the table's updates that set one.
fn ended(definition: &Definition, table: &Table, writes: Writes, sets: &Sets) -> f64 {
    let columns = columns(definition, table);
    let of = |schema: Option<&String>| {
        let target = Target { schema: schema.cloned(), name: table.name.clone() };
        sets.get(&target).into_iter().flatten()
    };
    let (mut all, mut touching) = (0.0, 0.0);
    for (set, calls) in of(Some(&table.schema)).chain(of(None)) {
        all += calls;
        touching += if set.is_disjoint(&columns) { 0.0 } else { *calls };
    }
    if all > 0.0 { writes.hot_updates * touching / all } else { 0.0 }
}

/// Every column that the index looks at.
fn columns(definition: &Definition, table: &Table) -> BTreeSet<String> {
    let texts = definition.keys.iter().filter(|key| key.name().is_none()).map(Key::sql);
    let texts: Vec<String> = texts.chain(definition.predicate.clone()).collect();
    let named = definition.keys.iter().filter_map(|key| key.name()).map(str::to_owned);
    let within = table.columns.iter().filter(|column| {
        texts.iter().any(|text| {
            text.split(|c: char| !(c.is_alphanumeric() || c == '_')).any(|word| word == column.name)
        })
    });
    named
        .chain(definition.includes.iter().cloned())
        .chain(within.map(|column| column.name.clone()))
        .collect()
}
