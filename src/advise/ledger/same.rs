//! Whether an index that is there is the one that was suggested, whatever it is called.

use crate::advise::catalog::{Catalog, Index, IndexKey, Kind, Table};
use crate::advise::definition::{Definition, Key, What, quote};
use crate::advise::printed;

/// Where a suggested index was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// Its name with the schema, as SQL.
    pub(super) name: String,
    /// Of a partitioned table: in so many partitions, of so many.
    pub(super) parts: Option<(usize, usize)>,
}

impl Found {
    /// Every row of the table is in it.
    pub(super) fn is_whole(&self) -> bool {
        self.parts.is_none_or(|(there, all)| there == all)
    }
}

/// Looks for it among the indexes of its table, or, of a partitioned one, of its parts.
pub(super) fn find(definition: &Definition, table: &Table, catalog: &Catalog) -> Option<Found> {
    let of = |table: &Table| {
        let same = table.indexes.iter().find(|index| is_same(definition, index));
        same.map(|index| format!("{}.{}", quote(&table.schema), quote(&index.name)))
    };
    if let Some(name) = of(table) {
        return Some(Found { name, parts: None });
    }
    if table.kind != Kind::Partitioned {
        return None;
    }
    let parts: Vec<Option<String>> = catalog.parts(table).map(of).collect();
    let name = parts.iter().flatten().next()?.clone();
    Some(Found { name, parts: Some((parts.iter().flatten().count(), parts.len())) })
}

/// Whether the server has counted a scan of it; of a partitioned table, of any of its parts.
pub(super) fn is_scanned(definition: &Definition, table: &Table, catalog: &Catalog) -> bool {
    let mut indexes = catalog.family(table).flat_map(|of| &of.indexes);
    indexes.any(|index| index.scans > 0.0 && is_same(definition, index))
}

/// The same method, keys, order and rows, and at least the carried columns.
fn is_same(definition: &Definition, index: &Index) -> bool {
    let same_keys = definition.keys.len() == index.keys.len()
        && definition.keys.iter().zip(&index.keys).all(|(a, b)| is_same_key(a, b));
    let order = || definition.keys.iter().zip(&index.keys);
    let same = |a: &Key, b: &IndexKey| {
        (a.is_descending, a.nulls_first) == (b.is_descending, b.nulls_first)
    };
    // A b-tree is read from either end.
    let mirrored = |a: &Key, b: &IndexKey| {
        a.is_descending != b.is_descending && a.nulls_first != b.nulls_first
    };
    let same_order = index.method != "btree"
        || order().all(|(a, b)| same(a, b))
        || order().all(|(a, b)| mirrored(a, b));
    let same_rows = printed::are_same(definition.predicate.as_deref(), index.predicate.as_deref());
    let carried = definition.includes.iter().all(|name| index.includes.contains(name));
    // What is ordered by another collation serves other comparisons.
    let same_collation = !index.definition.contains(" COLLATE ");
    index.is_valid
        && index.method == definition.method.name()
        && same_keys
        && same_order
        && same_rows
        && carried
        && same_collation
}

fn is_same_key(key: &Key, there: &IndexKey) -> bool {
    let same_thing = match &key.what {
        What::Column(name) => there.column.as_ref() == Some(name),
        What::Expression(text) => there.column.is_none() && printed::is_same(text, &there.sql),
    };
    same_thing && key.is_of_opclass(there.opclass.as_deref())
}
