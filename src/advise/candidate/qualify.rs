//! Names in expressions with their schemas. Plans are made with every schema in the search_path and so print names without one; who
//! runs the DDL may have another path, in which a name means nothing, or something else.

use std::ops::ControlFlow;

use sqlparser::ast::{
    ArrayElemTypeDef, DataType, Expr, Ident, ObjectName, ObjectNamePart, visit_expressions_mut,
};

use crate::advise::catalog::Catalog;
use crate::advise::definition::{Definition, What, quote};
use crate::advise::plan::parse_expression;

/// Written like functions, they are none, and always give the same for the same.
const SYNTAX: [&str; 4] = ["coalesce", "greatest", "least", "nullif"];

/// The schema that is in every path.
const OWN: &str = "pg_catalog";

/// The same, such that it means the same in every path; `None` if what a name means is not certain, or if a function is not
/// immutable: an index holds what it gave once, and PostgreSQL would refuse it, and log that.
pub(super) fn qualified(mut definition: Definition, catalog: &Catalog) -> Option<Definition> {
    for key in &mut definition.keys {
        if let What::Expression(text) = &mut key.what {
            *text = expression(text, catalog)?;
        }
    }
    Some(definition)
}

fn expression(text: &str, catalog: &Catalog) -> Option<String> {
    let mut expr = parse_expression(text)?;
    let mut is_changed = false;
    let visited = visit_expressions_mut(&mut expr, |e| {
        let changed = match e {
            Expr::Function(called) => function(&mut called.name, catalog),
            Expr::Cast { data_type, .. } => cast(data_type, catalog),
            _ => Some(false),
        };
        is_changed |= changed == Some(true);
        if changed.is_some() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    let text = if is_changed { expr.to_string() } else { text.to_owned() };
    visited.is_continue().then_some(text)
}

/// Whether the name was changed; `None` if it does not tell an immutable function.
fn function(name: &mut ObjectName, catalog: &Catalog) -> Option<bool> {
    let (schema, own) = parts(name)?;
    if schema.is_none() && SYNTAX.contains(&own.as_str()) {
        return Some(false);
    }
    let schemas = catalog.functions.get(&own)?;
    if let Some(schema) = schema {
        return schemas.get(&schema)?.then_some(false);
    }
    let (schema, is_immutable) = schemas.first_key_value().filter(|_| schemas.len() == 1)?;
    is_immutable.then(|| schema != OWN && put_before(name, schema))
}

fn cast(data_type: &mut DataType, catalog: &Catalog) -> Option<bool> {
    match data_type {
        DataType::Custom(name, _) => {
            let (schema, own) = parts(name)?;
            let Some(schemas) = catalog.types.get(&own).filter(|_| schema.is_none()) else {
                return Some(false);
            };
            let schema = schemas.first().filter(|_| schemas.len() == 1)?;
            Some(put_before(name, schema))
        }
        DataType::Array(ArrayElemTypeDef::SquareBracket(element, _)) => cast(element, catalog),
        _ => Some(false),
    }
}

/// Schema and name, as the catalog has them.
fn parts(name: &ObjectName) -> Option<(Option<String>, String)> {
    let folded = |part: &ObjectNamePart| {
        let Ident { value, quote_style, .. } = part.as_ident()?;
        Some(if quote_style.is_some() { value.clone() } else { value.to_lowercase() })
    };
    match name.0.as_slice() {
        [own] => Some((None, folded(own)?)),
        [schema, own] => Some((Some(folded(schema)?), folded(own)?)),
        _ => None,
    }
}

fn put_before(name: &mut ObjectName, schema: &str) -> bool {
    let is_plain = quote(schema) == schema;
    let ident = if is_plain { Ident::new(schema) } else { Ident::with_quote('"', schema) };
    name.0.insert(0, ObjectNamePart::Identifier(ident));
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalog() -> Catalog {
        let mut catalog = Catalog::default();
        for (name, schema, is_immutable) in [
            ("lower", OWN, true),
            ("now", OWN, false),
            ("substring", OWN, true),
            ("norm", "util", true),
            ("Fold", "My \"own\"", true),
            ("twice", "util", true),
            ("twice", "public", false),
            ("replace", OWN, true),
            ("replace", "public", true),
            ("drawn", "util", false),
        ] {
            let schemas = catalog.functions.entry(name.to_owned()).or_default();
            schemas.insert(schema.to_owned(), is_immutable);
        }
        for (name, schema) in [("citext", "public"), ("state", "sales"), ("state", "hr")] {
            catalog.types.entry(name.to_owned()).or_default().insert(schema.to_owned());
        }
        catalog
    }

    #[test]
    fn a_name_that_one_schema_alone_has_is_written_with_it() {
        for (printed, written) in [
            ("lower(name)", "lower(name)"),
            ("\"substring\"(name, 1, 3)", "\"substring\"(name, 1, 3)"),
            ("COALESCE(name, other)", "COALESCE(name, other)"),
            ("norm((name)::text)", "util.norm((name)::TEXT)"),
            ("lower(norm(name))", "lower(util.norm(name))"),
            ("util.norm(name)", "util.norm(name)"),
            ("util.twice(name)", "util.twice(name)"),
            ("\"Fold\"(name)", "\"My \"\"own\"\"\".\"Fold\"(name)"),
            ("(name)::citext", "(name)::public.citext"),
            ("(name)::citext[]", "(name)::public.citext[]"),
            ("(name)::sales.state", "(name)::sales.state"),
            ("(name)::bpchar", "(name)::bpchar"),
            ("(payload ->> 'norm(x)'::text)", "(payload ->> 'norm(x)'::text)"),
        ] {
            assert_eq!(expression(printed, &catalog()).as_deref(), Some(written), "{printed}");
        }
    }

    #[test]
    fn what_may_mean_another_thing_or_changes_is_left_out() {
        for text in [
            "twice(name)",
            "public.twice(name)",
            "replace(name, 'a', 'b')",
            "unknown(name)",
            "Fold(name)",
            "drawn(name)",
            "lower(drawn(name))",
            "now()",
            "(name)::state",
            "other.lower(name)",
        ] {
            assert_eq!(expression(text, &catalog()), None, "{text}");
        }
    }
}
