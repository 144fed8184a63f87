//! Indexes of other kinds: partial ones, for patterns, for parts of documents and arrays, for big
//! tables in the order of their growth.

use std::collections::BTreeSet;

use sqlparser::ast::{Expr, Value};

use super::terms::what;
use super::{Allowed, Terms};
use crate::advise::catalog::{Catalog, Column, Table};
use crate::advise::definition::{Definition, Key, Method, What, quote};
use crate::advise::plan::{Condition, Operator, Side, Use};

/// Rows that a partial index holds at most, as a share.
const PARTIAL_SHARE: f64 = 0.25;

/// Values of a column that is a state.
const STATES: f64 = 30.0;

/// From so many blocks on a BRIN is worth a thought.
const BRIN_PAGES: f64 = 5_000.0;

/// How well a column must follow the order of the table for that.
const BRIN_CORRELATION: f64 = 0.95;

/// Adds the candidates for one relation.
pub fn candidates(
    usage: &Use,
    table: &Table,
    catalog: &Catalog,
    allowed: &Allowed,
    terms: &Terms,
    found: &mut BTreeSet<Definition>,
) {
    for condition in &usage.conditions {
        if let Condition::Compared { side, operator, value } = condition {
            match operator {
                Operator::Like | Operator::ILike => {
                    pattern(side, *operator, value.as_ref(), table, catalog, found);
                }
                Operator::Contains | Operator::ContainedBy => {
                    gin(side, *operator, table, catalog, found);
                }
                Operator::Range => brin(side, table, found),
                _ => {}
            }
        }
        if let Some((predicate, own)) = predicate(condition, table, allowed) {
            partial(&predicate, own.as_ref(), terms, usage, table, found);
        }
    }
    let within = usage.conditions.iter().filter_map(|condition| match condition {
        Condition::Within(side) => Some(side.expr.to_string()),
        _ => None,
    });
    let within: BTreeSet<String> = within.collect();
    let together = within.iter().cloned().collect::<Vec<_>>().join(" and ");
    for predicate in within.into_iter().chain([together]).filter(|sql| !sql.is_empty()) {
        partial(&predicate, None, terms, usage, table, found);
    }
}

/// `like 'x%'` needs an order by bytes, `like '%x%'` and `ilike` the trigrams of pg_trgm.
fn pattern(
    side: &Side,
    operator: Operator,
    value: Option<&Expr>,
    table: &Table,
    catalog: &Catalog,
    found: &mut BTreeSet<Definition>,
) {
    let What::Column(name) = what(side, table) else { return };
    let Some(column) = table.column(&name) else { return };
    let literal = value.and_then(literal);
    let is_anchored = literal.is_some_and(|text| !text.starts_with(['%', '_']));
    if operator == Operator::Like && is_anchored {
        let opclass = match column.typname.as_str() {
            "text" => "text_pattern_ops",
            "varchar" => "varchar_pattern_ops",
            "bpchar" => "bpchar_pattern_ops",
            _ => return,
        };
        let opclass = (!column.is_bytewise).then(|| opclass.to_owned());
        found.insert(Definition::btree(table.oid, vec![Key { opclass, ..Key::column(&name) }]));
    } else if let Some(schema) = &catalog.trigrams
        && matches!(column.base.as_str(), "text" | "varchar")
    {
        let opclass = Some(format!("{}.gin_trgm_ops", quote(schema)));
        let keys = vec![Key { opclass, ..Key::column(&name) }];
        found.insert(Definition { method: Method::Gin, ..Definition::btree(table.oid, keys) });
    }
}

fn literal(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) => Some(text),
            _ => None,
        },
        Expr::Cast { expr, .. } | Expr::Nested(expr) => literal(expr),
        _ => None,
    }
}

/// What the default operator classes serve (PostgreSQL's manual, chapter 70.2): those of documents and texts have no `<@`, and
/// intarray's operators on arrays of integers are not those of the default class.
fn gin(
    side: &Side,
    operator: Operator,
    table: &Table,
    catalog: &Catalog,
    found: &mut BTreeSet<Definition>,
) {
    let What::Column(name) = what(side, table) else { return };
    let fits = |column: &Column| match column.typname.as_str() {
        "jsonb" | "tsvector" => operator == Operator::Contains,
        "_int4" => !catalog.extensions.iter().any(|extension| extension == "intarray"),
        _ => column.kind.ends_with("[]"),
    };
    if table.column(&name).is_some_and(fits) {
        let keys = vec![Key::column(&name)];
        found.insert(Definition { method: Method::Gin, ..Definition::btree(table.oid, keys) });
    }
}

