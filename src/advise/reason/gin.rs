//! What an index saves that cannot be supposed: HypoPG knows no GIN.

use crate::advise::catalog::{Catalog, Table};
use crate::advise::definition::Definition;
use crate::advise::plan::{Condition, Operator, Reading};

/// To search the elements, and the entries that wait to be sorted in.
const SEARCH: f64 = 100.0;

/// To look at a row again.
const ROW: f64 = 0.02;

/// Planner's cost that a statement is spared: the table is not scanned, the rows that come out of
/// it are fetched.
pub fn saved(definition: &Definition, table: &Table, catalog: &Catalog, reading: &Reading) -> f64 {
    let is_key = |column: Option<&str>| {
        column.is_some() && definition.keys.first().and_then(|key| key.name()) == column
    };
    let serves = |condition: &Condition| match condition {
        Condition::Compared { side, operator, .. } => {
            matches!(operator, Operator::Contains | Operator::Like | Operator::ILike)
                && (is_key(side.column()) || is_key(side.column_as_text()))
        }
        _ => false,
    };
    let helped = reading.uses.values().filter(|usage| {
        usage.schema == table.schema
            && usage.relation == table.name
            && usage.conditions.iter().any(serves)
    });
    let cost = |rows: f64| SEARCH + rows.min(table.pages) * catalog.random_page_cost + rows * ROW;
    helped.map(|usage| (usage.scan_cost - cost(usage.scan_rows)).max(0.0)).sum()
}
