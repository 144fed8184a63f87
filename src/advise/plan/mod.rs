//! What the planner says: a plan as data, without literals' meaning and without running anything.

mod condition;
pub mod hash_table;
mod init_plan;
mod place;
mod reading;

use serde::Deserialize;

pub use condition::{Condition, Operator, Side, conjuncts, functions, parse as parse_expression};
pub use place::{How, Place, places};
pub use reading::{Order, Reading, Use, read};

/// One answer of `explain (format json)`.
#[derive(Clone, Debug, Deserialize)]
pub struct Explained {
    /// The root.
    #[serde(rename = "Plan")]
    pub plan: Node,
    /// Milliseconds that planning took, by the server's clock.
    #[serde(rename = "Planning Time", default)]
    pub planning_ms: f64,
}

/// One node of a plan.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Node {
    /// Such as `Index Scan`.
    #[serde(rename = "Node Type")]
    pub kind: String,
    /// Total cost in the planner's units.
    #[serde(rename = "Total Cost")]
    pub cost: f64,
    /// The part of that before the first row comes.
    #[serde(rename = "Startup Cost")]
    pub startup: f64,
    /// Rows expected.
    #[serde(rename = "Plan Rows")]
    pub rows: f64,
    /// Bytes of a row on average.
    #[serde(rename = "Plan Width")]
    pub width: f64,
    /// Several processes do it together, each a part.
    #[serde(rename = "Parallel Aware")]
    pub is_shared: bool,
    /// Of a node that gathers: processes beside the session's own.
    #[serde(rename = "Workers Planned")]
    pub workers: f64,
    /// Of a node that aggregates: `Plain`, `Sorted`, `Hashed` or `Mixed`.
    #[serde(rename = "Strategy")]
    pub strategy: Option<String>,
    /// What it is to the node above: `Outer`, `Inner`, `SubPlan`, ...
    #[serde(rename = "Parent Relationship")]
    pub relationship: Option<String>,
    /// Of a subplan: what conditions call it.
    #[serde(rename = "Subplan Name")]
    pub subplan: Option<String>,
    /// Of a join: `Inner`, `Left`, `Semi`, ...
    #[serde(rename = "Join Type")]
    pub join: Option<String>,
    /// Schema of the relation that is scanned.
    #[serde(rename = "Schema")]
    pub schema: Option<String>,
    /// The relation that is scanned.
    #[serde(rename = "Relation Name")]
    pub relation: Option<String>,
    /// What the plan calls it.
    #[serde(rename = "Alias")]
    pub alias: Option<String>,
    /// The index that is used.
    #[serde(rename = "Index Name")]
    pub index: Option<String>,
    /// What it hands on.
    #[serde(rename = "Output")]
    pub output: Vec<String>,
    /// Parts that a plan with parameters leaves out when it begins, by their values.
    #[serde(rename = "Subplans Removed")]
    pub removed: u32,
    /// What is asked once, before anything is read; `false` if nothing ever is.
    #[serde(rename = "One-Time Filter")]
    pub once: Option<String>,
    /// What rows are left out by.
    #[serde(rename = "Filter")]
    pub filter: Option<String>,
    /// What the index is searched by.
    #[serde(rename = "Index Cond")]
    pub index_condition: Option<String>,
    /// What a bitmap is searched by, once more.
    #[serde(rename = "Recheck Cond")]
    pub recheck: Option<String>,
    /// Of a hash join.
    #[serde(rename = "Hash Cond")]
    pub hash_condition: Option<String>,
    /// Of a merge join.
    #[serde(rename = "Merge Cond")]
    pub merge_condition: Option<String>,
    /// Of any join.
    #[serde(rename = "Join Filter")]
    pub join_filter: Option<String>,
    /// What is sorted by.
    #[serde(rename = "Sort Key")]
    pub sort_key: Vec<String>,
    /// What is grouped by.
    #[serde(rename = "Group Key")]
    pub group_key: Vec<String>,
    /// Nodes below.
    #[serde(rename = "Plans")]
    pub plans: Vec<Node>,
}

impl Node {
    /// This node and all below, from the top.
    pub fn walk<'a>(&'a self, visit: &mut impl FnMut(&'a Self)) {
        visit(self);
        for below in &self.plans {
            below.walk(visit);
        }
    }

    /// Whether it is this to the node above.
    #[must_use]
    pub fn is(&self, relationship: &str) -> bool {
        self.relationship.as_deref() == Some(relationship)
    }

    /// The node below that is this to it; what is read once before comes first in the list.
    #[must_use]
    pub fn below(&self, relationship: &str) -> Option<&Self> {
        self.plans.iter().find(|plan| plan.is(relationship))
    }

    /// Names of the indexes that the plan uses, each as often as it is used.
    #[must_use]
    pub fn indexes(&self) -> Vec<&str> {
        let mut names = Vec::new();
        self.walk(&mut |node| names.extend(node.index.as_deref()));
        names
    }

    /// Whether parts of it are not shown.
    #[must_use]
    pub fn hides_parts(&self) -> bool {
        let mut hides = false;
        self.walk(&mut |node| hides |= node.removed > 0);
        hides
    }

    /// Whether nothing is read, because no row can be wanted or may be seen.
    #[must_use]
    pub fn reads_nothing(&self) -> bool {
        let (mut reads, mut is_barred) = (false, false);
        self.walk(&mut |node| {
            reads |= node.relation.is_some();
            is_barred |= node.once.as_deref() == Some("false");
        });
        is_barred && !reads
    }

    /// How often a part below runs for each run of this node: a subplan for each row that comes as far as its
    /// condition, which its share of the cost tells; one that is hashed, and what is no subplan, once.
    #[must_use]
    pub fn runs_of_subplan(&self, below: &Self) -> f64 {
        let is_sub = |below: &Self| below.relationship.as_deref() == Some("SubPlan");
        if !is_sub(below) || self.is_hashed(below) || below.cost <= 0.0 {
            return 1.0;
        }
        let once: f64 = self.plans.iter().filter(|below| !is_sub(below)).map(|b| b.cost).sum();
        ((self.cost - once) / below.cost).floor().max(1.0)
    }

    /// Whether a condition of this node asks a subplan below; else what it hands on does.
    #[must_use]
    pub fn is_filtered_by(&self, below: &Self) -> bool {
        let Some(name) = &below.subplan else { return false };
        let ends = |rest: &str| !rest.starts_with(|next: char| next.is_ascii_digit());
        self.conditions().any(|text| text.split(name.as_str()).skip(1).any(ends))
    }

    /// Whether a subplan's rows are hashed once. Where it is not shown what a scan hands on, a subplan that its conditions do not
    /// ask is if all of it is read before the first row.
    fn is_hashed(&self, below: &Self) -> bool {
        let Some(name) = &below.subplan else { return false };
        let hashed = format!("hashed {name}");
        let ends = |rest: &str| !rest.starts_with(|next: char| next.is_ascii_digit());
        let mut texts = self.conditions().chain(self.output.iter().map(String::as_str));
        let is_hidden =
            self.output.is_empty() && self.relation.is_some() && !self.is_filtered_by(below);
        texts.any(|text| text.split(&hashed).skip(1).any(ends))
            || is_hidden && self.startup > 0.0 && self.startup >= below.cost
    }

    /// The conditions of this node alone.
    fn conditions(&self) -> impl Iterator<Item = &str> {
        let all = [
            &self.filter,
            &self.index_condition,
            &self.recheck,
            &self.hash_condition,
            &self.merge_condition,
            &self.join_filter,
        ];
        all.into_iter().flatten().map(String::as_str)
    }
}
