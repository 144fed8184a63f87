//! Whether an index that is there is the one that was suggested, whatever it is called.

use core::ops::ControlFlow;

use sqlparser::ast::{Expr, visit_expressions_mut};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::Parser;

use crate::advise::catalog::{Catalog, Index, IndexKey, Kind, Table};
use crate::advise::definition::{Definition, Key, What, quote};

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
    let same_rows = match (&definition.predicate, &index.predicate) {
        (None, None) => true,
        (Some(a), Some(b)) => is_same_expression(a, b),
        _ => false,
    };
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
        What::Expression(text) => there.column.is_none() && is_same_expression(text, &there.sql),
    };
    same_thing && key.opclass == there.opclass
}

/// Parentheses, spaces and the case of words aside; where sqlparser cannot read one of them, spaces
/// alone.
fn is_same_expression(a: &str, b: &str) -> bool {
    match (plain(a), plain(b)) {
        (Some(a), Some(b)) => a == b,
        _ => a.split_whitespace().eq(b.split_whitespace()),
    }
}

fn plain(text: &str) -> Option<Expr> {
    let dialect = PostgreSqlDialect {};
    let mut parser = Parser::new(&dialect).try_with_sql(text).ok()?;
    let mut expression = parser.parse_expr().ok()?;
    if parser.peek_token().token != sqlparser::tokenizer::Token::EOF {
        return None;
    }
    let _whole = visit_expressions_mut(&mut expression, |inner| {
        while let Expr::Nested(within) = inner {
            *inner = (**within).clone();
        }
        ControlFlow::<()>::Continue(())
    });
    Some(expression)
}
