//! How big an index will be.
//!
//! From the layout of b-tree pages (PostgreSQL's `nbtree.h`, `itup.h` and, for equal keys that share a
//! posting list since version 13, `nbtdedup.c` and `nbtsort.c`). HypoPG leaves posting lists out and so tells three
//! times too much for keys with many equal values; what it says is taken where this does not know.

use super::catalog::{Catalog, Column, Table};
use super::definition::{Definition, Method, What};
use crate::sample::layout::{Stored, aligned};

/// Of a page: header, and the special space of a b-tree.
const PAGE_OVERHEAD: f64 = 24.0 + 16.0;

/// Of an entry: its header and its line pointer.
const TUPLE_HEADER: f64 = 8.0;
const LINE_POINTER: f64 = 4.0;

/// Of a row's address in a posting list.
const ROW_ADDRESS: f64 = 6.0;

/// Pages are filled so far when an index is built.
const FILL: f64 = 0.9;

/// Bytes of a posting list, as a build makes them: a tenth of a page.
const POSTING_SHARE: f64 = 0.1;

/// Pages above the leaves, for each leaf.
const ABOVE: f64 = 0.006;

/// Bytes of a GIN for each byte of its column. Measured over 2 million rows: 1.7 for trigrams, 0.3
/// for arrays of three, 0.2 for small documents; it depends on how often the elements are the same.
const GIN_OF_TRIGRAMS: f64 = 1.7;
const GIN_OF_ELEMENTS: f64 = 0.3;

/// Bytes of a b-tree or, roughly, a GIN; `None` for other kinds, and where there are no statistics.
#[must_use]
pub fn estimate(definition: &Definition, catalog: &Catalog, table: &Table) -> Option<f64> {
    if definition.method == Method::Gin {
        let key = definition.keys.first()?;
        let width = table.column(key.name()?)?.width;
        let share = if definition.is_of_trigrams() { GIN_OF_TRIGRAMS } else { GIN_OF_ELEMENTS };
        return Some((table.rows * width * share).max(catalog.block_size * 2.0));
    }
    if definition.method != Method::Btree || definition.predicate.is_some() || table.rows < 1.0 {
        return None;
    }
    let keys: Vec<&Column> = definition
        .keys
        .iter()
        .map(|key| match &key.what {
            What::Column(name) => table.column(name),
            What::Expression(_) => None,
        })
        .collect::<Option<_>>()?;
    let carried: Vec<&Column> =
        definition.includes.iter().map(|name| table.column(name)).collect::<Option<_>>()?;
    if keys.iter().any(|column| column.distinct.is_none()) {
        return None;
    }
    let data = aligned(keys.iter().chain(&carried).map(|column| stored(column)));
    let rows = table.rows;
    let shares =
        catalog.version_num >= 130_000 && carried.is_empty() && keys.iter().all(|c| may_share(c));
    let per_row = if shares {
        let distinct = keys.iter().map(|c| c.distinct_of(rows)).product::<f64>().clamp(1.0, rows);
        let most =
            ((catalog.block_size * POSTING_SHARE - data - TUPLE_HEADER) / ROW_ADDRESS).max(1.0);
        let together = (rows / distinct).clamp(1.0, most);
        if together < 1.5 {
            TUPLE_HEADER + data + LINE_POINTER
        } else {
            ROW_ADDRESS + (TUPLE_HEADER + data + LINE_POINTER) / together
        }
    } else {
        TUPLE_HEADER + data + LINE_POINTER
    };
    let usable = (catalog.block_size - PAGE_OVERHEAD) * FILL;
    let pages = (rows * per_row / usable).ceil() * (1.0 + ABOVE) + 2.0;
    Some(pages.ceil() * catalog.block_size)
}

fn stored(column: &Column) -> Stored {
    let Column { width, null_share, align, is_variable, .. } = *column;
    Stored { width, null_share, align, is_variable }
}

/// Equal values of it are the same bytes: not so for numbers with a scale, floats and documents
/// (`btequalimage` in `nbtvalidate.c`'s support functions).
fn may_share(column: &Column) -> bool {
    !matches!(column.typname.as_str(), "numeric" | "float4" | "float8" | "jsonb" | "interval")
        && !column.typname.starts_with('_')
}
