//! What a cast does to an index on the column below it.
//!
//! An index serves a comparison of its own type's family. A cast that only gives the same bytes another
//! name (`RelabelType` in PostgreSQL's `match_clause_to_indexcol`, `indxpath.c`) is seen through, if the
//! family stays the same; every other cast is a function, and the index knows nothing of its results.

use sqlparser::ast::{CastKind, DataType, Expr};

use crate::advise::catalog::{Column, Index, Table};
use crate::advise::plan::{Side, parse_expression};

/// What one side of a join is of its table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// A column, as far as an index on it is concerned.
    Column(String),
    /// A column below a cast that no index on it serves.
    Cast {
        /// The column.
        column: String,
        /// To which type, as SQL.
        to: String,
    },
    /// Anything else, such as a function of a column.
    Other,
}

/// What a side is of this table.
pub(super) fn reach(side: &Side, table: &Table) -> Reach {
    let mut expr = &side.expr;
    let mut types: Vec<&DataType> = Vec::new();
    let name = loop {
        match expr {
            Expr::Nested(inner) => expr = inner,
            Expr::Cast { kind: CastKind::DoubleColon, expr: inner, data_type, .. } => {
                types.push(data_type);
                expr = inner;
            }
            Expr::Identifier(name) => break &name.value,
            _ => return Reach::Other,
        }
    };
    let Some(column) = table.column(name) else { return Reach::Other };
    // Of arrays and rows nobody joins by accident.
    if column.base.starts_with('_') {
        return Reach::Other;
    }
    let mut now = column.base.clone();
    for to in types.iter().rev() {
        let next = canonical(&to.to_string());
        if !is_relabelling(&now, &next) {
            let to = types.first().map_or(next, |last| last.to_string().to_lowercase());
            return Reach::Cast { column: name.clone(), to };
        }
        now = next;
    }
    Reach::Column(name.clone())
}

/// The name in pg_type of a type as SQL prints it; with its length, if it has one.
fn canonical(printed: &str) -> String {
    let printed = printed.to_lowercase();
    let name = match printed.as_str() {
        "character varying" => "varchar",
        "integer" | "int" => "int4",
        "bigint" => "int8",
        "smallint" => "int2",
        "double precision" => "float8",
        "real" => "float4",
        "boolean" => "bool",
        "timestamp without time zone" | "timestamp" => "timestamp",
        "timestamp with time zone" => "timestamptz",
        "time without time zone" => "time",
        "time with time zone" => "timetz",
        "bit varying" => "varbit",
        other => other,
    };
    name.to_owned()
}

/// Whether an index on the first serves what is compared as the second.
fn is_relabelling(from: &str, to: &str) -> bool {
    let is_text = |name: &str| matches!(name, "text" | "varchar");
    from == to || (is_text(from) && is_text(to)) || (from == "cidr" && to == "inet")
}

/// Whether an index serves equalities of all rows.
fn serves(index: &Index) -> bool {
    let is_equal = matches!(index.method.as_str(), "btree" | "hash");
    is_equal && index.is_valid && index.predicate.is_none()
}

/// Whether an index begins with this column.
pub(super) fn is_indexed(table: &Table, column: &str) -> bool {
    index_on(table, column).is_some()
}

/// The name of an index that begins with this column.
pub(super) fn index_on<'a>(table: &'a Table, column: &str) -> Option<&'a str> {
    let begins = |first: Option<&str>| first == Some(column);
    let mut found = table.indexes.iter().filter(|index| serves(index));
    let found = found.find(|index| begins(index.keys.first().and_then(|k| k.column.as_deref())));
    found.map(|index| index.name.as_str())
}

/// Whether an index begins with the very expression that is compared.
pub(super) fn is_indexed_as(table: &Table, side: &Side) -> bool {
    let wanted = plain(&side.expr);
    let first = table.indexes.iter().filter(|index| serves(index));
    let mut first = first.filter_map(|index| parse_expression(&index.keys.first()?.sql));
    first.any(|key| plain(&key) == wanted)
}

