//! Where the planner is mistaken about how many rows a join gives.
//!
//! What a statement returned is counted, what its nodes gave is not: so only the top of a plan can be
//! held against what was counted. Below what lessens rows (a limit, an aggregate, `distinct`) there were at least as many
//! as came out; that they were more is not known.

use super::spotted::Reader;
use super::{Known, Sign, Spotted};
use crate::advise::advisor::Planned;
use crate::advise::catalog::Table;
use crate::advise::ddl::{LONGEST_NAME, stable_id};
use crate::advise::definition::quote;
use crate::advise::plan::{Condition, How, Node, Operator, Use, places};
use crate::advise::workload::Statement;

/// Calls that were counted, from which on a mean is one.
const ENOUGH_CALLS: f64 = 20.0;

/// Rows from which a mistake is carried along; what is told begins at more.
pub(super) const LEAST_TIMES: f64 = 10.0;

/// Of a statement inside a function, PL/pgSQL's `select into` reads no more.
const READ_INSIDE: f64 = 2.0;

/// Columns of extended statistics: PostgreSQL takes eight.
const MOST_COLUMNS: usize = 8;

/// A table of which so much has changed since it was analyzed is another one.
const CHANGED: f64 = 0.2;

/// What can be held against the rows that were counted.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Comparable {
    rows: f64,
    /// What came out is all that there was.
    is_exact: bool,
}

/// The mistake of a statement's plans, if all of them make it.
pub(super) fn mistaken(
    planned: &Planned,
    statement: &Statement,
    known: &Known<'_>,
) -> Option<Spotted> {
    let real = statement.rows_of_call().filter(|_| statement.calls * known.days >= ENOUGH_CALLS)?;
    let is_own = has_own_values(planned, statement, known);
    let (mut least, mut most, mut is_exact) = (f64::INFINITY, 0.0_f64, true);
    for (variant, reading) in planned.variants.iter().zip(&planned.readings) {
        let reader = Reader { reading, catalog: known.catalog };
        let one = comparable(&reading.plan)?;
        most = most.max(one.rows * skew(variant.parameters, &reader)?);
        least = least.min(one.rows);
        is_exact &= one.is_exact;
        // Extended statistics know which values go together; values that were guessed one by one do not.
        let mut tables = reader.tables().into_iter();
        if !is_own && tables.any(|(table, _)| !table.extended_statistics.is_empty()) {
            return None;
        }
    }
    let is_below = most > 0.0 && real >= most * LEAST_TIMES;
    let is_above = is_exact
        && is_own
        && returns_all(&statement.text)
        && (!known.memory.counts_nested || real > READ_INSIDE)
        && least.is_finite()
        && least >= real.max(1.0) * LEAST_TIMES;
    if !is_below && !is_above {
        return None;
    }
    let (mut tables, mut sql) = (Vec::new(), Vec::new());
    for reading in &planned.readings {
        let reader = Reader { reading, catalog: known.catalog };
        for (table, usage) in reader.tables() {
            if table.is_of_users() {
                tables.push(super::named(table));
            }
            if table.is_indexable() {
                sql.extend(mending(table, usage));
            }
        }
    }
    for all in [&mut tables, &mut sql] {
        all.sort();
        all.dedup();
    }
    let planned_rows = if is_below { most } else { least };
    let sign = Sign::WrongEstimate { planned_rows, real_rows: real };
    (tables.len() > 1).then_some(Spotted { sign, tables, columns: Vec::new(), sql })
}

/// How many times more rows the planner would expect at most if it knew the values of the parameters that are
/// left; `None` if that cannot be told. A plan for whatever value may come takes all values of a column
/// as equally common.
fn skew(parameters: usize, reader: &Reader<'_>) -> Option<f64> {
    let places = places(&reader.reading.plan);
    let mut all = 1.0;
    let mut met = Vec::new();
    for number in 1..=parameters {
        let place = places.iter().find(|place| place.parameters.contains(&number))?;
        if place.how != How::Equal {
            return None;
        }
        if met.contains(&place) {
            continue;
        }
        met.push(place);
        let table = reader.catalog.table(&place.schema, &place.relation)?;
        let column = table.column(&place.column)?;
        let usual = 1.0 / column.distinct?.max(1.0);
        let most = column.common.iter().map(|(_, share)| *share).fold(usual, f64::max);
        all *= most / usual;
    }
    Some(all)
}

/// What lets the planner know more of a table.
fn mending(table: &Table, usage: &Use) -> Option<String> {
    let name = format!("{}.{}", quote(&table.schema), quote(&table.name));
    if !table.is_analyzed || table.changed_since > CHANGED * table.rows {
        return Some(format!("analyze {name};"));
    }
    together(usage, table, &name)
}

