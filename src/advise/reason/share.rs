//! Which share of a table's rows fulfils a condition, by statistics and by what the planner expects.

use sqlparser::ast::{Expr, Value};

use crate::advise::catalog::{Catalog, Column, Table};
use crate::advise::definition::{Definition, What, quote};
use crate::advise::plan::{Condition, Operator, Reading, Side, Use};

/// Elements of a list whose length is not known, as the planner takes it.
const ELEMENTS: f64 = 10.0;

/// Distinct values of an expression, as the planner takes it without statistics.
const DISTINCT_OF_EXPRESSION: f64 = 200.0;

/// What one condition asks.
#[derive(Clone, Debug)]
pub struct Term {
    /// What is compared.
    pub what: What,
    /// How.
    pub operator: Operator,
    /// The share of rows that fulfils it.
    pub share: f64,
    /// The arms of an `or` this is a part of are looked at apart.
    pub as_sql: Option<String>,
}

/// All conditions of one relation that are about a single side, each with its share.
///
/// The planner has told how many rows fulfil all of them; what statistics of single values do not explain of that
/// is shared among ranges and patterns, for which it has looked at histograms.
pub fn terms(usage: &Use, table: &Table, rows_out: f64) -> Vec<Term> {
    let mut terms: Vec<(Term, bool)> =
        usage.conditions.iter().filter_map(|condition| term(condition, table)).collect();
    let known: f64 = terms.iter().filter(|(_, is)| *is).map(|(term, _)| term.share).product();
    let others = terms.iter().filter(|(_, is)| !*is).count();
    let whole = (rows_out / table.rows.max(1.0)).clamp(1e-9, 1.0);
    if others > 0 {
        let each = (whole / known.max(1e-9)).clamp(1e-9, 1.0).powf(1.0 / others as f64);
        for (term, _) in terms.iter_mut().filter(|(_, is)| !*is) {
            term.share = each;
        }
    } else if let [(only, _)] = terms.as_mut_slice() {
        only.share = whole;
    }
    terms.into_iter().map(|(term, _)| term).collect()
}

/// One condition; whether its share is known from single values.
fn term(condition: &Condition, table: &Table) -> Option<(Term, bool)> {
    let term = |side: &Side, operator, share, as_sql| Term {
        what: what(side, table),
        operator,
        share,
        as_sql,
    };
    Some(match condition {
        Condition::Compared { side, operator, value } => {
            let column = column(side, table);
            let one = equal(column, value.as_ref(), table);
            let name = column.map(|column| quote(&column.name));
            match operator {
                Operator::Equal => {
                    let literal = value.as_ref().and_then(literal);
                    let sql = name
                        .zip(literal)
                        .map(|(name, text)| format!("{name} = '{}'", text.replace('\'', "''")));
                    (term(side, *operator, one, sql), true)
                }
                Operator::Any => (term(side, *operator, (one * ELEMENTS).min(1.0), None), false),
                Operator::Null => {
                    let share = column.map_or(0.005, |column| column.null_share);
                    (term(side, *operator, share, name.map(|n| format!("{n} is null"))), true)
                }
                Operator::NotNull => {
                    let share = column.map_or(0.995, |column| 1.0 - column.null_share);
                    (term(side, *operator, share, name.map(|n| format!("{n} is not null"))), true)
                }
                // What may begin with anything no order helps to find.
                Operator::Like if !is_anchored(value.as_ref()) => {
                    (term(side, Operator::ILike, 1.0, None), false)
                }
                _ => (term(side, *operator, 1.0, None), false),
            }
        }
        Condition::Flag { side, is } => {
            let column = column(side, table)?;
            let share = share_of(column, if *is { "t" } else { "f" }, table);
            let name = quote(&column.name);
            let sql = if *is { name } else { format!("not {name}") };
            (term(side, Operator::Equal, share, Some(sql)), true)
        }
        Condition::Within(side) => {
            (term(side, Operator::Contains, 1.0, Some(side.expr.to_string())), false)
        }
        _ => return None,
    })
}

