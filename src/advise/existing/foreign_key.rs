//! Foreign keys, and the indexes by which PostgreSQL finds the children of a row that is deleted.

use std::collections::BTreeSet;

use sqlparser::ast::{BinaryOperator, Expr};

use super::{Existing, Inventory, Owner};
use crate::advise::plan::parse_expression;

/// A foreign key.
#[derive(Clone, Debug, Default)]
pub struct ForeignKey {
    /// Its name.
    pub name: String,
    /// The table that points.
    pub table: u32,
    /// Its columns.
    pub columns: Vec<String>,
    /// Oid of the table pointed to.
    pub parent: u32,
    /// Its name.
    pub parent_name: String,
    /// The columns pointed to.
    pub parent_columns: Vec<String>,
    /// Rows deleted from there since the server counts.
    pub deletes: f64,
}

impl ForeignKey {
    /// Whether an index with this predicate holds all children: at most it leaves out those that have a null in one of the
    /// key's columns, as such a row points to nothing.
    fn is_whole_within(&self, predicate: &str) -> bool {
        parse_expression(predicate).is_some_and(|expression| self.leaves_out_nulls(&expression))
    }

    fn leaves_out_nulls(&self, expression: &Expr) -> bool {
        match expression {
            Expr::Nested(within) => self.leaves_out_nulls(within),
            Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
                self.leaves_out_nulls(left) && self.leaves_out_nulls(right)
            }
            Expr::IsNotNull(column) => match &**column {
                // PostgreSQL quotes every name that is not in lower case.
                Expr::Identifier(name) => self.columns.contains(&name.value),
                _ => false,
            },
            _ => false,
        }
    }
}

impl Existing {
    /// Whether the children of a row of the foreign key's parent are found by it.
    #[must_use]
    pub fn serves(&self, key: &ForeignKey) -> bool {
        let is_able = self.table == key.table
            && self.is_valid
            && matches!(self.method.as_str(), "btree" | "hash");
        let leads = || {
            let leading = self.columns().take(key.columns.len()).flatten();
            leading.collect::<BTreeSet<&str>>() == key.columns.iter().map(String::as_str).collect()
        };
        is_able && leads() && self.predicate.as_ref().is_none_or(|only| key.is_whole_within(only))
    }
}

impl Inventory {
    /// Foreign keys whose children would be found by no index any more, if this one and its parts went too.
    #[must_use]
    pub fn orphaned(&self, index: &Existing, gone: &BTreeSet<u32>) -> Vec<&ForeignKey> {
        let going = self.with_parts([index.oid]);
        let (going, staying): (Vec<&Existing>, Vec<&Existing>) = self
            .indexes
            .iter()
            .filter(|other| !gone.contains(&other.oid))
            .partition(|other| going.contains(&other.oid));
        let is_served =
            |by: &[&Existing], key: &ForeignKey| by.iter().any(|other| other.serves(key));
        self.foreign_keys
            .iter()
            .filter(|key| is_served(&going, key) && !is_served(&staying, key))
            .collect()
    }

    /// Whether PostgreSQL looks for the children of this key's parents: rows are deleted there, or
    /// updates set the columns that are pointed to.
    #[must_use]
    pub fn is_followed(&self, key: &ForeignKey) -> bool {
        let sets = self.sets.get(&key.parent_name);
        let is_deleted_from = |owner: &Owner| owner.is_deleted_from || owner.writes.deletes > 0.0;
        key.deletes > 0.0
            || self.owners.get(&key.parent).is_some_and(is_deleted_from)
            || sets
                .is_some_and(|sets| key.parent_columns.iter().any(|column| sets.contains(column)))
    }
}