/// Without the parentheses that printing puts in.
fn plain(expr: &Expr) -> Expr {
    let mut expr = expr.clone();
    let _ = sqlparser::ast::visit_expressions_mut(&mut expr, |e| {
        while let Expr::Nested(inner) = e {
            *e = (**inner).clone();
        }
        std::ops::ControlFlow::<()>::Continue(())
    });
    while let Expr::Nested(inner) = expr {
        expr = *inner;
    }
    expr
}

/// A column's type as SQL has it.
pub(super) fn type_of(table: &Table, column: &str) -> Option<String> {
    table.column(column).map(|Column { kind, .. }| kind.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advise::catalog::IndexKey;
    use crate::advise::plan::{Condition, conjuncts};

    fn table(base: &str) -> Table {
        let column = Column { name: "id".into(), base: base.into(), ..Column::default() };
        Table { columns: vec![column], ..Table::default() }
    }

    fn side(printed: &str) -> Side {
        let found = conjuncts(&format!("({printed} = b.ref)")).pop();
        let Some(Condition::Joined { left, .. }) = found else { panic!("{printed}: {found:?}") };
        left
    }

    fn is_cast(base: &str, printed: &str) -> bool {
        match reach(&side(printed), &table(base)) {
            Reach::Column(_) => false,
            Reach::Cast { .. } => true,
            Reach::Other => panic!("{printed}"),
        }
    }

    #[test]
    fn a_cast_that_changes_the_value_is_one_and_another_name_for_the_same_is_none() {
        for (base, printed) in [
            ("int8", "(a.id)::text"),
            ("int4", "(a.id)::numeric"),
            ("numeric", "(a.id)::double precision"),
            ("text", "(a.id)::bigint"),
            ("bpchar", "(a.id)::text"),
            ("varchar", "(a.id)::bpchar"),
            ("citext", "(a.id)::text"),
            ("uuid", "(a.id)::text"),
            ("text", "((a.id)::character varying(20))::text"),
            ("timestamp", "(a.id)::date"),
            ("int4", "(a.id)::oid"),
        ] {
            assert!(is_cast(base, printed), "{base} {printed}");
        }
        for (base, printed) in [
            ("int8", "a.id"),
            ("varchar", "(a.id)::text"),
            ("text", "((a.id)::character varying)::text"),
            ("cidr", "(a.id)::inet"),
            // Of domains.
            ("int4", "(a.id)::integer"),
            ("text", "(a.id)::text"),
            ("time", "(a.id)::time without time zone"),
            ("timetz", "(a.id)::time with time zone"),
            ("timestamptz", "(a.id)::timestamp with time zone"),
            ("varbit", "(a.id)::bit varying"),
        ] {
            assert!(!is_cast(base, printed), "{base} {printed}");
        }
        assert_eq!(reach(&side("lower(a.id)"), &table("text")), Reach::Other);
    }

    #[test]
    fn an_index_on_the_very_cast_serves_it() {
        let mut table = table("int8");
        let index = |sql: &str| Index {
            is_valid: true,
            method: "btree".into(),
            keys: vec![IndexKey { sql: sql.into(), ..IndexKey::default() }],
            ..Index::default()
        };
        table.indexes = vec![index("((id)::numeric)")];
        assert!(!is_indexed_as(&table, &side("(a.id)::text")));
        table.indexes = vec![index("((id)::text)")];
        assert!(is_indexed_as(&table, &side("(a.id)::text")));
        let part = Index { predicate: Some("id > 5".into()), ..index("((id)::text)") };
        let other = Index { method: "brin".into(), ..index("((id)::text)") };
        for index in [part, other] {
            table.indexes = vec![index];
            assert!(!is_indexed_as(&table, &side("(a.id)::text")));
        }
    }
}
