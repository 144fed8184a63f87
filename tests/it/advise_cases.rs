//! The labelled cases of the index advisor: are the labels themselves true?

use std::collections::BTreeSet;

use erpscope::demo::cluster::Cluster;
use futures_util::{StreamExt, stream};
use serde_json::Value;
use tokio_postgres::{Client, SimpleQueryMessage};

use crate::rig::case::{Case, Expected, Statement, on_each_table};
use crate::rig::cluster;

/// The share of the cost that an expected index saves at least.
const WORTH_IT: f64 = 0.2;
/// The share of the best answer's saving that an alternative saves at least.
const AS_GOOD: f64 = 0.8;
/// The share of a statement's cost that obvious indexes may save where none is right.
const NO_GAIN: f64 = 0.1;

#[test]
fn the_set_is_large_and_a_third_of_it_wants_no_index() {
    let cases = Case::all();
    let nothing = cases.iter().filter(|case| case.wants_nothing()).count();
    println!("{} cases, {nothing} of them want no index", cases.len());
    assert!(cases.len() >= 66, "{} cases", cases.len());
    assert!(nothing >= 26 && nothing * 3 >= cases.len(), "{nothing} of {}", cases.len());
}

#[test]
fn every_case_is_complete_and_gives_its_reason() {
    for case in Case::all() {
        let name = &case.name;
        assert!(name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'));
        assert!(case.why.len() > 40 && case.why.ends_with('.'), "{name}: why?");
        assert!(!case.workload.is_empty() && !case.expect.is_empty(), "{name}");
        assert!(!case.wants_nothing() || case.expect.len() == 1, "{name}: nothing, or what?");
        assert!(case.refused_for.is_none() || case.wants_nothing(), "{name}: refuses nothing");
        for rates in &case.rates {
            assert!(rates.hot_updates <= rates.updates, "{name}: {}", rates.table);
            assert!(rates.inserts + rates.updates + rates.deletes > 0, "{name}: {}", rates.table);
        }
        for statement in &case.workload {
            let seconds = statement.seconds_per_day.unwrap_or(1.0);
            assert!(statement.calls_per_day > 0 && seconds > 0.0, "{name}: {}", statement.sql);
        }
        for expected in case.expect.iter().filter(|expected| expected.include_matters) {
            assert!(expected.indexes.iter().any(|ddl| ddl.contains(" include (")), "{name}");
        }
    }
}

/// `CASE=word` looks at the cases alone whose name has this word.
#[tokio::test]
async fn the_planner_agrees_with_every_label() {
    let only = std::env::var("CASE").unwrap_or_default();
    let cluster = cluster(&Case::server()).await;
    println!("{:<44} {:>14} {:>14} {:>8}", "case", "cost before", "after", "saved");
    let cases = Case::all().into_iter().filter(|case| case.name.contains(&only));
    let checks = stream::iter(cases).map(|case| check(case, &cluster)).buffered(2);
    let faults: Vec<String> = checks.collect::<Vec<_>>().await.into_iter().flatten().collect();
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

impl Planned {
    fn cost(&self) -> f64 {
        self.costs.iter().sum()
    }

    /// The greatest share that one statement saves.
    fn best_gain(&self, after: &Self) -> f64 {
        let gains = self.costs.iter().zip(&after.costs).map(|(before, after)| 1.0 - after / before);
        gains.fold(0.0, f64::max)
    }
}

/// What is wrong with a case.
async fn check(case: Case, cluster: &Cluster) -> Option<String> {
    let client = case.load(cluster).await;
    let fault = Check { case: &case, client: &client }.run().await.err();
    fault.map(|fault| format!("{}: {fault}", case.name))
}

/// The label of one case held against its database.
struct Check<'a> {
    case: &'a Case,
    client: &'a Client,
}

/// What the planner says of the workload.
struct Planned {
    /// Of each statement: cost times calls.
    costs: Vec<f64>,
    /// Names of all indexes in its plans.
    indexes: BTreeSet<String>,
}

impl Check<'_> {
    async fn run(&self) -> Result<(), String> {
        for statement in &self.case.workload {
            self.execute(statement).await?;
        }
        if self.case.workload.iter().any(Statement::writes) && self.case.analyze {
            // What was taken back is dead rows.
            on_each_table(self.client, "vacuum (analyze)").await;
        }
        for rates in &self.case.rates {
            self.batch(&format!("select '{}'::regclass", rates.table)).await?;
        }
        if let Some(sql) = &self.case.afterwards {
            self.batch(sql).await?;
        }
        if self.case.wants_nothing() { self.nothing_helps().await } else { self.all_help().await }
    }

    /// Runs a statement and takes back what it did.
    async fn execute(&self, statement: &Statement) -> Result<(), String> {
        for sql in statement.runs_inside.iter().chain([&statement.sql]) {
            self.batch("begin").await?;
            let done = self.batch(sql).await;
            self.batch("rollback").await?;
            done?;
        }
        Ok(())
    }

    async fn batch(&self, sql: &str) -> Result<(), String> {
        self.client.batch_execute(sql).await.map_err(|error| match error.as_db_error() {
            Some(error) => format!("{sql}: {error}"),
            None => format!("{sql}: {error}"),
        })
    }

    /// Each expected index is used, and the workload is cheaper with all of them.
    async fn all_help(&self) -> Result<(), String> {
        let before = self.plan().await?.cost();
        let mut best = None;
        for expected in &self.case.expect {
            self.batch("begin").await?;
            let created = self.create(expected).await?;
            on_each_table(self.client, "analyze").await;
            let after = self.plan().await?;
            self.batch("rollback").await?;
            self.print(before, after.cost());
            for (ddl, names) in expected.indexes.iter().zip(created) {
                if names.is_disjoint(&after.indexes) {
                    return Err(format!("no plan uses: {ddl}"));
                }
            }
            let saved = before - after.cost();
            let wanted = best.map_or(before * WORTH_IT, |best: f64| best * AS_GOOD);
            if saved < wanted {
                return Err(format!("saves {saved:.0}, not {wanted:.0}: {:?}", expected.indexes));
            }
            best = best.or(Some(saved));
        }
        Ok(())
    }

    /// No index on a column that the statements name makes them cheaper, or the case says why it is
    /// refused.
    async fn nothing_helps(&self) -> Result<(), String> {
        let Ok(before) = self.plan().await else {
            return if self.case.afterwards.is_some() {
                Ok(())
            } else {
                self.plan().await.map(drop)
            };
        };
        self.batch("begin").await?;
        for ddl in self.obvious().await {
            self.batch("savepoint candidate").await?;
            // Some types have no order.
            if self.batch(&ddl).await.is_err() {
                self.batch("rollback to candidate").await?;
            }
        }
        let after = self.plan().await?;
        self.batch("rollback").await?;
        self.print(before.cost(), after.cost());
        match (before.best_gain(&after) > NO_GAIN, self.case.refused_for) {
            (true, None) => Err(format!("used after all: {:?}", after.indexes)),
            (false, Some(refusal)) => Err(format!("nothing gains, so what is {refusal:?} about?")),
            _ => Ok(()),
        }
    }

    fn print(&self, before: f64, after: f64) {
        let saved = 100.0 * (before - after) / before;
        println!("{:<44} {before:>14.0} {after:>14.0} {saved:>7.1}%", self.case.name);
    }

    /// Creates the indexes; the names of each one and of its partitions' parts.
    async fn create(&self, expected: &Expected) -> Result<Vec<BTreeSet<String>>, String> {
        let mut created = Vec::new();
        for ddl in &expected.indexes {
            let before = self.indexes().await;
            self.batch(ddl).await?;
            created.push(self.indexes().await.difference(&before).cloned().collect());
        }
        Ok(created)
    }

    async fn indexes(&self) -> BTreeSet<String> {
        let sql = "select relname::text from pg_class where relkind in ('i', 'I')";
        let rows = self.client.query(sql, &[]).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// An index on each column that a statement names.
    async fn obvious(&self) -> Vec<String> {
        let sql = "select format('create index on %s (%I)', c.oid::regclass, a.attname), a.attname::text
            from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0
            where c.relkind in ('r', 'p') and not a.attisdropped
              and c.relnamespace <> all ('{pg_catalog, information_schema, pg_toast}'::regnamespace[])";
        let rows = self.client.query(sql, &[]).await.unwrap();
        let named: BTreeSet<&str> = self
            .case
            .workload
            .iter()
            .flat_map(|s| s.runs_inside.iter().chain([&s.sql]))
            .flat_map(|sql| sql.split(|c: char| !c.is_alphanumeric() && c != '_'))
            .collect();
        rows.iter()
            .filter(|row| named.contains(row.get::<_, &str>(1)))
            .map(|row| row.get(0))
            .collect()
    }

    async fn plan(&self) -> Result<Planned, String> {
        let mut planned = Planned { costs: Vec::new(), indexes: BTreeSet::new() };
        for statement in &self.case.workload {
            let mut cost = 0.0;
            for sql in statement.runs_inside.iter().chain([&statement.sql]) {
                let plan = self.explain(sql).await?;
                cost += plan["Total Cost"].as_f64().unwrap();
                collect_indexes(&plan, &mut planned.indexes);
            }
            planned.costs.push(cost * statement.calls_per_day as f64);
        }
        Ok(planned)
    }

    async fn explain(&self, sql: &str) -> Result<Value, String> {
        let explain = format!("explain (format json) {sql}");
        let rows = self
            .client
            .simple_query(&explain)
            .await
            .map_err(|error| format!("{explain}: {error:?}"))?;
        let text = rows.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0),
            _ => None,
        });
        let plans: Value = serde_json::from_str(text.unwrap()).unwrap();
        Ok(plans[0]["Plan"].clone())
    }
}

fn collect_indexes(plan: &Value, into: &mut BTreeSet<String>) {
    into.extend(plan["Index Name"].as_str().map(str::to_owned));
    for child in plan["Plans"].as_array().into_iter().flatten() {
        collect_indexes(child, into);
    }
}
