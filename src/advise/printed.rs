//! Whether two expressions are one though PostgreSQL has printed one of them: of `state = 'draft'` it makes
//! `(state = 'draft'::text)`, or `((state)::text = 'draft'::text)` if the column is a varchar.

use core::ops::ControlFlow;

use sqlparser::ast::{
    BinaryOperator, CastKind, DataType, Expr, ObjectName, Value, ValueWithSpan,
    visit_expressions_mut,
};

use super::plan::parse_expression;

/// Whether they say the same. Parentheses, spaces, the case of words and needless quotes do not count, nor do the casts that
/// PostgreSQL adds: of a string literal to the type that it is taken for, and of a column to the text that it is compared with. A
/// literal that both of them cast must be of one type, and a function or type that both name with a schema of one schema. Where sqlparser cannot read one of them, only spaces do not count.
pub(super) fn is_same(a: &str, b: &str) -> bool {
    if a == b {
        return true;
    }
    match (Plain::of(a), Plain::of(b)) {
        (Some(a), Some(b)) => a.is(&b),
        _ => a.split_whitespace().eq(b.split_whitespace()),
    }
}

/// The same of what may not be there.
pub(super) fn are_same(a: Option<&str>, b: Option<&str>) -> bool {
    match (a, b) {
        (None, None) => true,
        (Some(a), Some(b)) => is_same(a, b),
        _ => false,
    }
}

/// An expression without what does not count.
struct Plain {
    expression: Expr,
    /// Of each string literal in it, in their order: the type that it was cast to.
    types: Vec<Option<DataType>>,
    /// Of each name of a function or a type in it: the schema that it was written with.
    schemas: Vec<Option<String>>,
}

impl Plain {
    fn of(text: &str) -> Option<Self> {
        let mut expression = parse_expression(text)?;
        let (mut types, mut schemas) = (Vec::new(), Vec::new());
        // What is within an expression is visited before it.
        let _whole = visit_expressions_mut(&mut expression, |inner| {
            simplify(inner, &mut types);
            schemas.extend(named(inner).map(without_schema));
            ControlFlow::<()>::Continue(())
        });
        Some(Self { expression, types, schemas })
    }

    fn is(&self, other: &Self) -> bool {
        let mut types = self.types.iter().zip(&other.types);
        let mut schemas = self.schemas.iter().zip(&other.schemas);
        self.expression == other.expression
            && types.all(|(a, b)| a.is_none() || b.is_none() || a == b)
            && schemas.all(|(a, b)| a.is_none() || b.is_none() || a == b)
    }
}

/// The name of a function, or of the type that something is cast to.
fn named(expression: &mut Expr) -> Option<&mut ObjectName> {
    match expression {
        Expr::Function(function) => Some(&mut function.name),
        Expr::Cast { expr, data_type: DataType::Custom(name, _), .. }
            if !is_string(expr) && name.to_string() != "bpchar" =>
        {
            Some(name)
        }
        _ => None,
    }
}

/// Takes off the schema. Who prints a name leaves it out where his path finds the name without it.
fn without_schema(name: &mut ObjectName) -> Option<String> {
    let schema = if name.0.len() == 2 { Some(name.0.remove(0)) } else { None };
    schema.map(|part| part.to_string())
}

/// Takes off one expression what does not count, and notes literals; what is within it is plain already.
fn simplify(expression: &mut Expr, types: &mut Vec<Option<DataType>>) {
    match expression {
        Expr::Nested(within) => *expression = (**within).clone(),
        Expr::Identifier(name) => {
            let is_quoted = name.quote_style.take().is_some();
            if !is_quoted {
                name.value.make_ascii_lowercase();
            }
        }
        Expr::Cast { kind: CastKind::DoubleColon, expr, data_type, .. } if is_string(expr) => {
            // Its literal is the one that was noted last. A second cast is one that somebody has written.
            if let Some(last) = types.last_mut().filter(|last| last.is_none()) {
                *last = Some(data_type.clone());
                *expression = (**expr).clone();
            }
        }
        Expr::BinaryOp { left, op: BinaryOperator::Eq | BinaryOperator::NotEq, right } => {
            let literal = types.last().and_then(Option::as_ref);
            if is_string(right) {
                uncast(left, literal);
            } else if is_string(left) {
                uncast(right, literal);
            }
        }
        literal if is_string(literal) => types.push(None),
        _ => {}
    }
}