/// The terms of one arm of an `or`; nothing if an arm has a condition that is not understood.
pub fn arm(conditions: &[Condition], table: &Table) -> Vec<Term> {
    conditions
        .iter()
        .filter_map(|condition| term(condition, table))
        .map(|(term, is_known)| if is_known { term } else { Term { share: 0.005, ..term } })
        .collect()
}

/// The share of rows that a partial index holds, if the conditions imply its predicate.
pub fn of_predicate(predicate: &str, terms: &[Term]) -> Option<f64> {
    let share_of = |part: &str| {
        let same = terms.iter().find(|term| term.as_sql.as_deref() == Some(part));
        same.map(|term| term.share)
    };
    if let Some(share) = share_of(predicate) {
        return Some(share);
    }
    predicate.split(" and ").map(share_of).product()
}

/// Rows that an index holds: of a partial one, as far as statistics tell.
pub fn held<'a>(
    index: &Definition,
    catalog: &Catalog,
    table: &Table,
    mut readings: impl Iterator<Item = &'a Reading>,
) -> f64 {
    let Some(predicate) = &index.predicate else { return table.rows };
    let share = readings.find_map(|reading| {
        let mut uses = reading.uses.values();
        uses.find_map(|usage| {
            let read = catalog.table(&usage.schema, &usage.relation)?;
            let known = usage.conditions.iter().filter_map(|condition| term(condition, table));
            let known: Vec<Term> = known.filter(|(_, is)| *is).map(|(term, _)| term).collect();
            (read.oid == table.oid).then(|| of_predicate(predicate, &known))?
        })
    });
    table.rows * share.unwrap_or(1.0)
}

/// Rows that a value which is not known has, as a share; where it is known, those of this value.
fn equal(column: Option<&Column>, value: Option<&Expr>, table: &Table) -> f64 {
    let Some(column) = column else { return 1.0 / DISTINCT_OF_EXPRESSION };
    match value.and_then(literal) {
        Some(text) => share_of(column, &text, table),
        None => of_any(column, table.rows),
    }
}

/// Rows that one value has on average, as a share.
pub fn of_any(column: &Column, rows: f64) -> f64 {
    (1.0 - column.null_share) / column.distinct_of(rows)
}

/// Those of a value: a most common one, or one of the rest.
fn share_of(column: &Column, value: &str, table: &Table) -> f64 {
    if let Some((_, share)) = column.common.iter().find(|(common, _)| common == value) {
        return *share;
    }
    let common: f64 = column.common.iter().map(|(_, share)| share).sum();
    let others = (column.distinct_of(table.rows) - column.common.len() as f64).max(1.0);
    ((1.0 - common - column.null_share) / others).max(0.0)
}

fn literal(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) => Some(text.clone()),
            Value::Number(digits, _) => Some(digits.clone()),
            _ => None,
        },
        Expr::Cast { expr, .. } | Expr::Nested(expr) => literal(expr),
        _ => None,
    }
}

/// A pattern that is known to begin with a letter.
fn is_anchored(value: Option<&Expr>) -> bool {
    value.and_then(literal).is_some_and(|pattern| !pattern.starts_with(['%', '_']))
}

fn column<'a>(side: &Side, table: &'a Table) -> Option<&'a Column> {
    table.column(side.column().or_else(|| side.column_as_text())?)
}

/// What a side is for an index, as candidates have it.
pub fn what(side: &Side, table: &Table) -> What {
    crate::advise::candidate::what(side, table)
}

/// A partition with what is known of its columns, else as its root has them.
pub fn with_statistics(part: &Table, catalog: &Catalog) -> Table {
    let mut part = part.clone();
    if let Some(root) = catalog.tables.get(&part.root).filter(|root| root.oid != part.oid) {
        for column in part.columns.iter_mut().filter(|column| column.distinct.is_none()) {
            if let Some(known) = root.column(&column.name) {
                *column = known.clone();
            }
        }
    }
    part
}
