//! Tables that a plan reads from end to end.

use crate::advise::catalog::{Catalog, Table};
use crate::advise::plan::Node;

/// One of them, as a side of a join.
#[derive(Clone, Debug)]
pub(super) struct Whole<'a> {
    /// Of a partition, the table at its root.
    pub(super) table: &'a Table,
    /// What conditions call it.
    pub(super) alias: String,
    /// Rows that come out of it.
    pub(super) rows: f64,
    /// They are kept: who wants them again need not read the table again.
    pub(super) is_kept: bool,
}

/// Nodes that hand on all that they get, in one order or another.
const HANDING_ON: [&str; 7] =
    ["Hash", "Materialize", "Memoize", "Sort", "Incremental Sort", "Gather", "Gather Merge"];

/// The table below, if nothing but reading it whole is there.
pub(super) fn whole<'a>(node: &Node, catalog: &'a Catalog) -> Option<Whole<'a>> {
    match (node.kind.as_str(), node.plans.as_slice()) {
        ("Seq Scan", _) => {
            let table = catalog.table(node.schema.as_ref()?, node.relation.as_ref()?)?;
            let alias = node.alias.clone()?;
            Some(Whole { table, alias, rows: node.rows, is_kept: false })
        }
        ("Append" | "Merge Append", [first, rest @ ..]) => {
            let first = whole(first, catalog)?;
            let is_part = |part: &Node| {
                whole(part, catalog).is_some_and(|part| part.table.oid == first.table.oid)
            };
            let alias = stem(&first.alias)?.to_owned();
            let all = rest.iter().all(is_part);
            all.then_some(Whole { alias, rows: node.rows, ..first })
        }
        (kind, [below]) if HANDING_ON.contains(&kind) => {
            let is_kept = !matches!(kind, "Gather" | "Gather Merge" | "Memoize");
            let below = whole(below, catalog)?;
            Some(Whole { rows: node.rows, is_kept: is_kept || below.is_kept, ..below })
        }
        _ => None,
    }
}

/// What a partition's table is called above it: `p_1` is of `p`.
pub(super) fn stem(alias: &str) -> Option<&str> {
    let (stem, number) = alias.rsplit_once('_')?;
    let is_number = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
    is_number.then_some(stem)
}
