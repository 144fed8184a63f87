//! What a plan says of the relations it reads: by what each is searched, joined, ordered, and which
//! of its columns are needed.
//!
//! The planner has resolved names, views, functions in line, row security and partitions already, so
//! this is the same for every way of writing a statement.

use std::collections::{BTreeMap, BTreeSet};

use sqlparser::ast::{Expr, FunctionArg, FunctionArgExpr, FunctionArguments};

use super::Node;
use super::condition::{self, Condition, Operator, Side};
use crate::advise::definition::quote;

/// An order that is asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Order {
    /// By what, the first first: expression, descending, nulls first.
    pub keys: Vec<(Side, bool, bool)>,
    /// Only the first rows are wanted.
    pub is_limited: bool,
}

/// One relation in a plan.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Use {
    /// Schema of the relation.
    pub schema: String,
    /// Its name.
    pub relation: String,
    /// What holds of its rows, by itself.
    pub conditions: Vec<Condition>,
    /// How it is joined: its own side, the other one, the operator.
    pub joins: Vec<(Side, Side, Operator)>,
    /// Orders and groups asked for.
    pub orders: Vec<Order>,
    /// Columns that the statement needs of it, and maybe words that are no columns.
    pub needed: BTreeSet<String>,
    /// The whole row is needed.
    pub whole_row: bool,
    /// Cost of reading it once without any further index.
    pub scan_cost: f64,
    /// Rows that come out of that.
    pub scan_rows: f64,
}

/// What a plan says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reading {
    /// By the plan's aliases.
    pub uses: BTreeMap<String, Use>,
    /// The plan itself.
    pub plan: Node,
}

/// Reads a plan.
#[must_use]
pub fn read(plan: &Node) -> Reading {
    let mut reading = Reading { plan: plan.clone(), ..Reading::default() };
    plan.walk(&mut |node| reading.scan(node));
    reading.visit(plan, true, false);
    reading.close_joins();
    reading
}

impl Reading {
    fn scan(&mut self, node: &Node) {
        if let (Some(schema), Some(relation), Some(alias)) =
            (&node.schema, &node.relation, &node.alias)
        {
            let entry = self.uses.entry(alias.clone()).or_default();
            entry.schema.clone_from(schema);
            entry.relation.clone_from(relation);
            entry.scan_cost = entry.scan_cost.max(node.cost);
            entry.scan_rows = entry.scan_rows.max(node.rows);
        }
    }

    fn visit(&mut self, node: &Node, is_exact: bool, is_limited: bool) {
        let is_scan = node.relation.is_some();
        let is_pass = PASSING.contains(&node.kind.as_str());
        // A scan hands on all columns where nobody minds: what it is asked for stands above it.
        if !is_pass && (!is_scan || is_exact) {
            let own = node.alias.clone().filter(|_| is_scan).or_else(|| self.only());
            for text in &node.output {
                self.need(text, own.as_deref());
            }
        }
        let only = self.only();
        let keys = node.sort_key.iter().chain(&node.group_key).map(String::as_str);
        for text in node.conditions().chain(keys) {
            self.need(text, only.as_deref());
        }
        for text in node.conditions() {
            for condition in condition::conjuncts(text) {
                self.take(condition);
            }
        }
        let is_sort = matches!(node.kind.as_str(), "Sort" | "Incremental Sort");
        if is_sort {
            self.order(&node.sort_key, is_limited);
        } else if !node.group_key.is_empty() {
            self.order(&node.group_key, false);
        } else if node.kind == "Aggregate" {
            self.extremes(&node.output);
        }
        let below_limited = node.kind == "Limit" || (is_limited && (is_pass || is_sort));
        for below in &node.plans {
            let is_exact = (is_pass && is_exact) || is_sort;
            self.visit(below, is_exact, below_limited);
        }
    }

    /// The alias, if there is only one: then the planner leaves it out in places.
    fn only(&self) -> Option<String> {
        self.uses.keys().next().filter(|_| self.uses.len() == 1).cloned()
    }

    fn need(&mut self, text: &str, own: Option<&str>) {
        for (alias, column) in references(text, own) {
            if let Some(entry) = self.uses.get_mut(&alias) {
                if column == "*" {
                    entry.whole_row = true;
                } else {
                    entry.needed.insert(column);
                }
            }
        }
    }

