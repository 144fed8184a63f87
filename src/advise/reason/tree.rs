//! The plan as it is, with what indexes would change in it.

use std::collections::BTreeSet;

use super::path::Path;
use super::share::{Term, arm, terms, what, with_statistics};
use crate::advise::catalog::{Catalog, IndexKey, Table};
use crate::advise::definition::{Definition, Key, Method, What};
use crate::advise::gamble;
use crate::advise::plan::{Condition, Node, Operator, Order, Reading, Use};

/// What a plan would cost.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Imagined {
    /// In the planner's units.
    pub cost: f64,
    /// Indexes that make it so.
    pub used: BTreeSet<usize>,
}

impl Imagined {
    fn or(self, cost: f64, used: impl IntoIterator<Item = usize>) -> Self {
        if cost < self.cost { Self { cost, used: used.into_iter().collect() } } else { self }
    }

    fn with(mut self, below: &Self) -> Self {
        self.used.extend(&below.used);
        self
    }
}

/// The plan of a reading, if these indexes were there.
///
/// The same reckoning is made with the indexes that are there; what it finds cheaper with those alone is its own error,
/// and no new index is credited with it.
#[must_use]
pub fn imagine(reading: &Reading, indexes: &[(usize, &Definition)], catalog: &Catalog) -> Imagined {
    let there = there(reading, catalog);
    // No suggestion has such a number.
    let mut known: Vec<(usize, &Definition)> =
        there.iter().enumerate().map(|(at, index)| (usize::MAX - at, index)).collect();
    let as_is = Tree { reading, indexes: &known, catalog }.node(&reading.plan);
    let first_known = usize::MAX - there.len();
    known.extend(indexes);
    let with = Tree { reading, indexes: &known, catalog }.node(&reading.plan);
    let saved = (as_is.cost - with.cost).max(0.0);
    Imagined {
        cost: (reading.plan.cost - saved).max(reading.plan.cost.min(0.01)),
        used: with.used.into_iter().filter(|id| *id <= first_known && saved > 0.0).collect(),
    }
}

/// Valid b-trees of the relations of a plan, as definitions.
fn there(reading: &Reading, catalog: &Catalog) -> Vec<Definition> {
    let mut there = BTreeSet::new();
    for usage in reading.uses.values() {
        let Some(table) = catalog.relation(&usage.schema, &usage.relation) else { continue };
        let indexes = table.indexes.iter().filter(|i| i.is_valid && i.method == "btree");
        there.extend(indexes.map(|index| Definition {
            table: table.root,
            method: Method::Btree,
            keys: index.keys.iter().map(key_of).collect(),
            includes: index.includes.clone(),
            predicate: index.predicate.clone(),
        }));
    }
    there.into_iter().collect()
}

fn key_of(key: &IndexKey) -> Key {
    let what = match &key.column {
        Some(name) => What::Column(name.clone()),
        None => What::Expression(key.sql.clone()),
    };
    Key {
        what,
        opclass: key.opclass.clone(),
        is_descending: key.is_descending,
        nulls_first: key.nulls_first,
    }
}

struct Tree<'a> {
    reading: &'a Reading,
    indexes: &'a [(usize, &'a Definition)],
    catalog: &'a Catalog,
}

/// One relation where it is scanned.
struct Scan<'a> {
    usage: &'a Use,
    table: Table,
    terms: Vec<Term>,
    rows: f64,
}

/// All rows of a relation that are wanted, in an order.
struct Ordered {
    cost: f64,
    rows: f64,
    /// The share of what is fetched that is wanted.
    kept: f64,
    id: usize,
}

