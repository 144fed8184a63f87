//! Whether rows stay small enough for a b-tree: an entry has at most a third of a page, 2,704 bytes (`BTMaxItemSize` in
//! PostgreSQL's `nbtree.h`). With more, the index cannot be built, and once it is there no such row can be written.
//!
//! What statistics say of widths is no bound: a value that is stored out of line counts with the 18 bytes of its address.

use std::ops::ControlFlow;

use sqlparser::ast::{Expr, visit_expressions};

use crate::advise::catalog::{Column, Table};
use crate::advise::definition::{Definition, Key, Method, What};
use crate::advise::plan::{functions, parse_expression};

/// Bytes of an entry at most. It is less than PostgreSQL takes: a letter has up to four bytes.
const MOST_OF_AN_ENTRY: f64 = 2_000.0;

/// Letters up to which a declared length is a bound.
const MOST_DECLARED: f64 = 500.0;

/// Bytes up to which a value is short: names, codes, numbers.
const SHORT: f64 = 64.0;

/// Bytes from which on a column without a bound is none to search by.
const LONG: f64 = 400.0;

/// From this share of nulls on, statistics may know no value of a column though they are short.
const NEARLY_NULL: f64 = 0.99;

/// Functions whose result is as long as what they get.
const KEEPING: [&str; 11] = [
    "lower",
    "upper",
    "initcap",
    "btrim",
    "ltrim",
    "rtrim",
    "reverse",
    "unaccent",
    "coalesce",
    "normalize",
    "concat",
];

/// Whether no row of the table is likely to be too big for it.
#[must_use]
pub fn fits(definition: &Definition, table: &Table) -> bool {
    if definition.method == Method::Gin {
        return true;
    }
    let keys = definition.keys.iter().map(|key| of_key(key, table));
    let carried =
        definition.includes.iter().map(|name| table.column(name).and_then(|c| carried(c, table)));
    let all: Option<f64> = keys.chain(carried).sum();
    all.is_some_and(|bytes| bytes <= MOST_OF_AN_ENTRY)
}

/// Columns in it of which a row could come that is too big.
#[must_use]
pub fn without_bound<'a>(definition: &'a Definition, table: &Table) -> Vec<&'a str> {
    if definition.method != Method::Btree {
        return Vec::new();
    }
    let has_none = |name: &&str| table.column(name).is_some_and(|column| bound(column).is_none());
    let keys = definition.keys.iter().filter_map(Key::name).filter(|_| table.is_toasted);
    keys.chain(definition.includes.iter().map(String::as_str)).filter(has_none).collect()
}

/// Bytes that any value has at most; `None` if the type sets no bound.
fn bound(column: &Column) -> Option<f64> {
    if !column.is_variable {
        return Some(column.width);
    }
    match column.base.as_str() {
        "varchar" | "bpchar" => column.most_letters.filter(|letters| *letters <= MOST_DECLARED),
        "numeric" | "inet" | "cidr" | "int4range" | "int8range" | "numrange" | "tsrange"
        | "tstzrange" | "daterange" => Some(column.width.max(SHORT)),
        _ => None,
    }
}

/// Bytes of a column that is carried along; `None` if it had better not be.
fn carried(column: &Column, table: &Table) -> Option<f64> {
    let is_short = || {
        is_text(column)
            && !table.is_toasted
            && column.longest.is_some_and(|longest| longest <= SHORT)
    };
    bound(column).or_else(|| is_short().then_some(SHORT))
}

/// Bytes of a key; `None` if it is too long for one.
fn of_key(key: &Key, table: &Table) -> Option<f64> {
    match &key.what {
        What::Column(name) => of_searched(table.column(name)?),
        What::Expression(text) => (!is_long(text, table)).then_some(SHORT),
    }
}

fn of_searched(column: &Column) -> Option<f64> {
    let known = column.longest.unwrap_or(SHORT).max(column.width);
    let has_only_long = column.longest.is_none()
        && column.distinct.is_some()
        && column.null_share < NEARLY_NULL
        && (is_text(column) || matches!(column.base.as_str(), "bytea" | "jsonb"));
    bound(column).or_else(|| (!has_only_long && known <= LONG).then_some(known))
}

