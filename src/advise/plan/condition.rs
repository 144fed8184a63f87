//! Conditions as the planner prints them: `((o.state = 'open'::text) AND (o.id = l.order_id))`.

use std::ops::ControlFlow;

use sqlparser::ast::{BinaryOperator, CastKind, DataType, Expr, ObjectNamePart, visit_expressions};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::Parser;

use super::init_plan::as_parameters;

/// How two sides are compared, as far as an index can serve it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operator {
    /// `=`
    Equal,
    /// `= any (array)`
    Any,
    /// `<`, `<=`, `>`, `>=`
    Range,
    /// `is null`
    Null,
    /// `is not null`
    NotNull,
    /// `like`
    Like,
    /// `ilike`
    ILike,
    /// `@>`, `&&`, `?`, `?|`, `?&`, `@@`: what GIN serves.
    Contains,
    /// `<@`: what GIN serves of arrays.
    ContainedBy,
}

/// One side of a comparison.
#[derive(Clone, Debug, PartialEq)]
pub struct Side {
    /// What is compared, as the planner prints it, without the alias.
    pub expr: Expr,
    /// Whose it is.
    pub alias: String,
    /// The columns in it, each once.
    pub columns: Vec<String>,
}

/// Conditions that hold together or, of an `or`, in turn.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// A side of one relation against something that is known before that relation is read.
    Compared {
        /// The side.
        side: Side,
        /// How.
        operator: Operator,
        /// The other one, if it is a literal.
        value: Option<Expr>,
    },
    /// Sides of two relations.
    Joined {
        /// One.
        left: Side,
        /// The other.
        right: Side,
        /// How.
        operator: Operator,
    },
    /// Arms of an `or`, each a conjunction.
    Either(Vec<Vec<Condition>>),
    /// A boolean column by itself, or its negation.
    Flag {
        /// The column.
        side: Side,
        /// What it must be.
        is: bool,
    },
    /// Columns of one row against each other, with no literal: `delivered < ordered`.
    Within(Side),
    /// Nothing that an index serves; the columns in it are needed all the same.
    Other,
}

/// An expression as the planner prints it; `None` for what is no SQL (`(SubPlan 1)`).
#[must_use]
pub fn parse(text: &str) -> Option<Expr> {
    let dialect = PostgreSqlDialect {};
    let text = as_parameters(text);
    let mut parser = Parser::new(&dialect).with_recursion_limit(100).try_with_sql(&text).ok()?;
    let expr = parser.parse_expr().ok()?;
    let end = parser.peek_token().token == sqlparser::tokenizer::Token::EOF;
    end.then_some(expr)
}

/// The conjuncts of a condition. Each is parsed by itself: one that cannot be leaves the others.
#[must_use]
pub fn conjuncts(text: &str) -> Vec<Condition> {
    split(text)
        .into_iter()
        .map(|part| parse(part).map_or(Condition::Other, |e| condition(&e)))
        .collect()
}

/// Splits at the `AND`s of the outermost parentheses.
pub(super) fn split(text: &str) -> Vec<&str> {
    let inner = peel(text.trim());
    let mut parts = Vec::new();
    let (mut depth, mut quote, mut from) = (0_i32, None, 0);
    for (at, c) in inner.char_indices() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') => quote = Some(c),
            (None, '(' | '[') => depth += 1,
            (None, ')' | ']') => depth -= 1,
            (None, 'A') if depth == 0 && inner.get(at..).is_some_and(|r| r.starts_with("AND ")) => {
                parts.extend(inner.get(from..at));
                from = at + 4;
            }
            _ => {}
        }
    }
    parts.extend(inner.get(from..));
    if parts.len() == 1 { vec![text] } else { parts.into_iter().flat_map(split).collect() }
}

/// Without parentheses that go around all of it.
fn peel(text: &str) -> &str {
    let Some(inner) = text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) else {
        return text;
    };
    let (mut depth, mut quote) = (0_i32, None);
    for c in inner.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') => quote = Some(c),
            (None, '(') => depth += 1,
            (None, ')') => depth -= 1,
            _ => {}
        }
        if depth < 0 {
            return text;
        }
    }
    inner
}