impl Tree<'_> {
    fn node(&self, node: &Node) -> Imagined {
        if node.relation.is_some() {
            return self.scan(node);
        }
        match (node.kind.as_str(), node.plans.as_slice()) {
            ("Hash Join" | "Merge Join" | "Nested Loop", [outer, inner, ..]) => {
                self.join(node, outer, inner)
            }
            ("Limit", [below, ..]) => self.limit(node, below),
            ("Sort" | "Incremental Sort", [below, ..]) => self.sort(node, below),
            ("Aggregate", [below, ..]) if node.group_key.is_empty() => {
                self.extreme(node, below).map_or_else(
                    || self.passed_on(node),
                    |imagined| self.passed_on(node).or(imagined.cost, imagined.used),
                )
            }
            _ => self.passed_on(node),
        }
    }

    /// What is saved below is saved above.
    fn passed_on(&self, node: &Node) -> Imagined {
        let mut imagined = Imagined { cost: node.cost, used: BTreeSet::new() };
        for below in &node.plans {
            let with = self.node(below);
            let saved = below.cost - with.cost;
            if saved > 0.0 {
                imagined.cost -= saved * node.runs_of_subplan(below);
                imagined = imagined.with(&with);
            }
        }
        imagined.cost = imagined.cost.max(node.cost.min(0.01));
        imagined
    }

    fn found<'a>(&'a self, node: &Node) -> Option<Scan<'a>> {
        let usage = self.reading.uses.get(node.alias.as_ref()?)?;
        let table = self.catalog.relation(node.schema.as_ref()?, node.relation.as_ref()?)?;
        let table = with_statistics(table, self.catalog);
        let terms = terms(usage, &table, node.rows);
        Some(Scan { usage, terms, rows: node.rows, table })
    }

    /// Indexes of a table, or of the partitioned one that it is a part of.
    fn of<'a>(&'a self, table: &Table) -> impl Iterator<Item = (usize, &'a Definition)> {
        let root = table.root;
        self.indexes.iter().filter(move |(_, index)| index.table == root).copied()
    }

    fn path<'a>(&'a self, scan: &'a Scan<'_>, index: &'a Definition) -> Path<'a> {
        Path {
            index,
            table: &scan.table,
            catalog: self.catalog,
            usage: scan.usage,
            terms: &scan.terms,
            joined: &[],
            loops: 1.0,
        }
    }

    fn scan(&self, node: &Node) -> Imagined {
        let mut imagined = Imagined { cost: node.cost, used: BTreeSet::new() };
        if node.plans.iter().any(|below| below.relationship.as_deref() == Some("SubPlan")) {
            imagined = self.passed_on(node);
        }
        let Some(scan) = self.found(node) else { return imagined };
        for (id, index) in self.of(&scan.table) {
            if let Some(cost) = self.path(&scan, index).cost() {
                imagined = imagined.or(cost, [id]);
            }
        }
        for condition in &scan.usage.conditions {
            if let Condition::Either(arms) = condition
                && let Some((cost, used)) = self.either(&scan, arms)
            {
                imagined = imagined.or(cost, used);
            }
        }
        imagined
    }

    /// Each arm of an `or` by an index of its own, the bitmaps together.
    fn either(&self, scan: &Scan<'_>, arms: &[Vec<Condition>]) -> Option<(f64, BTreeSet<usize>)> {
        let (mut cost, mut used) = (0.0, BTreeSet::new());
        for conditions in arms {
            let terms = arm(conditions, &scan.table);
            let of_arm = |(id, index): (usize, &Definition)| {
                let is_served = index.predicate.is_none()
                    && terms.iter().any(|t| Some(&t.what) == index.keys.first().map(|k| &k.what));
                let path = Path { terms: &terms, ..self.path(scan, index) };
                is_served.then(|| path.cost()).flatten().map(|cost| (cost, id))
            };
            let best =
                self.of(&scan.table).filter_map(of_arm).min_by(|a, b| a.0.total_cmp(&b.0))?;
            cost += best.0;
            used.insert(best.1);
        }
        Some((cost, used))
    }

    fn join(&self, node: &Node, outer: &Node, inner: &Node) -> Imagined {
        let (with_outer, with_inner) = (self.node(outer), self.node(inner));
        let is_repeated =
            node.kind == "Nested Loop" && !matches!(inner.kind.as_str(), "Materialize" | "Memoize");
        let times = if is_repeated { outer.rows.max(1.0) } else { 1.0 };
        let saved = (outer.cost - with_outer.cost) + times * (inner.cost - with_inner.cost);
        let mut imagined = Imagined {
            cost: (node.cost - saved).max(with_outer.cost),
            used: with_outer.used.union(&with_inner.used).copied().collect(),
        };
        let kind = node.join.as_deref().unwrap_or("Inner");
        let ways = [
            (outer, &with_outer, inner, matches!(kind, "Inner" | "Left" | "Semi" | "Anti")),
            (inner, &with_inner, outer, kind == "Inner" || kind.starts_with("Right")),
        ];
        for (driving, with_driving, looked_up, is_possible) in ways {
            if !is_possible {
                continue;
            }
            if let Some((each, id)) = self.lookup(driving, looked_up) {
                let cost = with_driving.cost
                    + driving.rows.max(1.0) * each
                    + node.rows * self.catalog.cpu_tuple_cost;
                let used = with_driving.used.iter().copied().chain([id]);
                imagined = imagined.or(cost, used.collect::<Vec<_>>());
            }
        }
        imagined
    }

    /// The cheapest way to look up what belongs to one row of the driving side.
    fn lookup(&self, driving: &Node, looked_up: &Node) -> Option<(f64, usize)> {
        let node = stripped(looked_up);
        let scan = self.found(node)?;
        let mut aliases = BTreeSet::new();
        driving.walk(&mut |node| aliases.extend(node.alias.clone()));
        let joined: Vec<What> = scan
            .usage
            .joins
            .iter()
            .filter(|(_, other, operator)| {
                *operator == Operator::Equal && aliases.contains(&other.alias)
            })
            .map(|(own, _, _)| what(own, &scan.table))
            .collect();
        let loops = driving.rows.max(1.0);
        let path = |index| Path { joined: &joined, loops, ..self.path(&scan, index) };
        self.of(&scan.table)
            .filter_map(|(id, index)| Some((path(index).lookup()?, id)))
            .min_by(|a, b| a.0.total_cmp(&b.0))
    }

    /// An order by an index of the relation below, if the keys are all of that relation.
    fn in_order(&self, sorted: &Node, below: &Node) -> Option<Ordered> {
        let node = stripped(below);
        let scan = self.found(node)?;
        let orders = scan.usage.orders.iter().filter(|o| o.keys.len() == sorted.sort_key.len());
        let keys: Vec<Vec<Key>> = orders.map(|order| keys(order, &scan.table)).collect();
        let all = self.of(&scan.table).flat_map(|(id, index)| {
            let path = self.path(&scan, index);
            keys.iter()
                .filter_map(move |order| path.ordered(order))
                .map(move |(cost, read)| Ordered {
                    cost,
                    rows: scan.rows,
                    kept: scan.rows / read,
                    id,
                })
                .collect::<Vec<_>>()
        });
        all.min_by(|a, b| a.cost.total_cmp(&b.cost))
    }

    fn sort(&self, node: &Node, below: &Node) -> Imagined {
        let passed_on = self.passed_on(node);
        match self.in_order(node, below) {
            Some(ordered) => passed_on.or(ordered.cost, [ordered.id]),
            None => passed_on,
        }
    }

    fn limit(&self, node: &Node, below: &Node) -> Imagined {
        let sorted = std::iter::successors(Some(below), |node| {
            matches!(node.kind.as_str(), "LockRows" | "Subquery Scan")
                .then(|| node.plans.first())
                .flatten()
        });
        let sort =
            sorted.into_iter().find(|n| matches!(n.kind.as_str(), "Sort" | "Incremental Sort"));
        let with = self.node(below);
        let saved = below.cost - with.cost;
        let share = (node.rows / below.rows.max(1.0)).clamp(0.0, 1.0);
        let is_blocking = sort.is_some() || below.kind == "Aggregate";
        let passed_on = if saved <= 0.0 {
            Imagined { cost: node.cost, used: BTreeSet::new() }
        } else if is_blocking {
            Imagined { cost: (node.cost - saved).max(0.01), used: with.used.clone() }
        } else {
            Imagined { cost: node.cost, used: BTreeSet::new() }
                .or((with.cost * share).max(0.01), with.used.iter().copied())
        };
        let Some((sort, first)) = sort.and_then(|sort| Some((sort, sort.plans.first()?))) else {
            return passed_on;
        };
        match self.in_order(sort, first) {
            Some(ordered) => {
                let share = (node.rows / ordered.rows.max(1.0)).clamp(0.0, 1.0);
                let lost = gamble::lost(ordered.cost * (1.0 - share), ordered.kept);
                // Going down the index is never less than a few pages.
                let down = 2.0 * self.catalog.random_page_cost;
                passed_on.or(ordered.cost * share + lost + down, [ordered.id])
            }
            None => passed_on,
        }
    }

    /// `min` and `max` of all rows are at the ends of an index.
    fn extreme(&self, node: &Node, below: &Node) -> Option<Imagined> {
        let scan = self.found(stripped(below))?;
        let limited = scan.usage.orders.iter().filter(|order| order.is_limited);
        let keys: Vec<Vec<Key>> = limited.map(|order| keys(order, &scan.table)).collect();
        if keys.is_empty() || node.output.len() != keys.len() {
            return None;
        }
        let (mut total, mut used) = (0.0, BTreeSet::new());
        for order in keys {
            let best = self
                .of(&scan.table)
                .filter_map(|(id, index)| Some((self.path(&scan, index).ordered(&order)?, id)))
                .min_by(|a, b| a.0.0.total_cmp(&b.0.0))?;
            total += best.0.0 / scan.rows.max(1.0) + 2.0 * self.catalog.random_page_cost;
            used.insert(best.1);
        }
        Some(Imagined { cost: total, used })
    }
}

fn keys(order: &Order, table: &Table) -> Vec<Key> {
    let key = |(side, is_descending, nulls_first): &(_, bool, bool)| Key {
        what: what(side, table),
        opclass: None,
        is_descending: *is_descending,
        nulls_first: *nulls_first,
    };
    order.keys.iter().map(key).collect()
}

/// Below what only hands rows on.
fn stripped(node: &Node) -> &Node {
    match (node.kind.as_str(), node.plans.as_slice()) {
        ("Hash" | "Sort" | "Materialize" | "Memoize" | "Gather" | "Gather Merge", [below, ..]) => {
            stripped(below)
        }
        _ => node,
    }
}
