//! The statements run: real times without and with the indexes that the default takes, under each budget of real size; in
//! turns, for what else the machine does changes from minute to minute.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use erpscope::advise::advisor::{Found, Judge};
use erpscope::advise::definition::qualified;
use erpscope::config::Server;
use tokio_postgres::Client;

use super::workload::{APART, Task, queries};
use super::{BUDGETS, advise};

/// Turns without and with the indexes; of a statement that seems slower so many more.
const ROUNDS: usize = 3;
const MORE_ROUNDS: usize = 9;

/// What the names of indexes that were found begin with.
pub const FOUND: &str = "found_";

/// A statement is slower if it takes so many times longer.
const SLOWER: f64 = 1.1;

/// Medians of a statement without and with the indexes, in milliseconds.
#[derive(Clone, Copy)]
struct Times {
    without: f64,
    with: f64,
}

impl Times {
    fn ratio(self) -> f64 {
        self.with / self.without
    }
}

/// Prints them.
pub async fn execute(server: &Server, client: &Client) {
    let mut now = BTreeMap::new();
    for number in numbers() {
        now.insert(number, measured(client, number, &[], 1).await.without);
    }
    let mut totals = Vec::new();
    for budget in BUDGETS {
        println!("run, without and with the default's indexes at {budget} MB of real size:");
        let mut task = Task::new(server, client, false).await;
        for (planned, ms) in task.planned.iter_mut().zip(now.values()) {
            planned.seconds = ms / 1e3;
        }
        let found = advise(&mut task, budget, Judge::Visits, false).await;
        let names = create(client, &task, &found).await;
        let mut times = BTreeMap::new();
        for number in numbers() {
            let mut of_it = measured(client, number, &names, ROUNDS).await;
            if of_it.ratio() > SLOWER {
                of_it = measured(client, number, &names, MORE_ROUNDS).await;
            }
            times.insert(number, of_it);
        }
        print(&found, &times);
        for (number, _) in times.iter().filter(|(_, times)| times.ratio() > SLOWER) {
            explain(client, *number, &names).await;
        }
        totals.push((budget, total(&times)));
        client.batch_execute(&drop(&names)).await.unwrap();
    }
    println!("run time of all, s: without and with the indexes");
    for (budget, Times { without, with }) in totals {
        println!("{budget:>6} MB: {:.1} {:.1}", without / 1e3, with / 1e3);
    }
}

fn numbers() -> impl Iterator<Item = usize> {
    (1..=queries().len()).filter(|number| !APART.contains(number))
}

/// What drops them again.
pub fn drop(names: &[String]) -> String {
    if names.is_empty() { String::new() } else { format!("drop index {}", names.join(", ")) }
}

/// Creates what was found; the indexes' names.
pub async fn create(client: &Client, task: &Task, found: &Found) -> Vec<String> {
    let mut names = Vec::new();
    for id in &found.chosen {
        let definition = &found.definitions[*id];
        let table = qualified(&task.catalog.tables[&definition.table]);
        let name = format!("{FOUND}{id}");
        let ddl = format!("create index {name} on {table} {}", definition.body());
        println!("{ddl}");
        client.batch_execute(&ddl).await.unwrap();
        names.push(name);
    }
    client.batch_execute("vacuum analyze").await.unwrap();
    names
}

fn total(times: &BTreeMap<usize, Times>) -> Times {
    Times {
        without: times.values().map(|of| of.without).sum(),
        with: times.values().map(|of| of.with).sum(),
    }
}

/// Prints a line for each statement.
fn print(found: &Found, times: &BTreeMap<usize, Times>) {
    println!(
        "statement  without, ms  with, ms  ratio  judged without   with    ratio  planner's ratio"
    );
    for ((number, times), statement) in times.iter().zip(&found.model.statements) {
        let (none, chosen) = (statement.plan(&BTreeSet::new()), statement.plan(&found.chosen));
        let (none, chosen) = (none.unwrap(), chosen.unwrap());
        println!(
            "{number:>9} {:>12.0} {:>9.0} {:>6.2} {:>15.0} {:>6.0} {:>8.2} {:>16.2}",
            times.without,
            times.with,
            times.ratio(),
            none.cost,
            chosen.cost,
            chosen.cost / none.cost,
            chosen.plan / none.plan
        );
    }
    let total = total(times);
    println!("    total {:>12.0} {:>9.0} {:>6.2}", total.without, total.with, total.ratio());
}

/// Prints why a statement may be slower.
async fn explain(client: &Client, number: usize, names: &[String]) {
    client.batch_execute(&format!("begin; {}", drop(names))).await.unwrap();
    let without = explained(client, number).await;
    client.batch_execute("rollback").await.unwrap();
    let with = explained(client, number).await;
    if shape(&without) == shape(&with) {
        println!("slower: {number}, by the same plan: that is the machine, not the indexes");
    } else {
        println!("slower: {number}; without\n{without}\nwith\n{with}");
    }
}

/// What a plan does, without its figures.
fn shape(plan: &str) -> Vec<String> {
    let nodes = plan.lines().filter(|line| line.contains("(cost=") || line.contains(" Cond: "));
    nodes.map(|line| line.split("  (cost=").next().unwrap_or_default().to_owned()).collect()
}

async fn explained(client: &Client, number: usize) -> String {
    let sql = format!("explain (analyze, buffers, timing off) {}", queries()[number - 1]);
    let rows = client.query(&sql, &[]).await.unwrap();
    rows.iter().map(|row| row.get::<_, &str>(0)).collect::<Vec<_>>().join("\n")
}

/// A statement without these indexes, dropped in a transaction that is rolled back, and with them, in turns.
async fn measured(client: &Client, number: usize, names: &[String], rounds: usize) -> Times {
    let (mut without, mut with) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        client.batch_execute(&format!("begin; {}", drop(names))).await.unwrap();
        without.push(timed(client, number).await);
        client.batch_execute("rollback").await.unwrap();
        with.push(timed(client, number).await);
    }
    Times { without: median(without), with: median(with) }
}

/// Milliseconds; the catalog is read before.
async fn timed(client: &Client, number: usize) -> f64 {
    let text = &queries()[number - 1];
    client.simple_query(&format!("explain {text}")).await.unwrap();
    let began = Instant::now();
    client.simple_query(text).await.unwrap();
    began.elapsed().as_secs_f64() * 1e3
}

fn median(mut of: Vec<f64>) -> f64 {
    of.sort_by(f64::total_cmp);
    of[of.len() / 2]
}
