//! What an index saves that cannot be supposed: HypoPG knows no GIN.

use super::share::{terms, with_statistics};
use crate::advise::catalog::{Catalog, Table};
use crate::advise::definition::Definition;
use crate::advise::gamble;
use crate::advise::plan::{Condition, Node, Operator, Reading};

/// To search the elements, and the entries that wait to be sorted in.
const SEARCH: f64 = 100.0;

/// To look at a row again.
const ROW: f64 = 0.02;

/// What a statement is spared: the table is not scanned, the rows that the index finds are fetched. `pace`: how many times longer
/// than its cost says it takes.
pub fn saved(
    definition: &Definition,
    table: &Table,
    catalog: &Catalog,
    reading: &Reading,
    pace: f64,
) -> Saved {
    let gin = Gin { definition, table, catalog, reading, pace };
    let around = Around { charged: f64::INFINITY, processes: 1.0, most: f64::INFINITY };
    let spared = gin.spared(&reading.plan, around);
    Saved { plan: spared.all, gambles: spared.gambles }
}

/// In the planner's units.
#[derive(Clone, Copy, Debug, Default)]
pub struct Saved {
    /// Of what the planner charges.
    pub plan: f64,
    /// Of what gambles are taken to lose beyond that.
    pub gambles: f64,
}

struct Gin<'a> {
    definition: &'a Definition,
    table: &'a Table,
    catalog: &'a Catalog,
    reading: &'a Reading,
    pace: f64,
}

/// What is above a node.
#[derive(Clone, Copy)]
struct Around {
    /// What the nearest limit costs.
    charged: f64,
    /// Processes that share the work.
    processes: f64,
    /// Rows that are found at most.
    most: f64,
}

/// What a node costs less.
#[derive(Clone, Copy, Default)]
struct Spared {
    /// Until its last row.
    all: f64,
    /// Of that, until its first row: a limit above does not cut this.
    first: f64,
    /// Of what gambles lose.
    gambles: f64,
}

impl Gin<'_> {
    fn spared(&self, node: &Node, around: Around) -> Spared {
        let mut spared = Spared::default();
        let around = match node.kind.as_str() {
            "Limit" if self.runs_on(node) => Around { most: node.rows.max(1.0), ..around },
            "Limit" => Around { charged: node.cost, ..around },
            "Gather" | "Gather Merge" => Around { processes: 1.0 + node.workers, ..around },
            _ => around,
        };
        for below in &node.plans {
            let part = self.spared(below, around);
            spared.all += part.all * runs(node, below);
            spared.gambles += part.gambles * runs(node, below);
            spared.first += if below.is("InitPlan") || is_read_first(node, below, around.charged) {
                part.all
            } else if below.kind == "Hash" || !(below.is("SubPlan") || below.is("Inner")) {
                part.first
            } else {
                0.0
            };
        }
        if node.kind == "Limit" {
            return if self.runs_on(node) {
                self.to_its_end(node, spared)
            } else {
                limited(node, spared)
            };
        }
        if node.relation.is_some() {
            spared.all += self.of_scan(node, around);
        }
        Spared { all: spared.all.min(node.cost), first: spared.first.min(node.cost), ..spared }
    }

    /// Whether a limit is not what ends a scan. Of a value that it does not know the planner guesses that many rows have it, and
    /// so that few have to be read for a limit; how long a call takes tells, in the middle between the two, which it is.
    fn runs_on(&self, limit: &Node) -> bool {
        let scan = limit.plans.first().filter(|below| below.relation.is_some());
        let conditions = scan
            .and_then(|scan| self.reading.uses.get(scan.alias.as_ref()?))
            .map_or(&[][..], |usage| usage.conditions.as_slice());
        let is_unknown = conditions.iter().any(|condition| match condition {
            Condition::Compared { operator, value: Some(value), .. } => {
                self.is_served(*operator) && value.to_string().starts_with('$')
            }
            _ => false,
        });
        is_unknown && scan.is_some_and(|scan| self.pace.powi(2) * limit.cost >= scan.cost)
    }

    /// A scan that is not ended by its limit, in what is charged for it.
    fn to_its_end(&self, limit: &Node, spared: Spared) -> Spared {
        let Some(scan) = limit.plans.first().filter(|_| spared.all > 0.0) else { return spared };
        let share = (limit.cost / scan.cost.max(f64::MIN_POSITIVE)).min(1.0);
        let kept = scan.rows / self.table.rows.max(1.0);
        let gambles = gamble::staked(limit).map_or(0.0, |(all, _)| gamble::lost(all, kept));
        Spared { all: spared.all * share, gambles, ..spared }
    }

    /// What one run of a scan costs less, if it asks for what the index finds.
    fn of_scan(&self, scan: &Node, around: Around) -> f64 {
        let (Some(schema), Some(name), Some(alias)) = (&scan.schema, &scan.relation, &scan.alias)
        else {
            return 0.0;
        };
        let is_of_it = self.catalog.table(schema, name).is_some_and(|t| t.oid == self.table.oid);
        let part = self.catalog.relation(schema, name).filter(|_| is_of_it);
        let Some((part, usage)) = part.zip(self.reading.uses.get(alias)) else { return 0.0 };
        let part = with_statistics(part, self.catalog);
        let key = self.definition.keys.first().map(|key| &key.what);
        let terms = terms(usage, &part, scan.rows * around.processes);
        let found =
            terms.iter().filter(|term| self.is_served(term.operator) && Some(&term.what) == key);
        let shares: Vec<f64> = found.map(|term| term.share).collect();
        if shares.is_empty() {
            return 0.0;
        }
        let rows = (part.rows * shares.iter().product::<f64>()).min(around.most);
        let fetched = rows.min(part.pages) * self.catalog.random_page_cost;
        (scan.cost - (SEARCH + fetched + rows * ROW)).max(0.0)
    }

    /// Of the classes that serve `<@`, those of arrays are the only ones that are suggested.
    fn is_served(&self, operator: Operator) -> bool {
        match operator {
            Operator::Contains | Operator::Like | Operator::ILike => true,
            Operator::ContainedBy => {
                let key = self.definition.keys.first();
                let column = key.and_then(|key| self.table.column(key.name()?));
                column.is_some_and(|column| column.kind.ends_with("[]"))
            }
            _ => false,
        }
    }
}