/// Columns of one table that are asked for together: what the planner takes as independent of each other.
/// Nothing if there are extended statistics on them already: more of these would tell it no more; if these have no data,
/// what brings some. Of dependencies
/// alone: values that are not in a list of the most common ones (`mcv`), which comes first where both are there,
/// count as nearly none.
fn together(usage: &Use, table: &Table, name: &str) -> Option<String> {
    let equal = usage.conditions.iter().filter_map(|condition| match condition {
        Condition::Compared { side, operator: Operator::Equal | Operator::Any, .. }
        | Condition::Flag { side, .. } => side.column().or_else(|| side.column_as_text()),
        _ => None,
    });
    // System columns are none of the table's, and values that have no order can have no such statistics.
    let known = equal.filter_map(|name| table.column(name)).filter(|column| column.is_sortable);
    let mut columns: Vec<(&str, i16)> =
        known.map(|column| (column.name.as_str(), column.attnum)).collect();
    columns.sort_unstable();
    columns.dedup();
    columns.truncate(MOST_COLUMNS);
    let are_in = |there: &Vec<i16>| columns.iter().all(|(_, number)| there.contains(number));
    if columns.len() < 2 || table.extended_statistics.iter().any(are_in) {
        return None;
    }
    if table.empty_statistics.iter().any(are_in) {
        return Some(format!("analyze {name};"));
    }
    let columns: Vec<&str> = columns.into_iter().map(|(name, _)| name).collect();
    let listed: Vec<String> = columns.iter().map(|column| quote(column)).collect();
    Some(format!(
        "create statistics {}.{} (dependencies) on {} from {name}; analyze {name};",
        quote(&table.schema),
        quote(&name_of_statistics(table, &columns)),
        listed.join(", ")
    ))
}

/// A name that statistics on other columns do not have, and that PostgreSQL does not cut.
fn name_of_statistics(table: &Table, columns: &[&str]) -> String {
    let names: Vec<&str> =
        std::iter::once(table.name.as_str()).chain(columns.iter().copied()).collect();
    let digest = stable_id("", &names).replace('-', "_");
    let mut head = names.join("_");
    let room = LONGEST_NAME.saturating_sub(digest.len() + "_stats".len());
    let mut end = room.min(head.len());
    while !head.is_char_boundary(end) {
        end -= 1;
    }
    head.truncate(end);
    format!("{head}{digest}_stats")
}

/// Whether the plans were made with values that the statement has had, or it has none. One that still has parameters
/// was planned for whatever may come.
fn has_own_values(planned: &Planned, statement: &Statement, known: &Known<'_>) -> bool {
    let was_seen = !statement.specimens.is_empty() || !known.seen.of(statement.queryid).is_empty();
    let mut variants = planned.variants.iter();
    variants.all(|variant| variant.parameters == 0 && (was_seen || !variant.has_values))
}

/// Whether the rows that are counted are those that its select gives: what changes rows may leave some out,
/// change one once for several, or skip those that are locked.
fn returns_all(text: &str) -> bool {
    let text = text.trim_start().to_lowercase();
    let word = |word: &str| text.split(|c: char| !c.is_alphanumeric()).any(|w| w == word);
    let is_query = text.starts_with("select")
        || (text.starts_with("with")
            && !["insert", "update", "delete", "merge"].into_iter().any(word));
    is_query && !text.contains("skip locked")
}

fn comparable(node: &Node) -> Option<Comparable> {
    let below = || node.plans.iter().find(|plan| plan.relationship.as_deref() == Some("Outer"));
    match node.kind.as_str() {
        "Limit" | "Aggregate" | "Group" | "Unique" | "SetOp" => {
            comparable(below()?).map(|one| Comparable { is_exact: false, ..one })
        }
        "Sort" | "Incremental Sort" | "WindowAgg" | "LockRows" | "Materialize" => {
            let one = comparable(below()?)?;
            Some(if one.is_exact { Comparable { rows: node.rows, ..one } } else { one })
        }
        // What functions give, and how deep a recursion goes, is a fixed guess.
        "ProjectSet" | "Recursive Union" | "CTE Scan" | "Function Scan" | "Append" => None,
        _ => joins(node).then_some(Comparable { rows: node.rows, is_exact: true }),
    }
}

/// Whether relations are joined here or below, and the rows that come are those of the join: what several processes
/// have each put together in part are not.
fn joins(node: &Node) -> bool {
    let is_own = |plan: &&Node| matches!(plan.relationship.as_deref(), Some("Outer" | "Inner"));
    match node.kind.as_str() {
        "Nested Loop" | "Hash Join" | "Merge Join" => true,
        "Aggregate" | "Group" | "Unique" | "SetOp" | "Limit" => false,
        _ => node.plans.iter().filter(is_own).any(joins),
    }
}