    fn take(&mut self, condition: Condition) {
        match &condition {
            Condition::Compared { side, .. }
            | Condition::Flag { side, .. }
            | Condition::Within(side) => {
                let alias = side.alias.clone();
                self.put(&alias, condition);
            }
            Condition::Joined { left, right, operator } => {
                for (own, other) in [(left, right), (right, left)] {
                    if let Some(entry) = self.uses.get_mut(&own.alias) {
                        let join = (own.clone(), other.clone(), *operator);
                        if !entry.joins.contains(&join) {
                            entry.joins.push(join);
                        }
                    }
                }
            }
            Condition::Either(arms) => {
                for (alias, arms) in by_alias(arms) {
                    self.put(&alias, Condition::Either(arms));
                }
            }
            Condition::Other => {}
        }
    }

    fn put(&mut self, alias: &str, condition: Condition) {
        if let Some(entry) = self.uses.get_mut(alias)
            && !entry.conditions.contains(&condition)
        {
            entry.conditions.push(condition);
        }
    }

    /// Keys up to the first that is not a side of the same relation.
    fn order(&mut self, keys: &[String], is_limited: bool) {
        let mut taken: Vec<(Side, bool, bool)> = Vec::new();
        for key in keys {
            let (text, is_descending, nulls_first) = direction(key);
            let Some(side) = condition::parse(text).as_ref().and_then(condition::side) else {
                break;
            };
            if taken.first().is_some_and(|(first, ..)| first.alias != side.alias) {
                break;
            }
            taken.push((side, is_descending, nulls_first));
        }
        let is_whole = taken.len() == keys.len();
        self.add_order(Order { keys: taken, is_limited: is_limited && is_whole });
    }

    fn add_order(&mut self, order: Order) {
        let Some((first, ..)) = order.keys.first() else { return };
        if let Some(entry) = self.uses.get_mut(&first.alias)
            && !entry.orders.contains(&order)
        {
            entry.orders.push(order);
        }
    }

    /// `min(x)` and `max(x)` of all rows are the ends of an index on x.
    fn extremes(&mut self, output: &[String]) {
        for text in output {
            let Some(Expr::Function(function)) = condition::parse(text) else { continue };
            let name = function.name.to_string();
            let FunctionArguments::List(list) = &function.args else { continue };
            let [FunctionArg::Unnamed(FunctionArgExpr::Expr(arg))] = list.args.as_slice() else {
                continue;
            };
            let only = self.only();
            let side = condition::side(arg).or_else(|| {
                condition::side(&condition::parse(&format!("{}.{arg}", quote(&only?)))?)
            });
            if matches!(name.as_str(), "min" | "max")
                && let Some(side) = side
            {
                self.add_order(Order { keys: vec![(side, false, false)], is_limited: true });
            }
        }
    }

    /// Of a = b and b = c the planner shows two: a = c may be the better way.
    fn close_joins(&mut self) {
        let equal = |(own, other, operator): &(Side, Side, Operator)| {
            (*operator == Operator::Equal).then(|| (own.clone(), other.clone()))
        };
        let pairs: Vec<(Side, Side)> =
            self.uses.values().flat_map(|u| u.joins.iter().filter_map(equal)).collect();
        for (a, b) in &pairs {
            for (c, d) in &pairs {
                if b != c || a.alias == d.alias {
                    continue;
                }
                if let Some(entry) = self.uses.get_mut(&a.alias) {
                    let join = (a.clone(), d.clone(), Operator::Equal);
                    if !entry.joins.contains(&join) {
                        entry.joins.push(join);
                    }
                }
            }
        }
    }
}

/// Nodes that hand on what they get.
const PASSING: [&str; 12] = [
    "Limit",
    "Sort",
    "Incremental Sort",
    "Hash",
    "Materialize",
    "Memoize",
    "Unique",
    "Gather",
    "Gather Merge",
    "LockRows",
    "Append",
    "Merge Append",
];

/// Arms of an `or` that say something of one relation, by relation: only those where every arm does.
fn by_alias(arms: &[Vec<Condition>]) -> BTreeMap<String, Vec<Vec<Condition>>> {
    let mut found: BTreeMap<String, Vec<Vec<Condition>>> = BTreeMap::new();
    for arm in arms {
        let mut of_arm: BTreeMap<String, Vec<Condition>> = BTreeMap::new();
        for condition in arm {
            if let Condition::Compared { side, .. } | Condition::Flag { side, .. } = condition {
                of_arm.entry(side.alias.clone()).or_default().push(condition.clone());
            }
        }
        for (alias, conditions) in of_arm {
            found.entry(alias).or_default().push(conditions);
        }
    }
    found.retain(|_, found| found.len() == arms.len());
    found
}

