//! What the planner forgets when it likes a nested loop: every visit to a row in memory costs something.
//!
//! The planner counts pages that come from the disk; a page that is in memory already, and all of an inner index
//! are after the first rounds (`index_pages_fetched` in PostgreSQL's `costsize.c`), it takes for free. So a
//! loop over an index looks cheaper to it than a hash join that is twice as quick. And rounds are as many as rows are
//! expected from the outer side: where that is wrong, a loop takes that many times longer, a hash join hardly.

use super::plan::Node;

/// Of one descent from the root of an index, and of one row fetched, in the planner's units:
/// measured from 0.1, where rows lie together, to 0.9, where they are all over the table.
const VISIT: f64 = 0.5;

/// What a plan costs with its visits.
#[must_use]
pub fn true_cost(plan: &Node) -> f64 {
    plan.cost + visits(plan, 1.0) * VISIT
}

/// Visits by the loops below a node that runs so many times itself.
fn visits(node: &Node, rounds: f64) -> f64 {
    let is_scan =
        matches!(node.kind.as_str(), "Index Scan" | "Index Only Scan" | "Bitmap Index Scan");
    let own = if is_scan && rounds > 1.0 {
        // Of a scan of the index alone, the rows of one round lie together.
        let fetched = if node.kind == "Index Scan" { node.rows } else { 0.0 };
        rounds * (1.0 + fetched)
    } else {
        0.0
    };
    let is_loop = node.kind == "Nested Loop";
    let outer_rows = node.plans.first().map_or(1.0, |outer| outer.rows.max(1.0));
    let mut below = 0.0;
    for (at, plan) in node.plans.iter().enumerate() {
        let is_again = is_loop && at == 1 && plan.kind != "Materialize";
        below += visits(plan, if is_again { rounds * outer_rows } else { rounds });
    }
    own + below
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(kind: &str, rows: f64, plans: Vec<Node>) -> Node {
        Node { kind: kind.to_owned(), rows, cost: 100.0, plans, ..Node::default() }
    }

    #[test]
    fn a_scan_inside_a_loop_costs_each_of_its_visits() {
        let inner = node("Index Scan", 3.0, Vec::new());
        let outer = node("Seq Scan", 1_000.0, Vec::new());
        let plan = node("Nested Loop", 3_000.0, vec![outer, inner]);
        assert!((true_cost(&plan) - (100.0 + 4_000.0 * VISIT)).abs() < 1e-9);
    }

    #[test]
    fn a_scan_that_runs_once_costs_what_the_planner_says() {
        let inner = node("Index Scan", 3_000.0, Vec::new());
        let plan = node("Hash Join", 10.0, vec![node("Seq Scan", 9.0, Vec::new()), inner]);
        assert!((true_cost(&plan) - 100.0).abs() < 1e-9);
    }
}
