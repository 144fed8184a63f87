//! What the planner forgets: every visit to a far place in memory costs something.
//!
//! The planner counts pages that come from the disk; a page that is in memory already, and all of an inner index
//! are after the first rounds (`index_pages_fetched` in PostgreSQL's `costsize.c`), it takes for free. But a
//! processor waits for memory that it has not touched of late, so a loop over an index is cheap only if its rounds come
//! in the order of what they look up, and its rows lie together. Else a hash join can be twice as quick. And a hash join or
//! a grouping that looks each row up in a large hash table is dearer than one that reads its rows in order.
//!
//! What is added was fitted to TPC-H at scale 1, all of it in memory: 368 plans of 19 statements under five sets of indexes, with and
//! without parallel workers, nested loops, hash and merge joins, and sequential scans. What counts is by how much a plan is quicker or
//! slower than the one now: by the planner's cost that is wrong by a factor of more than 1.33 half of the time for the plans that the
//! planner takes, and by 5.3 in one of ten; by what is added here 1.13 and 1.48. Of twelve that made a statement slower by more than a
//! tenth the planner's cost foresaw none, and this all.

mod ground;
#[cfg(test)]
mod tests;

use super::gamble;
use super::plan::{Node, hash_table};
pub use ground::Ground;
use ground::Lead;

/// Of one descent from the root of an index to a place far from the last, in the planner's units.
const DESCENT: f64 = 0.6;

/// Of one row fetched from such a place, for each time that the table is twice as large as a processor's cache: the larger it
/// is, the further from the processor is what it needs to know where a page lies, too.
const ROW: f64 = 0.11;

/// Of one row that an index alone answers for and whose page is on another page of the visibility map than the last one's.
/// Measured on TPC-H at scale 1: 0.032, counting 1.2 million entries of `lineitem` by an index whose equal keys lie as their
/// rows do, and by one where they do not.
const MAP: f64 = 0.03;

/// Of one row that is put into a large hash table, or looked up there.
const TOUCH: f64 = 0.02;

/// Of one row that is added to one of many groups.
const GROUP: f64 = 0.27;

/// Bytes of a hash table that is large.
const LARGE: f64 = 4e6;

/// How a part of a plan runs.
#[derive(Clone, Copy)]
struct Turn<'a> {
    /// So many times, or parts of one.
    rounds: f64,
    /// Each time for another row of this.
    outer: Option<&'a Node>,
    /// Processes beside the session's own that share the work.
    workers: f64,
}

impl Ground {
    /// What a plan costs with its visits, and what it loses when a limit's gamble does not come off.
    #[must_use]
    pub fn true_cost(&self, plan: &Node) -> f64 {
        plan.cost + self.visits(plan, Turn { rounds: 1.0, outer: None, workers: 0.0 })
    }

    /// What the visits of a node and all below it cost.
    fn visits(&self, node: &Node, turn: Turn<'_>) -> f64 {
        let once = match turn.outer {
            Some(outer) => self.round(node, outer),
            None => self.scan(node, turn.workers),
        };
        let workers = turn.workers.max(node.workers);
        let own = once + self.gambled(node) + self.mapped(node) + hashed(node, workers);
        let below = node.plans.iter().map(|plan| {
            let is_kept = plan.kind == "Materialize" || plan.kind == "Memoize";
            let is_inner = node.kind == "Nested Loop" && plan.is("Inner");
            let turn = Turn { workers, ..turn };
            match node.below("Outer") {
                Some(outer) if is_inner && !is_kept => {
                    let rounds = turn.rounds * outer.rows.max(1.0);
                    self.visits(plan, Turn { rounds, outer: Some(outer), ..turn })
                }
                _ => {
                    let runs = node.runs_of_subplan(plan);
                    let outer = if runs > 1.0 { Some(node) } else { turn.outer };
                    let rounds = turn.rounds * runs * read(node, plan);
                    self.visits(plan, Turn { rounds, outer, ..turn })
                }
            }
        });
        turn.rounds * own + below.sum::<f64>()
    }

    /// What it costs to see, of rows that an index alone answers for, whether all may be seen by everybody.
    fn mapped(&self, node: &Node) -> f64 {
        let lead = self.lead(node).filter(|_| node.kind == "Index Only Scan");
        lead.map_or(0.0, |lead| MAP * lead.map_visits(node.rows))
    }

    /// What a limit loses by what is thrown away before it has its rows.
    fn gambled(&self, node: &Node) -> f64 {
        let Some((all, scan)) = gamble::staked(node) else { return 0.0 };
        gamble::lost(all, scan.rows / self.looked_at(scan).max(1.0))
    }

