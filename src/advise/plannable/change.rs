//! What a statement changes: every row that it writes is written to the indexes, too, rows that it
//! deletes make foreign keys be checked, columns that it sets end HOT updates once they are indexed.

use std::collections::BTreeSet;

use sqlparser::ast::{
    AssignmentTarget, CopySource, FromTable, ObjectName, Statement, TableFactor, TableObject,
    TableWithJoins,
};

/// What a statement changes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Change {
    /// It adds rows to this table.
    Inserts(String),
    /// It deletes rows of this table.
    Deletes(String),
    /// It sets these columns of this table.
    Sets(String, BTreeSet<String>),
}

/// What is changed at the top of a statement; a change within a `with` is not looked at.
pub fn of(statement: &Statement) -> Option<Change> {
    match statement {
        Statement::Insert(insert) => match &insert.table {
            TableObject::TableName(name) => Some(Change::Inserts(last(name)?)),
            _ => None,
        },
        Statement::Copy { source: CopySource::Table { table_name, .. }, to: false, .. } => {
            Some(Change::Inserts(last(table_name)?))
        }
        Statement::Delete(delete) => {
            let (FromTable::WithFromKeyword(from) | FromTable::WithoutKeyword(from)) = &delete.from;
            Some(Change::Deletes(table(from.first()?)?))
        }
        Statement::Update(update) => {
            let mut columns = BTreeSet::new();
            for assignment in &update.assignments {
                match &assignment.target {
                    AssignmentTarget::ColumnName(name) => columns.extend(last(name)),
                    AssignmentTarget::Tuple(names) => columns.extend(names.iter().filter_map(last)),
                }
            }
            Some(Change::Sets(table(&update.table)?, columns))
        }
        _ => None,
    }
}

fn table(from: &TableWithJoins) -> Option<String> {
    match &from.relation {
        TableFactor::Table { name, .. } => last(name),
        _ => None,
    }
}

/// The name without what stands before it, as the catalog has it.
fn last(name: &ObjectName) -> Option<String> {
    let ident = name.0.last()?.as_ident()?;
    let is_quoted = ident.quote_style.is_some();
    Some(if is_quoted { ident.value.clone() } else { ident.value.to_lowercase() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advise::plannable::rewrite::parse;

    fn change(text: &str) -> Option<Change> {
        parse(text).as_ref().and_then(of)
    }

    #[test]
    fn the_table_and_its_columns_are_named_as_the_catalog_names_them() {
        let set = |table: &str, columns: &[&str]| {
            Change::Sets(table.into(), columns.iter().map(ToString::to_string).collect())
        };
        let text = "update public.Stock_Quant q set Reserved = $1, (a, b) = ($2, $3) where id = $4";
        assert_eq!(change(text), Some(set("stock_quant", &["a", "b", "reserved"])));
        assert_eq!(change("delete from \"C_Order\""), Some(Change::Deletes("C_Order".into())));
        assert_eq!(change("insert into A.b values ($1)"), Some(Change::Inserts("b".into())));
        assert_eq!(change("copy b (c) from stdin"), Some(Change::Inserts("b".into())));
        assert_eq!(change("copy b to stdout"), None);
        assert_eq!(change("select 1"), None);
    }
}