fn condition(expr: &Expr) -> Condition {
    match expr {
        Expr::Nested(inner) => condition(inner),
        Expr::BinaryOp { left, op: BinaryOperator::Or, right } => {
            let mut arms = Vec::new();
            arms_of(left, &mut arms);
            arms_of(right, &mut arms);
            Condition::Either(arms)
        }
        Expr::BinaryOp { left, op, right } => match (operator(op), mirrored(op)) {
            (Some(operator), mirror) => match compared(left, right, operator, mirror) {
                Condition::Other => within(expr),
                condition => condition,
            },
            _ => within(expr),
        },
        Expr::AnyOp { left, compare_op: BinaryOperator::Eq, right, .. } => {
            compared(left, right, Operator::Any, None)
        }
        Expr::IsNull(inner) => alone(inner, Operator::Null),
        Expr::IsNotNull(inner) => alone(inner, Operator::NotNull),
        Expr::UnaryOp { op: sqlparser::ast::UnaryOperator::Not, expr } => flag(expr, false),
        Expr::Identifier(_) | Expr::CompoundIdentifier(_) => flag(expr, true),
        _ => Condition::Other,
    }
}

fn arms_of(expr: &Expr, arms: &mut Vec<Vec<Condition>>) {
    match expr {
        Expr::Nested(inner) => arms_of(inner, arms),
        Expr::BinaryOp { left, op: BinaryOperator::Or, right } => {
            arms_of(left, arms);
            arms_of(right, arms);
        }
        _ => arms.push(ands_of(expr)),
    }
}

fn ands_of(expr: &Expr) -> Vec<Condition> {
    match expr {
        Expr::Nested(inner) => ands_of(inner),
        Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
            ands_of(left).into_iter().chain(ands_of(right)).collect()
        }
        _ => vec![condition(expr)],
    }
}

fn flag(expr: &Expr, is: bool) -> Condition {
    match side(expr) {
        Some(side) if side.columns.len() == 1 && is_column(&side.expr) => {
            Condition::Flag { side, is }
        }
        _ => Condition::Other,
    }
}

fn alone(expr: &Expr, operator: Operator) -> Condition {
    side(expr).map_or(Condition::Other, |side| Condition::Compared { side, operator, value: None })
}

fn compared(left: &Expr, right: &Expr, operator: Operator, mirror: Option<Operator>) -> Condition {
    match (side(left), side(right), is_known(left), is_known(right)) {
        (Some(side), _, _, true) => {
            Condition::Compared { side, operator, value: Some(right.clone()) }
        }
        (_, Some(side), true, _) if mirror.is_some() => Condition::Compared {
            side,
            operator: mirror.unwrap_or(operator),
            value: Some(left.clone()),
        },
        (Some(left), Some(right), ..) if left.alias != right.alias => {
            Condition::Joined { left, right, operator }
        }
        _ => Condition::Other,
    }
}

/// A comparison of columns of one row.
fn within(expr: &Expr) -> Condition {
    let is_plain = visit_expressions(expr, |e| match e {
        Expr::CompoundIdentifier(_) | Expr::Nested(_) => ControlFlow::Continue(()),
        Expr::BinaryOp { op, .. } if operator(op).is_some() || *op == BinaryOperator::NotEq => {
            ControlFlow::Continue(())
        }
        _ => ControlFlow::Break(()),
    });
    match side(expr) {
        Some(side) if is_plain.is_continue() && side.columns.len() > 1 => Condition::Within(side),
        _ => Condition::Other,
    }
}

fn operator(op: &BinaryOperator) -> Option<Operator> {
    use BinaryOperator as B;
    Some(match op {
        B::Eq => Operator::Equal,
        B::Lt | B::LtEq | B::Gt | B::GtEq => Operator::Range,
        B::PGLikeMatch => Operator::Like,
        B::PGILikeMatch => Operator::ILike,
        B::ArrowAt => Operator::ContainedBy,
        B::AtArrow | B::PGOverlap | B::Question | B::QuestionPipe | B::QuestionAnd | B::AtAt => {
            Operator::Contains
        }
        _ => return None,
    })
}

