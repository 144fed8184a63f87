//! Tables that a join reads whole to find a few of their rows, and why: the key is cast, it has no index, or
//! there is no key that an index could serve.

use super::cast::{Reach, index_on, is_indexed, is_indexed_as, reach, type_of};
use super::spotted::Reader;
use super::whole::{Whole, whole};
use super::{Sign, Spotted, named};
use crate::advise::catalog::Table;
use crate::advise::plan::{Condition, Node, Operator, Side, conjuncts};

/// So many times fewer rows are looked for than are read: then an index would be the way to find them.
const FEW: f64 = 20.0;

/// A smaller table may be read each time.
const LEAST_ROWS: f64 = 1_000.0;

/// A table that is read again and again: so many rounds, and so many rows in all of them.
const ROUNDS: f64 = 10.0;
const LEAST_LOOPED: f64 = 100_000.0;

/// Such joins of a plan.
pub(super) fn found(plan: &Node, reader: &Reader<'_>) -> Vec<Spotted> {
    let mut found = Vec::new();
    visit(plan, 1.0, reader, &mut found);
    found
}

fn visit(node: &Node, rounds: f64, reader: &Reader<'_>, found: &mut Vec<Spotted>) {
    found.extend(inside(node, rounds, reader));
    if let [first, second] = own(node).as_slice() {
        found.extend(side(node, (first, true), second, rounds, reader));
        found.extend(side(node, (second, false), first, rounds, reader));
    }
    for below in &node.plans {
        let again = match below.relationship.as_deref() {
            Some("SubPlan") => node.runs_of_subplan(below),
            Some("Inner") if node.kind == "Nested Loop" && below.kind != "Materialize" => {
                outer_rows(node)
            }
            _ => 1.0,
        };
        visit(below, rounds * again, reader, found);
    }
}

/// The two sides of a join; a node that is none has no second one.
fn own(node: &Node) -> Vec<&Node> {
    let is_own = |plan: &&Node| matches!(plan.relationship.as_deref(), Some("Outer" | "Inner"));
    node.plans.iter().filter(is_own).collect()
}

fn outer_rows(node: &Node) -> f64 {
    own(node).first().map_or(1.0, |outer| outer.rows.max(1.0))
}

/// One comparison of a join, seen from one side.
struct Key {
    own: Side,
    other: Side,
    is_equal: bool,
}

fn keys<'a>(texts: impl Iterator<Item = &'a String>, alias: &str) -> Vec<Key> {
    let mut keys = Vec::new();
    for condition in texts.flat_map(|text| conjuncts(text)) {
        let Condition::Joined { left, right, operator } = condition else { continue };
        let is_equal = operator == Operator::Equal;
        if left.alias == alias {
            keys.push(Key { own: left, other: right, is_equal });
        } else if right.alias == alias {
            keys.push(Key { own: right, other: left, is_equal });
        }
    }
    keys
}

/// Whether a join gives all rows of one side: these have to be read in any case.
fn keeps(join: &Node, is_outer: bool) -> bool {
    match join.join.as_deref() {
        Some("Full") => true,
        Some("Left" | "Anti") => is_outer,
        Some("Right" | "Right Anti") => !is_outer,
        _ => false,
    }
}

/// One side of a join.
fn side(
    join: &Node,
    (own, is_outer): (&Node, bool),
    other: &Node,
    rounds: f64,
    reader: &Reader<'_>,
) -> Option<Spotted> {
    let whole = whole(own, reader.catalog)?;
    let Whole { table, alias, rows, is_kept } = &whole;
    let asked = other.rows.max(1.0);
    let is_again = join.kind == "Nested Loop" && !is_outer;
    let rounds = if is_again { rounds * asked } else { rounds };
    let looped = rounds * if *is_kept { *rows } else { table.rows };
    let is_looped = is_again && rounds >= ROUNDS && looped >= LEAST_LOOPED;
    let texts = [&join.hash_condition, &join.merge_condition, &join.join_filter];
    let keys = keys(texts.into_iter().flatten(), alias);
    if keeps(join, is_outer) {
        return None;
    }
    let has_key = keys.iter().any(|key| key.is_equal);
    let wanted = if has_cast(&keys, table) { asked } else { asked.max(join.rows) };
    if has_key && (wanted * FEW <= *rows || is_looped) {
        return by_key(&keys, table, wanted, rounds, reader);
    }
    let sign = Sign::Rescanned { table_rows: table.rows, rounds, looped_rows: looped };
    let tables = vec![named(table)];
    let is_told = is_looped && !has_key && table.is_of_users();
    is_told.then(|| Spotted { sign, tables, columns: Vec::new(), sql: Vec::new() })
}

