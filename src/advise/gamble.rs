//! What the planner gambles on: that the rows a `limit` wants lie evenly among those that are read until they are
//! found.
//!
//! A plan below a limit is charged for the part of it that is read if they do (`create_limit_path` and
//! `adjust_limit_rows_costs` in PostgreSQL's `pathnode.c`). Where a filter throws rows away on that way, this is often
//! wrong: the open moves are the newest, and an index in the order of dates goes through all that is closed before it finds
//! one. Nothing in pg_stats tells where in an order they are, so a plan is taken to be half as bad as it can be: all that a
//! filter throws away comes first.

use super::plan::Node;

/// How far a plan is from the best to the worst that it can be.
const MISFORTUNE: f64 = 0.5;

/// What a plan costs more for the rows that come first and are thrown away. `all` is what reading to the end
/// would cost more than what the plan is charged for, `kept` the share of the rows read that no filter throws away.
#[must_use]
pub fn lost(all: f64, kept: f64) -> f64 {
    MISFORTUNE * all.max(0.0) * (1.0 - kept.clamp(0.0, 1.0))
}

/// Of a limit: the cost of what it hopes not to read, and the scan whose filter decides that.
#[must_use]
pub fn staked(limit: &Node) -> Option<(f64, &Node)> {
    let below = limit.plans.first().filter(|_| limit.kind == "Limit")?;
    let scan = std::iter::successors(Some(below), |node| handed_on(node)).last()?;
    let is_filtered = scan.relation.is_some() && scan.filter.is_some();
    is_filtered.then_some((below.cost - limit.cost, scan))
}

/// What a node takes its rows from one by one, as it is asked for them.
fn handed_on(node: &Node) -> Option<&Node> {
    match node.kind.as_str() {
        "LockRows" | "Subquery Scan" | "Result" | "Append" | "Merge Append" | "Unique"
        | "Incremental Sort" => node.plans.first(),
        "Nested Loop" => node.below("Outer"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(kind: &str, cost: f64, plans: Vec<Node>) -> Node {
        let outer = |plan| Node { relationship: Some("Outer".to_owned()), ..plan };
        let plans = plans.into_iter().map(outer).collect();
        Node { kind: kind.to_owned(), cost, plans, ..Node::default() }
    }

    fn filtered() -> Node {
        let (relation, filter) = (Some("stock_move".to_owned()), Some("(state = $1)".to_owned()));
        Node { relation, filter, ..node("Index Scan", 1_000.0, vec![]) }
    }

    #[test]
    fn a_limit_stakes_the_rest_of_a_scan_that_throws_rows_away() {
        let plan = node("Limit", 10.0, vec![node("LockRows", 1_010.0, vec![filtered()])]);
        let (all, scan) = staked(&plan).unwrap();
        assert!((all - 1_000.0).abs() < 1e-9);
        assert_eq!(scan.relation.as_deref(), Some("stock_move"));
    }

    #[test]
    fn what_is_sorted_or_not_filtered_is_no_gamble() {
        let sorted = node("Limit", 990.0, vec![node("Sort", 1_000.0, vec![filtered()])]);
        assert!(staked(&sorted).is_none());
        let plain = Node { filter: None, ..filtered() };
        assert!(staked(&node("Limit", 10.0, vec![plain])).is_none());
        assert!(staked(&node("LockRows", 1_010.0, vec![filtered()])).is_none());
    }

    #[test]
    fn what_a_filter_keeps_is_found_at_once() {
        assert!(lost(1_000.0, 1.0).abs() < 1e-9);
        assert!((lost(1_000.0, 0.2) - 400.0).abs() < 1e-9);
    }
}