/// The operator with its sides changed, if it has one.
fn mirrored(op: &BinaryOperator) -> Option<Operator> {
    use BinaryOperator as B;
    match op {
        B::PGLikeMatch | B::PGILikeMatch | B::Question | B::QuestionPipe | B::QuestionAnd => None,
        B::AtArrow => Some(Operator::ContainedBy),
        B::ArrowAt => Some(Operator::Contains),
        _ => operator(op),
    }
}

/// A side that is about one relation.
pub fn side(expr: &Expr) -> Option<Side> {
    let mut aliases = Vec::new();
    let mut columns = Vec::new();
    let _ = visit_expressions(expr, |e| {
        if let Expr::CompoundIdentifier(parts) = e
            && let [.., alias, column] = parts.as_slice()
        {
            if !aliases.contains(&alias.value) {
                aliases.push(alias.value.clone());
            }
            if !columns.contains(&column.value) {
                columns.push(column.value.clone());
            }
        }
        ControlFlow::<()>::Continue(())
    });
    let [alias] = aliases.as_slice() else { return None };
    let expr = bare(expr);
    Some(Side { expr, alias: alias.clone(), columns })
}

/// Without aliases, and without parentheses around all of it.
fn bare(expr: &Expr) -> Expr {
    let mut expr = expr.clone();
    let _ = sqlparser::ast::visit_expressions_mut(&mut expr, |e| {
        if let Expr::CompoundIdentifier(parts) = e
            && let Some(last) = parts.last()
        {
            *e = Expr::Identifier(last.clone());
        }
        ControlFlow::<()>::Continue(())
    });
    while let Expr::Nested(inner) = expr {
        expr = *inner;
    }
    expr
}

/// Known before the relation is read: nothing in it is a column or a subquery.
fn is_known(expr: &Expr) -> bool {
    let found = visit_expressions(expr, |e| match e {
        Expr::CompoundIdentifier(_) | Expr::Identifier(_) | Expr::Subquery(_) => {
            ControlFlow::Break(())
        }
        _ => ControlFlow::Continue(()),
    });
    found.is_continue()
}

fn is_column(expr: &Expr) -> bool {
    matches!(expr, Expr::Identifier(_))
}

impl Side {
    /// The column, if it is nothing but one, or one whose type is relabelled: `(name)::text` of a
    /// varchar, which an index on the column serves.
    #[must_use]
    pub fn column(&self) -> Option<&str> {
        fn of(expr: &Expr) -> Option<&str> {
            match expr {
                Expr::Identifier(name) => Some(&name.value),
                Expr::Nested(inner) => of(inner),
                _ => None,
            }
        }
        of(&self.expr)
    }

    /// The column below a cast to text.
    #[must_use]
    pub fn column_as_text(&self) -> Option<&str> {
        let mut expr = &self.expr;
        while let Expr::Nested(inner) = expr {
            expr = inner;
        }
        let Expr::Cast { kind: CastKind::DoubleColon, expr, data_type: DataType::Text, .. } = expr
        else {
            return None;
        };
        let mut expr = expr.as_ref();
        while let Expr::Nested(inner) = expr {
            expr = inner;
        }
        match expr {
            Expr::Identifier(name) => Some(&name.value),
            _ => None,
        }
    }
}

/// Names of the functions in an expression; `None` if it cannot be read.
#[must_use]
pub fn functions(text: &str) -> Option<Vec<String>> {
    let mut names = Vec::new();
    let _ = visit_expressions(&parse(text)?, |e| {
        if let Expr::Function(function) = e
            && let Some(ObjectNamePart::Identifier(name)) = function.name.0.last()
        {
            names.push(name.value.clone());
        }
        ControlFlow::<()>::Continue(())
    });
    Some(names)
}