/// An expression that gives the whole of a long text.
fn is_long(text: &str, table: &Table) -> bool {
    let Some(expr) = parse_expression(text) else { return true };
    let names = functions(text).unwrap_or_default();
    let is_whole = names.iter().all(|name| KEEPING.contains(&name.to_lowercase().as_str()));
    let found = visit_expressions(&expr, |e| match e {
        Expr::Substring { .. } | Expr::Extract { .. } | Expr::Position { .. } => {
            ControlFlow::Break(false)
        }
        Expr::Identifier(name) => match table.column(&name.value) {
            Some(column) if is_text(column) && of_searched(column).is_none() => {
                ControlFlow::Break(true)
            }
            _ => ControlFlow::Continue(()),
        },
        _ => ControlFlow::Continue(()),
    });
    is_whole && found == ControlFlow::Break(true)
}

fn is_text(column: &Column) -> bool {
    matches!(column.base.as_str(), "text" | "varchar" | "bpchar" | "citext")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(name: &str, longest: Option<f64>) -> Column {
        Column {
            name: name.to_owned(),
            base: "text".to_owned(),
            width: 18.0,
            is_variable: true,
            distinct: Some(1e4),
            longest,
            ..Column::default()
        }
    }

    fn varchar(name: &str, most_letters: f64) -> Column {
        let most_letters = Some(most_letters);
        Column { base: "varchar".to_owned(), most_letters, ..text(name, Some(9.0)) }
    }

    fn doc(is_toasted: bool) -> Table {
        let jsonb = Column { base: "jsonb".to_owned(), ..text("payload", Some(30.0)) };
        let columns = vec![
            Column { name: "customer".to_owned(), width: 4.0, ..Column::default() },
            text("name", Some(40.0)),
            text("url", Some(300.0)),
            text("body", None),
            varchar("code", 60.0),
            varchar("more", 500.0),
            varchar("again", 500.0),
            varchar("rest", 500.0),
            varchar("last", 500.0),
            varchar("essay", 4_000.0),
            jsonb,
        ];
        Table { columns, is_toasted, ..Table::default() }
    }

    fn on(keys: &[&str], includes: &[&str]) -> Definition {
        let includes = includes.iter().map(|name| (*name).to_owned()).collect();
        let keys = keys.iter().map(|name| Key::column(name)).collect();
        Definition { includes, ..Definition::btree(1, keys) }
    }

    #[test]
    fn what_has_no_bound_is_carried_only_where_all_that_is_known_of_it_is_short() {
        let (short, toasted) = (doc(false), doc(true));
        assert!(fits(&on(&["customer"], &["name", "code"]), &short));
        assert!(fits(&on(&["customer"], &["code"]), &toasted), "its length is declared");
        assert!(!fits(&on(&["customer"], &["name"]), &toasted), "something is out of line");
        for column in ["url", "body", "payload"] {
            assert!(!fits(&on(&["customer"], &[column]), &short), "{column}");
        }
        assert!(fits(&on(&["customer"], &["essay"]), &short), "short so far");
        assert!(!fits(&on(&["customer"], &["essay"]), &toasted), "4,000 letters are no bound");
    }

    #[test]
    fn keys_and_carried_columns_share_one_entry() {
        let table = doc(false);
        assert!(fits(&on(&["more", "again"], &["rest"]), &table));
        assert!(!fits(&on(&["more", "again", "code"], &["rest", "last"]), &table));
    }

    #[test]
    fn a_long_text_is_no_key_but_what_is_made_of_it_may_be() {
        let table = doc(true);
        let is_key = |text: &str| {
            fits(&Definition::btree(1, vec![Key::of(What::Expression(text.to_owned()))]), &table)
        };
        assert!(fits(&on(&["url"], &[]), &table) && fits(&on(&["payload"], &[]), &table));
        assert!(!fits(&on(&["body"], &[]), &table));
        for text in ["lower(url)", "md5(body)", "\"left\"(body, 10)", "length(lower(body))"] {
            assert!(is_key(text), "{text}");
        }
        for text in ["lower(body)", "(body)::citext", "COALESCE(body, name)"] {
            assert!(!is_key(text), "{text}");
        }
        let sparse = Column { null_share: 0.999, ..text("body", None) };
        let table = Table { columns: vec![sparse], ..Table::default() };
        assert!(fits(&on(&["body"], &[]), &table), "nothing is known of it");
    }

    #[test]
    fn columns_of_which_a_value_could_be_too_long_are_told() {
        let definition = on(&["url", "customer", "code"], &["name"]);
        assert_eq!(without_bound(&definition, &doc(true)), ["url", "name"]);
        assert_eq!(without_bound(&definition, &doc(false)), ["name"]);
        assert!(without_bound(&on(&["customer"], &["code"]), &doc(true)).is_empty());
    }
}