/// A table that is read whole for a row from outside: that of a subquery, or of a lateral join.
fn inside(node: &Node, rounds: f64, reader: &Reader<'_>) -> Option<Spotted> {
    let (Some(filter), "Seq Scan") = (&node.filter, node.kind.as_str()) else { return None };
    let (table, alias) = (reader.table(node.alias.as_ref()?)?, node.alias.as_ref()?);
    let keys = keys([filter].into_iter(), alias);
    let part = reader.catalog.relation(node.schema.as_ref()?, node.relation.as_ref()?)?;
    let is_few = node.rows.max(1.0) * FEW <= part.rows;
    let is_equal = keys.iter().any(|key| key.is_equal && key.other.alias != *alias);
    if is_equal && is_few {
        return by_key(&keys, table, node.rows, rounds, reader);
    }
    None
}

fn has_cast(keys: &[Key], table: &Table) -> bool {
    keys.iter().any(|key| matches!(reach(&key.own, table), Reach::Cast { .. }))
}

/// What is wrong with the keys of a table that is read whole.
fn by_key(
    keys: &[Key],
    table: &Table,
    wanted: f64,
    rounds: f64,
    reader: &Reader<'_>,
) -> Option<Spotted> {
    if table.rows < LEAST_ROWS || !table.is_indexable() {
        return None;
    }
    let equal = || keys.iter().filter(|key| key.is_equal);
    let mut plain = Vec::new();
    let mut cast = None;
    for key in equal() {
        match reach(&key.own, table) {
            // The planner has chosen not to use it.
            Reach::Column(column) if is_indexed(table, &column) => return None,
            _ if is_indexed_as(table, &key.own) => return None,
            Reach::Column(column) => plain.push(column),
            Reach::Cast { column, to } => cast = cast.or(Some((column, to, &key.other))),
            Reach::Other => {}
        }
    }
    if let Some((column, to, other)) = cast {
        return Some(different(table, &column, to, other, rounds, reader));
    }
    plain.sort();
    plain.dedup();
    let sign = Sign::UnindexedKey { table_rows: table.rows, wanted_rows: wanted.max(1.0), rounds };
    let columns = plain.iter().map(|column| format!("{}.{column}", named(table))).collect();
    (!plain.is_empty()).then(|| Spotted {
        sign,
        tables: vec![named(table)],
        columns,
        sql: Vec::new(),
    })
}

/// A key that is cast to what the other side is.
fn different(
    table: &Table,
    column: &str,
    compared_as: String,
    other: &Side,
    rounds: f64,
    reader: &Reader<'_>,
) -> Spotted {
    let (mut tables, mut columns) =
        (vec![named(table)], vec![format!("{}.{column}", named(table))]);
    let mut other_type = None;
    if let Some(table) = reader.table(&other.alias)
        && let Reach::Column(column) | Reach::Cast { column, .. } = reach(other, table)
    {
        other_type = type_of(table, &column);
        tables.push(named(table));
        columns.push(format!("{}.{column}", named(table)));
    }
    let sign = Sign::DifferentTypes {
        table_rows: table.rows,
        rounds,
        column_type: type_of(table, column).unwrap_or_default(),
        other_type,
        compared_as,
        unusable_index: index_on(table, column).map(str::to_owned),
    };
    Spotted { sign, tables, columns, sql: Vec::new() }
}