/// How often a part runs for each run of the node.
fn runs(node: &Node, below: &Node) -> f64 {
    let is_kept = matches!(below.kind.as_str(), "Materialize" | "Memoize");
    match node.below("Outer") {
        Some(outer) if node.kind == "Nested Loop" && below.is("Inner") && !is_kept => {
            outer.rows.max(1.0)
        }
        _ => node.runs_of_subplan(below),
    }
}

/// Whether a node reads all of a part before it hands on its first row. Groups can also come one by one: then a limit costs
/// less than what is below them.
fn is_read_first(node: &Node, below: &Node, charged: f64) -> bool {
    matches!(node.kind.as_str(), "Sort" | "Aggregate" | "Hash") && below.cost <= charged
}

/// A limit is spared what is read before its first row. Of the rest it reads a part alone, maybe in an order that the index does not
/// have: so all that the index finds has to cost less than that part does now.
fn limited(limit: &Node, spared: Spared) -> Spared {
    let below = limit.below("Outer").or_else(|| limit.plans.first());
    let whole = below.map_or(limit.cost, |below| below.cost.max(limit.cost));
    let all = (spared.all - (whole - limit.cost)).max(spared.first).max(0.0).min(limit.cost);
    Spared { all, first: spared.first.min(all), ..spared }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::advise::catalog::{Column, Kind};
    use crate::advise::definition::{Key, Method};
    use crate::advise::plan::read;

    /// Mails in parts, of 500,000 rows each.
    fn catalog() -> Catalog {
        let column = |name: &str, typname: &str, distinct| Column {
            name: name.to_owned(),
            typname: typname.to_owned(),
            distinct,
            ..Column::default()
        };
        let columns = vec![column("tags", "_text", None), column("box", "int4", Some(10.0))];
        let mut catalog = Catalog::default();
        for (oid, name) in [(1, "mail"), (2, "mail_2024"), (3, "mail_2025")] {
            catalog.add(Table {
                oid,
                root: 1,
                kind: if oid == 1 { Kind::Partitioned } else { Kind::Table },
                schema: "public".to_owned(),
                name: name.to_owned(),
                rows: 500_000.0,
                pages: 10_000.0,
                columns: columns.clone(),
                ..Table::default()
            });
        }
        catalog.random_page_cost = 4.0;
        catalog
    }

    fn scan(kind: &str, table: &str, rows: f64, filter: &str) -> Value {
        json!({"Node Type": kind, "Schema": "public", "Relation Name": table, "Alias": table, "Total Cost": 13_460.0,
            "Plan Rows": rows, "Filter": filter.replace("m.", &format!("{table}.")), "Parent Relationship": "Outer"})
    }

    fn above(kind: &str, cost: f64, plans: &[Value]) -> Value {
        json!({"Node Type": kind, "Total Cost": cost, "Plan Rows": 20.0, "Plans": plans, "Parent Relationship": "Outer"})
    }

    const TAGGED: &str = "(m.tags @> '{a}'::text[])";

    fn spared(plan: Value) -> f64 {
        saved_at(1.0, plan).plan
    }

    fn saved_at(pace: f64, plan: Value) -> Saved {
        let catalog = catalog();
        let reading = read(&serde_json::from_value(plan).unwrap());
        let gin =
            Definition { method: Method::Gin, ..Definition::btree(1, vec![Key::column("tags")]) };
        saved(&gin, &catalog.tables[&1], &catalog, &reading, pace)
    }

    #[track_caller]
    fn assert_near(cost: f64, expected: f64) {
        assert!((cost - expected).abs() < 1e-3, "{cost} is not {expected}");
    }

    /// Of so many rows that the index finds.
    fn found(rows: f64) -> f64 {
        100.0 + rows * 4.02
    }

    #[test]
    fn a_limit_that_ends_soon_is_spared_nothing_by_what_has_to_find_all() {
        let by_id = scan("Index Scan", "mail_2024", 2_500.0, TAGGED);
        assert_near(spared(above("Limit", 63.0, &[by_id])), 0.0);
        let by_id = scan("Index Scan", "mail_2024", 2_500.0, TAGGED);
        let grouped = above("Aggregate", 13_500.0, &[by_id]);
        assert_near(spared(above("Limit", 63.0, &[grouped])), 0.0);
    }

    #[test]
    fn a_limit_is_spared_what_it_is_charged_beyond_all_that_is_found() {
        let rare = scan("Index Scan", "mail_2024", 100.0, TAGGED);
        assert_near(spared(above("Limit", 3_000.0, &[rare])), 3_000.0 - found(100.0));
    }

    #[test]
    fn a_limit_ends_no_scan_that_takes_as_long_as_all_of_it() {
        let of = |value: &str| {
            let filter = TAGGED.replace("'{a}'::text[]", value);
            above("Limit", 300.0, &[scan("Seq Scan", "mail_2024", 2_500.0, &filter)])
        };
        let saved = saved_at(10.0, of("$1"));
        assert_near(saved.plan, (13_460.0 - found(20.0)) * 300.0 / 13_460.0);
        assert_near(saved.gambles, gamble::lost(13_160.0, 0.005));
        assert_near(saved_at(2.0, of("$1")).plan, 0.0);
        assert_near(saved_at(10.0, of("'{a}'::text[]")).plan, 0.0);
    }

    #[test]
    fn what_is_sorted_first_is_spared_below_a_limit_too() {
        let sorted = above("Sort", 13_500.0, &[scan("Seq Scan", "mail_2024", 100.0, TAGGED)]);
        let plan = above("Limit", 13_490.0 + 5.0, &[sorted]);
        assert_near(spared(plan), 13_460.0 - found(100.0));
    }

    #[test]
    fn what_runs_often_is_spared_often_and_never_more_than_it_costs() {
        let outer = json!({"Node Type": "Result", "Plan Rows": 3.0, "Total Cost": 1.0, "Parent Relationship": "Outer"});
        let mut inner = scan("Seq Scan", "mail_2024", 100.0, TAGGED);
        inner["Parent Relationship"] = "Inner".into();
        let join = |cost: f64| above("Nested Loop", cost, &[outer.clone(), inner.clone()]);
        assert_near(spared(join(50_000.0)), 3.0 * (13_460.0 - found(100.0)));
        assert_near(spared(join(20_000.0)), 20_000.0);
    }

    #[test]
    fn parts_of_a_table_are_each_spared_their_scan() {
        let parts = [
            scan("Seq Scan", "mail_2024", 100.0, TAGGED),
            scan("Seq Scan", "mail_2025", 100.0, TAGGED),
        ];
        assert_near(spared(above("Append", 30_000.0, &parts)), 2.0 * (13_460.0 - found(100.0)));
    }

    #[test]
    fn rows_that_another_condition_throws_away_are_fetched_all_the_same() {
        let filter = "((m.tags @> '{a}'::text[]) AND (m.box = $1))";
        assert_near(spared(scan("Seq Scan", "mail_2024", 10.0, filter)), 13_460.0 - found(100.0));
    }

    #[test]
    fn a_scan_that_processes_share_finds_the_rows_of_all() {
        let part = scan("Seq Scan", "mail_2024", 100.0, TAGGED);
        let mut gather = above("Gather", 14_000.0, &[part]);
        gather["Workers Planned"] = 2.into();
        assert_near(spared(gather), 13_460.0 - found(300.0));
    }
}
