//! Where the parameters of a statement stand: which columns they are compared with, and how.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use sqlparser::ast::{BinaryOperator, Expr, Value, visit_expressions};

use super::Node;
use super::condition::{self, parse, split};

/// How parameters are compared with a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum How {
    /// The column is the parameter, or one of several.
    Equal,
    /// The column is below it.
    Below,
    /// The column is above it.
    Above,
}

/// Parameters that are compared with one column.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Schema of the relation.
    pub schema: String,
    /// The relation.
    pub relation: String,
    /// The column.
    pub column: String,
    /// How.
    pub how: How,
    /// Their numbers.
    pub parameters: Vec<usize>,
}

/// All places in a plan that was made without values; a parameter is in one of them at most, the first.
#[must_use]
pub fn places(plan: &Node) -> Vec<Place> {
    let mut relations: BTreeMap<&str, (&str, &str)> = BTreeMap::new();
    let mut texts = Vec::new();
    plan.walk(&mut |node| {
        if let (Some(schema), Some(relation), Some(alias)) =
            (&node.schema, &node.relation, &node.alias)
        {
            relations.insert(alias, (schema, relation));
        }
        texts.extend(node.conditions());
    });
    let mut places: Vec<Place> = Vec::new();
    for expr in texts.into_iter().flat_map(split).filter_map(parse) {
        let _ = visit_expressions(&expr, |e| {
            if let Some((column, how, parameters)) = compared(e)
                && let Some((schema, relation)) = relations.get(column.alias.as_str())
                && let Some(name) = column.column().or_else(|| column.column_as_text())
                && !places.iter().any(|p| p.parameters.iter().any(|n| parameters.contains(n)))
            {
                places.push(Place {
                    schema: (*schema).to_owned(),
                    relation: (*relation).to_owned(),
                    column: name.to_owned(),
                    how,
                    parameters,
                });
            }
            ControlFlow::<()>::Continue(())
        });
    }
    places
}

fn compared(expr: &Expr) -> Option<(condition::Side, How, Vec<usize>)> {
    match expr {
        Expr::BinaryOp { left, op, right } => {
            let (side, how, value) = match (parameter(left), parameter(right)) {
                (None, Some(value)) => (left, how(op)?, value),
                (Some(value), None) => (right, mirrored(how(op)?), value),
                _ => return None,
            };
            Some((condition::side(side)?, how, vec![value]))
        }
        Expr::AnyOp { left, compare_op: BinaryOperator::Eq, right, .. } => {
            Some((condition::side(left)?, How::Equal, list(right)?))
        }
        _ => None,
    }
}

/// `$1`, also below a cast.
fn parameter(expr: &Expr) -> Option<usize> {
    match expr {
        Expr::Nested(inner) | Expr::Cast { expr: inner, .. } => parameter(inner),
        Expr::Value(value) => match &value.value {
            // `$0` is no parameter: a subquery has answered it.
            Value::Placeholder(name) => name.strip_prefix('$')?.parse().ok().filter(|n| *n > 0),
            _ => None,
        },
        _ => None,
    }
}

/// `array[$1, $2]`: every element a parameter.
fn list(expr: &Expr) -> Option<Vec<usize>> {
    match expr {
        Expr::Nested(inner) | Expr::Cast { expr: inner, .. } => list(inner),
        Expr::Array(array) => array.elem.iter().map(parameter).collect(),
        _ => None,
    }
}

fn how(op: &BinaryOperator) -> Option<How> {
    match op {
        BinaryOperator::Eq => Some(How::Equal),
        BinaryOperator::Lt | BinaryOperator::LtEq => Some(How::Below),
        BinaryOperator::Gt | BinaryOperator::GtEq => Some(How::Above),
        _ => None,
    }
}

const fn mirrored(how: How) -> How {
    match how {
        How::Equal => How::Equal,
        How::Below => How::Above,
        How::Above => How::Below,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(filter: &str) -> Vec<(String, How, Vec<usize>)> {
        let scan = Node {
            schema: Some("public".into()),
            relation: Some("sale".into()),
            alias: Some("s".into()),
            filter: Some(filter.into()),
            ..Node::default()
        };
        places(&scan).into_iter().map(|place| (place.column, place.how, place.parameters)).collect()
    }

    #[test]
    fn a_parameter_is_found_beside_its_column() {
        assert_eq!(
            found("(((s.state)::text = ($1)::text) AND (s.\"Day\" >= $2) AND ($3 > s.\"Day\"))"),
            [
                ("state".into(), How::Equal, vec![1]),
                ("Day".into(), How::Above, vec![2]),
                ("Day".into(), How::Below, vec![3])
            ]
        );
        assert_eq!(
            found("(((s.state)::text = ANY ((ARRAY[$1, $2])::text[])) OR (s.day = $3))"),
            [("state".into(), How::Equal, vec![1, 2]), ("day".into(), How::Equal, vec![3])]
        );
        assert!(
            found("((s.day > (now() - $1)) AND (lower(s.name) = $2) AND (s.a = s.b))").is_empty()
        );
        assert!(found("(s.id = ANY ($1))").is_empty());
        assert!(found("((s.id = $0) AND (s.day > (InitPlan 2).col1))").is_empty());
    }
}
