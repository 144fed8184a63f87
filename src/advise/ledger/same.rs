//! Whether an index that is there is the one that was suggested, whatever it is called.

use crate::advise::catalog::{Catalog, Index, IndexKey, Kind, Table};
use crate::advise::definition::{Definition, Key, What, quote};
use crate::advise::printed;

/// Where a suggested index was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// Its name with the schema, as SQL; where the parts of a partitioned table have one each, the names of these.
    pub(super) names: Vec<String>,
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
        same.map(|index| name(table, index))
    };
    if let Some(name) = of(table) {
        return Some(Found { names: vec![name], parts: None });
    }
    if table.kind != Kind::Partitioned {
        return None;
    }
    let parts: Vec<Option<String>> = catalog.parts(table).map(of).collect();
    let all = parts.len();
    let names: Vec<String> = parts.into_iter().flatten().collect();
    (!names.is_empty()).then_some(Found { parts: Some((names.len(), all)), names })
}

/// An index's name with the schema, as SQL.
fn name(table: &Table, index: &Index) -> String {
    format!("{}.{}", quote(&table.schema), quote(&index.name))
}

/// What those are called that are scanned: of a partitioned table, those of its parts. Of its own index the server
/// counts no scan.
pub(super) fn scanned(definition: &Definition, table: &Table, catalog: &Catalog) -> Vec<String> {
    let of = |part: &Table| -> Vec<String> {
        let same = part.indexes.iter().filter(|index| is_same(definition, index));
        same.map(|index| name(part, index)).collect()
    };
    catalog.parts(table).flat_map(of).collect()
}

/// What drops it, of a partitioned table also where its parts have one each. What is attached goes with what it is attached
/// to, be that valid or not, and PostgreSQL drops neither of a partitioned table's concurrently. What enforces something
/// stays: it has more to do than to be fast.
pub(super) fn drops(definition: &Definition, table: &Table, catalog: &Catalog) -> Vec<String> {
    let of = |of: &Table| {
        let is_partitioned = of.kind == Kind::Partitioned;
        let same: Vec<&Index> = of
            .indexes
            .iter()
            .filter(|index| is_partitioned || index.is_valid)
            .filter(|index| !index.is_unique && !index.is_constraint)
            .filter(|index| is_alike(definition, index))
            .collect();
        if same.iter().any(|index| index.is_attached) {
            return None;
        }
        let index = same.iter().find(|index| index.is_valid).or(same.first())?;
        let how = if is_partitioned { "" } else { "concurrently " };
        Some(format!("drop index {how}{}", name(of, index)))
    };
    catalog.family(table).filter_map(of).collect()
}

/// Whether the server has counted a scan of it; of a partitioned table, of any of its parts.
pub(super) fn is_scanned(definition: &Definition, table: &Table, catalog: &Catalog) -> bool {
    let mut indexes = catalog.family(table).flat_map(|of| &of.indexes);
    indexes.any(|index| index.scans > 0.0 && is_same(definition, index))
}

/// Valid, and alike.
fn is_same(definition: &Definition, index: &Index) -> bool {
    index.is_valid && is_alike(definition, index)
}

/// The same method, keys, order and rows, and at least the carried columns.
fn is_alike(definition: &Definition, index: &Index) -> bool {
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
    index.method == definition.method.name()
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