fn is_string(expression: &Expr) -> bool {
    matches!(expression, Expr::Value(ValueWithSpan { value: Value::SingleQuotedString(_), .. }))
}

/// Takes the cast off a column that is cast to a text because the literal beside it is one. Elsewhere such a cast may choose
/// another function (`md5` of bytes) or another order (of numbers), and stays.
fn uncast(side: &mut Expr, literal: Option<&DataType>) {
    if let Expr::Cast { kind: CastKind::DoubleColon, expr, data_type, .. } = side
        && matches!(**expr, Expr::Identifier(_))
        && is_text(data_type)
        && literal == Some(&*data_type)
    {
        *side = (**expr).clone();
    }
}

fn is_text(data_type: &DataType) -> bool {
    match data_type {
        DataType::Text | DataType::Varchar(None) | DataType::CharacterVarying(None) => true,
        DataType::Custom(name, modifiers) => modifiers.is_empty() && name.to_string() == "bpchar",
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_postgresql_prints_is_the_same_as_what_was_written() {
        for (written, printed) in [
            ("state = 'draft'", "(state = 'draft'::text)"),
            ("state = 'draft'", "((state)::text = 'draft'::text)"),
            ("state <> 'draft'", "((state)::text <> 'draft'::text)"),
            ("'draft' = state", "('draft'::text = (state)::text)"),
            ("state = 'draft'", "(state = 'draft'::bpchar)"),
            ("state = 'draft'", "((state)::bpchar = 'draft'::bpchar)"),
            ("state = 'draft'", "(state = 'draft'::character varying)"),
            ("state = 'draft'", "(state = 'draft'::my_state)"),
            ("state = 'draft'", "(state = 'draft'::shop.\"State\")"),
            ("state = '-1'", "(state = '-1'::integer)"),
            ("\"State\" = 'it''s'", "((\"State\")::text = 'it''s'::text)"),
            ("position is null", "(\"position\" IS NULL)"),
            ("not active", "(NOT active)"),
            ("active", "active"),
            ("a < b and c <> d", "((a < b) AND (c <> d))"),
            ("lower(name::text)", "lower((name)::text)"),
            ("date_trunc('day', made)", "date_trunc('day'::text, made)"),
            ("util.norm(name)", "norm(name)"),
            ("(code)::public.citext", "(code)::citext"),
            ("lower(util.norm(name))", "lower(norm(name))"),
            (
                "state = 'open' and kind = 'x'",
                "((state = 'open'::text) AND ((kind)::text = 'x'::text))",
            ),
        ] {
            assert!(is_same(written, printed), "{written} | {printed}");
            assert!(is_same(printed, written), "{printed} | {written}");
        }
    }

    #[test]
    fn a_cast_that_means_something_else_makes_another_expression() {
        for (a, b) in [
            ("state = 'draft'", "(state = 'done'::text)"),
            ("state = 'draft'", "((state)::text <> 'draft'::text)"),
            ("state = 'draft'", "((other)::text = 'draft'::text)"),
            ("state = 'draft'", "(\"State\" = 'draft'::text)"),
            ("state = 'draft'", "(lower((state)::text) = 'draft'::text)"),
            ("made = '2026-01-01'", "((made)::date = '2026-01-01'::date)"),
            ("number = '1'", "((number)::integer = 1)"),
            ("number = '1'", "((number)::integer = '1'::integer)"),
            ("code = '1'", "((code)::character varying(3) = '1'::character varying(3))"),
            ("code = '2026-01-01'", "(code = ('2026-01-01'::date)::text)"),
            ("code = 'a'::citext", "((code)::text = 'a'::text)"),
            ("code = 'a'::text", "(code = 'a'::bpchar)"),
            ("a < b", "((a)::text < (b)::text)"),
            ("util.norm(name)", "public.norm(name)"),
            ("(code)::public.citext", "(code)::other.citext"),
            ("a < '2'", "((a)::text < '2'::text)"),
            ("md5(data)", "md5((data)::text)"),
            ("state = ''", "(state IS NULL)"),
            ("(a + b) * c", "(a + (b * c))"),
        ] {
            assert!(!is_same(a, b), "{a} | {b}");
            assert!(!is_same(b, a), "{b} | {a}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_compared_by_its_words() {
        assert!(is_same("(SubPlan  1) +", "(SubPlan 1) +"));
        assert!(!is_same("(SubPlan 1) +", "(SubPlan 2) +"));
    }
}
