//! Which values may stand in an index that is suggested: its DDL is shown.

use std::ops::ControlFlow;

use sqlparser::ast::{Expr, Value, visit_expressions};

use crate::advise::candidate::Allowed;
use crate::advise::catalog::Table;
use crate::advise::plan::parse_expression;

/// Words that say which part of a time is meant.
const PARTS: [&str; 20] = [
    "century",
    "day",
    "decade",
    "dow",
    "doy",
    "epoch",
    "hour",
    "isodow",
    "isoyear",
    "microseconds",
    "millennium",
    "milliseconds",
    "minute",
    "month",
    "quarter",
    "second",
    "utc",
    "week",
    "year",
    "",
];

/// Whether all values in an expression may be shown: there are none, or they are parts of a time, 0
/// or 1, or all its columns are ones whose values the user allows.
#[must_use]
pub fn may_be_shown(text: &str, table: &Table, allowed: &Allowed) -> bool {
    let Some(expr) = parse_expression(text) else { return false };
    let mut values_are_plain = true;
    let mut columns = Vec::new();
    let _ = visit_expressions(&expr, |e| {
        match e {
            Expr::Value(value) => values_are_plain &= is_plain(&value.value),
            Expr::Identifier(name) => columns.push(name.value.clone()),
            Expr::TypedString(_) | Expr::Interval(_) => values_are_plain = false,
            _ => {}
        }
        ControlFlow::<()>::Continue(())
    });
    values_are_plain
        || (!columns.is_empty() && columns.iter().all(|column| allowed.names(&table.name, column)))
}

fn is_plain(value: &Value) -> bool {
    match value {
        Value::Boolean(_) | Value::Null => true,
        Value::Number(number, _) => matches!(number.as_str(), "0" | "1"),
        Value::SingleQuotedString(text) => PARTS.contains(&text.as_str()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_users_stay_out_of_ddl() {
        let table = Table { name: "shop_order".into(), ..Table::default() };
        let allowed = Allowed { values_of: vec!["shop_order.payload".into()] };
        let may = |text| may_be_shown(text, &table, &allowed);
        assert!(may("lower(name)") && may("date_trunc('month'::text, paid_at)"));
        assert!(may("COALESCE(amount, 0)") && may("COALESCE(is_open, false)"));
        assert!(may("(payload ->> 'number'::text)"), "the user allows the values of payload");
        assert!(!may("(other ->> 'number'::text)") && !may("COALESCE(name, 'secret'::text)"));
        assert!(!may("(amount - 4711)") && !may("(payload ->> other) || 'secret'"));
    }
}