fn brin(side: &Side, table: &Table, found: &mut BTreeSet<Definition>) {
    let What::Column(name) = what(side, table) else { return };
    let follows = |column: &Column| {
        column.correlation.is_some_and(|correlation| correlation.abs() >= BRIN_CORRELATION)
    };
    if table.pages >= BRIN_PAGES && table.column(&name).is_some_and(follows) {
        let keys = vec![Key::column(&name)];
        found.insert(Definition { method: Method::Brin, ..Definition::btree(table.oid, keys) });
    }
}

/// What few rows fulfil, as SQL (a state that may be named, a flag, a null), and the column that it
/// makes needless as a key.
fn predicate(
    condition: &Condition,
    table: &Table,
    allowed: &Allowed,
) -> Option<(String, Option<What>)> {
    let (side, share, sql) = match condition {
        Condition::Flag { side, is } => {
            let value = if *is { "t" } else { "f" };
            let column = table.column(side.column()?)?;
            let name = quote(&column.name);
            let sql = if *is { name } else { format!("not {name}") };
            (side, share_of(column, value, table), sql)
        }
        Condition::Compared { side, operator: Operator::Null, .. } => {
            let column = table.column(side.column()?)?;
            (side, column.null_share, format!("{} is null", quote(&column.name)))
        }
        Condition::Compared { side, operator: Operator::NotNull, .. } => {
            let column = table.column(side.column()?)?;
            (side, 1.0 - column.null_share, format!("{} is not null", quote(&column.name)))
        }
        Condition::Compared { side, operator: Operator::Equal, value: Some(value) } => {
            let What::Column(name) = what(side, table) else { return None };
            let column = table.column(&name)?;
            let may_be_named = allowed.names(&table.name, &column.name);
            let is_enumerated = column.distinct.is_some_and(|distinct| distinct <= STATES);
            let text = literal(value).filter(|_| may_be_named && is_enumerated)?;
            let sql = format!("{} = '{}'", quote(&column.name), text.replace('\'', "''"));
            (side, share_of(column, text, table), sql)
        }
        _ => return None,
    };
    (share <= PARTIAL_SHARE).then(|| (sql, Some(what(side, table))))
}

fn share_of(column: &Column, value: &str, table: &Table) -> f64 {
    match column.common.iter().find(|(common, _)| common == value) {
        Some((_, share)) => *share,
        None if column.common.is_empty() => 1.0 / column.distinct_of(table.rows),
        None => (1.0 - column.common.iter().map(|(_, share)| share).sum::<f64>()).max(0.0),
    }
}

/// The other things that are asked, over the rows that fulfil the predicate.
fn partial(
    predicate: &str,
    own: Option<&What>,
    terms: &Terms,
    usage: &Use,
    table: &Table,
    found: &mut BTreeSet<Definition>,
) {
    let is_other = |key: &&Key| Some(&key.what) != own;
    let others: Vec<Key> = terms.equal.iter().filter(is_other).cloned().collect();
    let mut lists: Vec<Vec<Key>> = vec![others.clone()];
    lists.extend(others.iter().map(|key| vec![key.clone()]));
    for tail in terms.orders.iter().chain(&terms.joins) {
        lists.push(tail.clone());
        lists.push(super::joined(&others, tail));
    }
    for range in terms.ranges.iter().filter(is_other) {
        lists.push(vec![range.clone()]);
        lists.push(super::joined(&others, std::slice::from_ref(range)));
    }
    if lists.iter().all(Vec::is_empty) {
        // Nothing else is asked: the few rows themselves, in the order of their key if there is one.
        let key = table.indexes.iter().find(|index| index.is_primary);
        let key = key.and_then(|index| index.keys.first()?.column.clone());
        let own = own.and_then(|what| Key::of(what.clone()).name().map(str::to_owned));
        lists.extend(key.or(own).map(|name| vec![Key::column(&name)]));
    }
    for keys in lists {
        let keys: Vec<Key> =
            keys.into_iter().filter(|key| is_other(&key)).take(super::MOST_KEYS).collect();
        if !keys.is_empty() && keys.iter().all(|key| super::can_be_key(key, table)) {
            let predicate = Some(predicate.to_owned());
            let definition = Definition { predicate, ..Definition::btree(table.oid, keys) };
            found.extend(super::covering(&definition, usage, table));
            found.insert(definition);
        }
    }
}
