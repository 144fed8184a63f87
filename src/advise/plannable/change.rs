//! What a statement changes: every row that it writes is written to the indexes, too, rows that it
//! deletes make foreign keys be checked, columns that it sets end HOT updates once they are indexed.

use std::collections::BTreeSet;

use sqlparser::ast::{
    AssignmentTarget, CopySource, FromTable, ObjectName, ObjectNamePart, Statement, TableFactor,
    TableObject, TableWithJoins,
};

/// A table as a statement names it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target {
    /// Its schema, if that is written.
    pub schema: Option<String>,
    /// Its name.
    pub name: String,
}

/// What a statement changes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Change {
    /// It adds rows to this table.
    Inserts(Target),
    /// It deletes rows of this table.
    Deletes(Target),
    /// It sets these columns of this table.
    Sets(Target, BTreeSet<String>),
}

/// What is changed at the top of a statement; a change within a `with` is not looked at.
pub fn of(statement: &Statement) -> Option<Change> {
    match statement {
        Statement::Insert(insert) => match &insert.table {
            TableObject::TableName(name) => Some(Change::Inserts(target(name)?)),
            _ => None,
        },
        Statement::Copy { source: CopySource::Table { table_name, .. }, to: false, .. } => {
            Some(Change::Inserts(target(table_name)?))
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

fn table(from: &TableWithJoins) -> Option<Target> {
    match &from.relation {
        TableFactor::Table { name, .. } => target(name),
        _ => None,
    }
}

fn target(name: &ObjectName) -> Option<Target> {
    let schema = name.0.len().checked_sub(2).and_then(|at| name.0.get(at));
    Some(Target { schema: schema.and_then(plain), name: last(name)? })
}

/// The name without what stands before it.
fn last(name: &ObjectName) -> Option<String> {
    name.0.last().and_then(plain)
}

/// As the catalog has it.
fn plain(part: &ObjectNamePart) -> Option<String> {
    let ident = part.as_ident()?;
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
        let target = |schema: &str, name: &str| Target {
            schema: Some(schema.to_owned()).filter(|schema| !schema.is_empty()),
            name: name.to_owned(),
        };
        let set = |table, columns: &[&str]| {
            Change::Sets(table, columns.iter().map(ToString::to_string).collect())
        };
        let text = "update public.Stock_Quant q set Reserved = $1, (a, b) = ($2, $3) where id = $4";
        assert_eq!(
            change(text),
            Some(set(target("public", "stock_quant"), &["a", "b", "reserved"]))
        );
        assert_eq!(change("delete from \"C_Order\""), Some(Change::Deletes(target("", "C_Order"))));
        assert_eq!(change("insert into A.b values ($1)"), Some(Change::Inserts(target("a", "b"))));
        assert_eq!(change("copy b (c) from stdin"), Some(Change::Inserts(target("", "b"))));
        assert_eq!(change("copy b to stdout"), None);
        assert_eq!(change("select 1"), None);
    }
}
