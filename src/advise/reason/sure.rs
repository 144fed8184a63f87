//! Which indexes PostgreSQL is sure to take, when nobody can be asked: an expression in an index has to be
//! immutable, and many that look so depend on the session's time zone or date style.

use std::ops::ControlFlow;

use sqlparser::ast::{DataType, Expr, Ident, Value, visit_expressions};

use crate::advise::catalog::Table;
use crate::advise::definition::{Definition, What};
use crate::advise::plan::parse_expression;

/// Whether every expression of it is immutable for certain. Functions have been looked at before: at least
/// one form of each is.
#[must_use]
pub fn is_surely_taken(definition: &Definition, table: &Table) -> bool {
    let keys = definition.keys.iter().filter_map(|key| match &key.what {
        What::Column(_) => None,
        What::Expression(text) => Some(text),
    });
    keys.chain(&definition.predicate).all(|text| is_immutable(text, table))
}

fn is_immutable(text: &str, table: &Table) -> bool {
    let Some(expr) = parse_expression(text) else { return false };
    let mut kinds: Vec<&str> = Vec::new();
    let found = visit_expressions(&expr, |e| match e {
        Expr::Identifier(name) => match kind(name, table) {
            // What is printed, compared or cut off of these depends on the session.
            None | Some("timestamptz" | "timetz") => ControlFlow::Break(()),
            Some(kind) => {
                kinds.push(kind);
                ControlFlow::Continue(())
            }
        },
        Expr::Cast { expr, data_type, .. } if !is_plain_cast(expr, data_type, table) => {
            ControlFlow::Break(())
        }
        Expr::Subquery(_) | Expr::AtTimeZone { .. } => ControlFlow::Break(()),
        Expr::Value(value) if matches!(value.value, Value::Placeholder(_)) => {
            ControlFlow::Break(())
        }
        _ => ControlFlow::Continue(()),
    });
    // A date against a time, a number against a text: the comparison may not be immutable.
    let is_mixed = matches!(expr, Expr::BinaryOp { .. })
        && kinds.iter().any(|kind| kinds.first() != Some(kind));
    found.is_continue() && !is_mixed
}

fn kind<'a>(name: &Ident, table: &'a Table) -> Option<&'a str> {
    table.column(&name.value).map(|column| column.typname.as_str())
}

/// A text as a text, a literal as what the planner has printed it to be, the day of a time without zone.
fn is_plain_cast(expr: &Expr, data_type: &DataType, table: &Table) -> bool {
    let mut inner = expr;
    while let Expr::Nested(nested) = inner {
        inner = nested;
    }
    let of = match inner {
        Expr::Value(_) => return !data_type.to_string().to_uppercase().contains("TIME ZONE"),
        Expr::Identifier(name) => kind(name, table),
        _ => None,
    };
    match data_type {
        DataType::Text => matches!(of, Some("text" | "varchar" | "bpchar")),
        DataType::Date => of == Some("timestamp"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advise::catalog::Column;
    use crate::advise::definition::Key;

    #[test]
    fn what_depends_on_the_session_or_on_a_parameter_is_not_sure() {
        let column = |name: &str, typname: &str| Column {
            name: name.into(),
            typname: typname.into(),
            ..Column::default()
        };
        let columns = vec![
            column("name", "varchar"),
            column("paid_at", "timestamptz"),
            column("made_at", "timestamp"),
            column("day", "date"),
            column("payload", "jsonb"),
        ];
        let table = Table { columns, ..Table::default() };
        let is_sure = |text: &str| {
            let keys = vec![Key::of(What::Expression(text.to_owned()))];
            is_surely_taken(&Definition::btree(1, keys), &table)
        };
        for text in ["lower(name)", "lower((name)::text)", "(made_at)::date", "(payload ->> 'k')"] {
            assert!(is_sure(text), "{text}");
        }
        for text in [
            "(paid_at)::date",
            "date_trunc('month', paid_at)",
            "(payload ->> $1)",
            "(day)::text",
            "(name)::date",
            "lower(gone)",
        ] {
            assert!(!is_sure(text), "{text}");
        }
    }
}