    /// Rows that a scan looks at before its filter, at most.
    fn looked_at(&self, scan: &Node) -> f64 {
        let condition = scan.index_condition.as_deref();
        let lead = self.lead(scan).filter(|lead| condition.is_some_and(|c| lead.is_of_value(c)));
        let field = scan.relation.as_ref().and_then(|name| self.fields.get(name));
        let all = || field.map_or(f64::INFINITY, |field| field.rows);
        lead.map_or_else(all, |lead| lead.rows)
    }

    /// What a scan of an index visits that does not run for each row of something else.
    fn scan(&self, node: &Node, workers: f64) -> f64 {
        let Some(lead) = self.lead(node).filter(|_| node.kind == "Index Scan") else { return 0.0 };
        let rows = match node.index_condition.as_deref() {
            None if node.is_shared => lead.field.rows / hash_table::parts(workers),
            None => lead.field.rows,
            // Rows that the filter throws away are fetched, too.
            Some(text) if node.filter.is_some() && lead.is_of_value(text) => {
                node.rows.max(lead.rows)
            }
            Some(_) => node.rows,
        };
        rows * (1.0 - lead.order) * lead.field.row
    }

    /// What one round of a scan visits.
    fn round(&self, node: &Node, outer: &Node) -> f64 {
        match node.kind.as_str() {
            "Index Scan" | "Index Only Scan" => {
                let Some(lead) = self.lead(node) else { return DESCENT + node.rows * ROW };
                let condition = node.index_condition.as_deref().unwrap_or_default();
                let sought = lead.sought(condition);
                let order =
                    sought.as_ref().map_or(0.0, |(alias, name)| self.order_of(outer, alias, name));
                let is_all = !condition.contains(" AND ");
                let is_by_value = sought.is_some() && is_all && node.filter.is_some();
                let rows = if is_by_value { node.rows.max(lead.rows) } else { node.rows };
                let apart = (rows * (1.0 - lead.order)).max(1.0) * (1.0 - order * lead.order);
                let is_fetched = node.kind == "Index Scan" && rows > 0.0;
                (1.0 - order) * DESCENT + if is_fetched { apart * lead.field.row } else { 0.0 }
            }
            "Bitmap Heap Scan" => {
                let lead = node.plans.first().and_then(|index| self.lead(index));
                let order = lead.map_or(0.0, |lead| lead.order);
                let row = lead.map_or(ROW, |lead| lead.field.row);
                DESCENT + node.rows * (1.0 - order) * row
            }
            _ => 0.0,
        }
    }

    fn lead(&self, node: &Node) -> Option<&Lead> {
        self.leads.get(node.index.as_ref()?)
    }

    /// How much the rows of a plan come in the order of a column's values, 0 to 1.
    fn order_of(&self, plan: &Node, alias: &str, column: &str) -> f64 {
        if let Some(relation) = &plan.relation {
            let is_it = plan.alias.as_deref() == Some(alias);
            return match plan.kind.as_str() {
                _ if !is_it => 0.0,
                "Index Scan" | "Index Only Scan" => {
                    f64::from(self.lead(plan).is_some_and(|lead| lead.column == column))
                }
                _ => self.order.get(&(relation.clone(), column.to_owned())).copied().unwrap_or(0.0),
            };
        }
        // These hand on the order of what they read first.
        let keeps = ["Nested Loop", "Hash Join", "Gather", "Limit", "Memoize", "Materialize"];
        match plan.below("Outer") {
            Some(first) if keeps.contains(&plan.kind.as_str()) => {
                self.order_of(first, alias, column)
            }
            _ => 0.0,
        }
    }
}

/// The part of what is below a node that is read: one that costs less than what it reads does not read all of it, such as a
/// limit, and a merge join whose other side ends sooner.
fn read(node: &Node, below: &Node) -> f64 {
    if below.cost > 0.0 { (node.cost / below.cost).min(1.0) } else { 1.0 }
}

/// What rows cost that are looked up in a large hash table.
fn hashed(node: &Node, workers: f64) -> f64 {
    let Some(outer) = node.below("Outer") else { return 0.0 };
    match (node.kind.as_str(), node.below("Inner")) {
        ("Hash Join", Some(hash)) if hash_table::bytes(hash, workers) > LARGE => {
            TOUCH * (outer.rows + hash.rows)
        }
        ("Aggregate", _)
            if node.strategy.as_deref() == Some("Hashed")
                && hash_table::bytes_of_groups(node) > LARGE =>
        {
            GROUP * outer.rows
        }
        _ => 0.0,
    }
}
