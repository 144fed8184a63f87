//! What a statement asks of one table, as keys that an index could have.

use crate::advise::catalog::Table;
use crate::advise::definition::{Key, What};
use crate::advise::plan::{Condition, Operator, Order, Side, Use};

/// Keys by what they serve.
#[derive(Clone, Debug, Default)]
pub struct Terms {
    /// Compared for equality with something known, the most distinct first.
    pub equal: Vec<Key>,
    /// Compared with bounds.
    pub ranges: Vec<Key>,
    /// Compared for equality with another relation, by relation.
    pub joins: Vec<Vec<Key>>,
    /// Orders and groups.
    pub orders: Vec<Vec<Key>>,
    /// The arms of an `or`.
    pub arms: Vec<Terms>,
}

impl Terms {
    /// Of one relation in a plan.
    #[must_use]
    pub fn of(usage: &Use, table: &Table) -> Self {
        let mut terms = Self::of_conditions(&usage.conditions, table);
        let mut joins: Vec<(&str, Vec<Key>)> = Vec::new();
        for (own, other, operator) in &usage.joins {
            let key = Key::of(what(own, table));
            if *operator == Operator::Range {
                terms.ranges.push(key);
            } else if let Some((_, keys)) =
                joins.iter_mut().find(|(alias, _)| *alias == other.alias)
            {
                keys.push(key);
            } else {
                joins.push((&other.alias, vec![key]));
            }
        }
        terms.joins = joins.into_iter().map(|(_, keys)| distinct(keys, table)).collect();
        terms.orders = usage.orders.iter().map(|order| ordered(order, table)).collect();
        terms.ranges.sort();
        terms.ranges.dedup();
        terms
    }

    fn of_conditions(conditions: &[Condition], table: &Table) -> Self {
        let mut terms = Self::default();
        for condition in conditions {
            match condition {
                Condition::Compared { side, operator, .. } => {
                    let key = Key::of(what(side, table));
                    match operator {
                        Operator::Equal | Operator::Any | Operator::Null => terms.equal.push(key),
                        Operator::Range => terms.ranges.push(key),
                        _ => {}
                    }
                }
                Condition::Flag { side, .. } => terms.equal.push(Key::of(what(side, table))),
                Condition::Either(arms) => {
                    terms.arms.extend(arms.iter().map(|arm| Self::of_conditions(arm, table)));
                }
                Condition::Joined { .. } | Condition::Within(_) | Condition::Other => {}
            }
        }
        terms.equal = distinct(terms.equal, table);
        terms
    }
}

/// Each once, the most distinct first.
fn distinct(mut keys: Vec<Key>, table: &Table) -> Vec<Key> {
    let values = |key: &Key| {
        let column = key.name().and_then(|name| table.column(name));
        column.map_or(table.rows / 10.0, |column| column.distinct_of(table.rows))
    };
    keys.sort_by(|a, b| values(b).total_cmp(&values(a)).then_with(|| a.cmp(b)));
    keys.dedup();
    keys
}

/// A column, also below a cast that changes nothing, or else an expression.
#[must_use]
pub fn what(side: &Side, table: &Table) -> What {
    let relabelled = || {
        let name = side.column_as_text()?;
        table.column(name).filter(|column| column.typname == "varchar").map(|_| name)
    };
    match side.column().or_else(relabelled) {
        Some(name) => What::Column(name.to_owned()),
        None => What::Expression(side.expr.to_string()),
    }
}

/// Ascending where that, read backwards, is the same.
fn ordered(order: &Order, table: &Table) -> Vec<Key> {
    let is_reverse =
        order.keys.iter().all(|(_, is_descending, nulls_first)| *is_descending && *nulls_first);
    let keys = order.keys.iter().map(|(side, is_descending, nulls_first)| Key {
        what: what(side, table),
        opclass: None,
        is_descending: *is_descending && !is_reverse,
        nulls_first: *nulls_first && !is_reverse,
    });
    keys.collect()
}