/// A sort key without its direction: descending, nulls first.
fn direction(key: &str) -> (&str, bool, bool) {
    let (key, nulls) = match key.strip_suffix(" NULLS FIRST") {
        Some(rest) => (rest, Some(true)),
        None => key.strip_suffix(" NULLS LAST").map_or((key, None), |rest| (rest, Some(false))),
    };
    let (key, is_descending) = match key.strip_suffix(" DESC") {
        Some(rest) => (rest, true),
        None => (key, false),
    };
    (key, is_descending, nulls.unwrap_or(is_descending))
}

/// Columns in a text of a plan, as (alias, column); `own` is whose a bare name is. The planner's
/// text needs no parser for that, and what a parser does not know (`PARTIAL sum(x)`) is in it, too.
fn references(text: &str, own: Option<&str>) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = text;
    let mut before: Option<String> = None;
    while let Some(c) = rest.chars().next() {
        let (name, after) = if c == '\'' {
            (None, skip_literal(rest))
        } else if c == '"' || c.is_alphabetic() || c == '_' {
            let (name, after) = identifier(rest);
            (Some(name), after)
        } else {
            (None, rest.get(c.len_utf8()..).unwrap_or_default())
        };
        match (before.take(), name) {
            (Some(alias), Some(column)) => found.push((alias, column)),
            (None, Some(alias)) if after.starts_with(".*") => found.push((alias, "*".to_owned())),
            (None, Some(alias)) if after.starts_with('.') => {
                before = Some(alias);
                rest = after.get(1..).unwrap_or_default();
                continue;
            }
            // Also words that are no columns: nobody has columns of their names.
            (None, Some(column)) if !after.starts_with('(') => {
                found.extend(own.map(|own| (own.to_owned(), column)));
            }
            _ => {}
        }
        rest = after;
    }
    found
}

fn skip_literal(text: &str) -> &str {
    let mut chars = text.char_indices().skip(1);
    let end = chars.find(|(_, c)| *c == '\'').map_or(text.len(), |(at, _)| at + 1);
    text.get(end..).unwrap_or_default()
}

fn identifier(text: &str) -> (String, &str) {
    if let Some(quoted) = text.strip_prefix('"') {
        let mut name = String::new();
        let mut chars = quoted.char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            if c == '"' {
                if chars.peek().is_some_and(|(_, next)| *next == '"') {
                    chars.next();
                } else {
                    return (name, quoted.get(at + 1..).unwrap_or_default());
                }
            }
            name.push(c);
        }
        return (name, "");
    }
    let end = text
        .char_indices()
        .find(|(_, c)| !(c.is_alphanumeric() || *c == '_' || *c == '$'))
        .map_or(text.len(), |(at, _)| at);
    let (name, rest) = text.split_at(end);
    (name.to_owned(), rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_found_in_whatever_the_planner_prints() {
        let found = |text| references(text, Some("t").filter(|_| !text.contains('.')));
        let pair = |a: &str, c: &str| (a.to_owned(), c.to_owned());
        assert_eq!(
            found("PARTIAL sum((l.price * (1 - l.discount)))"),
            [pair("l", "price"), pair("l", "discount")]
        );
        assert_eq!(found("(\"My t\".\"a.\"\"b\" = 'x.y'::text)"), [pair("My t", "a.\"b")]);
        assert_eq!(found("state"), [pair("t", "state")]);
        assert_eq!(found("\"State\""), [pair("t", "State")]);
        assert_eq!(found("o.*"), [pair("o", "*")]);
        assert_eq!(found("sum(total)"), [pair("t", "total")]);
        assert!(found("now()").is_empty() && references("'o.x'::text", None).is_empty());
    }

    #[test]
    fn directions_are_taken_off_sort_keys() {
        assert_eq!(direction("o.date DESC"), ("o.date", true, true));
        assert_eq!(direction("o.date DESC NULLS LAST"), ("o.date", true, false));
        assert_eq!(direction("o.date"), ("o.date", false, false));
    }
}
