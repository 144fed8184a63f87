//! The statements run: real times before and after the indexes that the default takes, under each budget of real size.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use erpscope::advise::advisor::{Found, Judge};
use erpscope::advise::definition::qualified;
use erpscope::config::Server;
use tokio_postgres::Client;

use super::workload::{APART, Task, queries};
use super::{BUDGETS, advise};

const ROUNDS: usize = 3;

/// A statement is slower if it takes so many times longer.
const SLOWER: f64 = 1.1;

type Times = BTreeMap<usize, f64>;

/// Prints them.
pub async fn execute(server: &Server, client: &Client) {
    let before = times(client).await;
    let plans_before = plans(client).await;
    let mut totals = Vec::new();
    for budget in BUDGETS {
        println!("run, before and after the default's indexes at {budget} MB of real size:");
        let mut task = Task::new(server, client, false).await;
        for (planned, ms) in task.planned.iter_mut().zip(before.values()) {
            planned.seconds = ms / 1e3;
        }
        let found = advise(&mut task, budget, Judge::Visits, false).await;
        let names = create(client, &task, &found).await;
        let after = times(client).await;
        let slower = compare(&found, &before, &after);
        for number in slower {
            explain(client, number, &plans_before[&number]).await;
        }
        totals.push((budget, total(&after)));
        client.batch_execute(&format!("drop index {}", names.join(", "))).await.unwrap();
    }
    println!("run time of all, s: {:.1} without indexes", total(&before) / 1e3);
    for (budget, ms) in totals {
        println!("{budget:>6} MB: {:.1}", ms / 1e3);
    }
}

/// Creates what was found; the indexes' names.
async fn create(client: &Client, task: &Task, found: &Found) -> Vec<String> {
    let mut names = Vec::new();
    for id in &found.chosen {
        let definition = &found.definitions[*id];
        let table = qualified(&task.catalog.tables[&definition.table]);
        let name = format!("found_{id}");
        let ddl = format!("create index {name} on {table} {}", definition.body());
        println!("{ddl}");
        client.batch_execute(&ddl).await.unwrap();
        names.push(name);
    }
    client.batch_execute("vacuum analyze").await.unwrap();
    names
}

fn total(times: &Times) -> f64 {
    times.values().sum()
}

/// Prints a line for each statement; those that are slower.
fn compare(found: &Found, before: &Times, after: &Times) -> Vec<usize> {
    println!(
        "statement  before, ms  after, ms  ratio  judged before  after    ratio  planner's ratio"
    );
    let mut slower = Vec::new();
    for ((number, before), statement) in before.iter().zip(&found.model.statements) {
        let after = after[number];
        let (none, chosen) = (statement.plan(&BTreeSet::new()), statement.plan(&found.chosen));
        let (none, chosen) = (none.unwrap(), chosen.unwrap());
        println!(
            "{number:>9} {before:>11.0} {after:>10.0} {:>6.2} {:>14.0} {:>6.0} {:>8.2} {:>16.2}",
            after / before,
            none.cost,
            chosen.cost,
            chosen.cost / none.cost,
            chosen.plan / none.plan
        );
        if after > before * SLOWER {
            slower.push(*number);
        }
    }
    println!("    total {:>11.0} {:>10.0}", total(before), total(after));
    slower
}

/// Prints why a statement may be slower.
async fn explain(client: &Client, number: usize, before: &str) {
    let after = explained(client, number).await;
    if shape(before) == shape(&after) {
        println!("slower: {number}, by the same plan: that is the machine, not the indexes");
    } else {
        println!("slower: {number}; before\n{before}\nafter\n{after}");
    }
}

/// What a plan does, without its figures.
fn shape(plan: &str) -> Vec<String> {
    let nodes = plan.lines().filter(|line| line.contains("(cost=") || line.contains(" Cond: "));
    nodes.map(|line| line.split("  (cost=").next().unwrap_or_default().to_owned()).collect()
}

/// The plans of all statements, as they run.
async fn plans(client: &Client) -> BTreeMap<usize, String> {
    let mut plans = BTreeMap::new();
    for number in (1..=queries().len()).filter(|number| !APART.contains(number)) {
        plans.insert(number, explained(client, number).await);
    }
    plans
}

async fn explained(client: &Client, number: usize) -> String {
    let sql = format!("explain (analyze, buffers, timing off) {}", queries()[number - 1]);
    let rows = client.query(&sql, &[]).await.unwrap();
    rows.iter().map(|row| row.get::<_, &str>(0)).collect::<Vec<_>>().join("\n")
}

/// Medians in milliseconds.
async fn times(client: &Client) -> Times {
    let mut times = Times::new();
    for (at, text) in queries().iter().enumerate().filter(|(at, _)| !APART.contains(&(at + 1))) {
        let mut rounds = Vec::new();
        for _ in 0..ROUNDS {
            let began = Instant::now();
            client.simple_query(text).await.unwrap();
            rounds.push(began.elapsed().as_secs_f64() * 1e3);
        }
        rounds.sort_by(f64::total_cmp);
        times.insert(at + 1, rounds[ROUNDS / 2]);
    }
    times
}
