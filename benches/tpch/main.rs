//! TPC-H at scale 1: how cheap the advisor makes it under budgets of storage, and how quickly.
//!
//! Total planner cost relative to primary keys alone, as "Magic mirror in my hand, which is the best
//! in the land?" (Kossmann et al., PVLDB 13(11), 2020) measures advisors; then the statements are run.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a bench is a test with a report"
)]

mod cpu;
mod extend;
mod stage;
mod workload;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use erpscope::advise::advisor::{Advisor, Effort, Found, Judge};
use erpscope::advise::candidate::Allowed;
use erpscope::advise::definition::qualified;
use erpscope::advise::select::Limits;
use erpscope::advise::upkeep::Daily;
use erpscope::config::{Flags, Server, Sources, load};
use tokio_postgres::Client;

use workload::{APART, Task, queries};

const MEGA: f64 = 1e6;
const BUDGETS: [f64; 4] = [250.0, 500.0, 1_000.0, 2_000.0];
const ROUNDS: usize = 3;

/// A statement is slower if it takes so many times longer.
const SLOWER: f64 = 1.1;

/// Samples of the statistics, for `analyze` looks at other rows each time: the first argument that is a
/// number, else 1. With 0 the statements are run and nothing else.
fn samples() -> usize {
    std::env::args().find_map(|arg| arg.parse().ok()).unwrap_or(1)
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let stage = stage::set().await;
        let server = server(stage.port);
        let client = &stage.client;
        for sample in 1..=samples() {
            if sample == 1 {
                println!("Cost by the planner, relative to primary keys alone; sizes by HypoPG.");
                println!("Extend: the published algorithm. planner: ours, plans judged by the planner's cost as there.");
                println!("default: ours as erpscope advise judges, which counts visits, too.");
            } else {
                client.batch_execute("analyze").await.unwrap();
            }
            println!("sample {sample} of the statistics");
            println!("budget, MB  by       cost    indexes  MB      wall, s  own CPU, s  server's CPU, s  questions");
            for budget in BUDGETS {
                compare(&server, client, budget).await;
            }
        }
        if samples() > 0 {
            println!("all 22 statements:");
            ours(&server, client, 500.0, Judge::Planner, true).await;
        }
        execute(&server, client).await;
    });
}

fn server(port: u16) -> Server {
    let url = format!("postgres://erpscope@127.0.0.1:{port}/tpch");
    let flags = Flags { url: Some(url), ..Flags::default() };
    let sources = Sources { file: None, env: BTreeMap::new(), flags };
    load(&sources).unwrap().config.servers.remove(0)
}

async fn compare(server: &Server, client: &Client, budget: f64) {
    let watch = Watch::start();
    let mut task = Task::new(server, client, false).await;
    let extended = extend::extend(&mut task, budget * MEGA).await;
    let share = extended.cost / task.base();
    watch.print(&task, budget, "Extend", (share, extended.number, extended.bytes));
    ours(server, client, budget, Judge::Planner, false).await;
    ours(server, client, budget, Judge::Visits, false).await;
}

/// Our own, and what the planner says in the end of all statements.
async fn ours(server: &Server, client: &Client, budget: f64, judge: Judge, all: bool) {
    let watch = Watch::start();
    let mut task = Task::new(server, client, all).await;
    let found = advise(&mut task, budget, judge, true).await;
    let by = if judge == Judge::Planner { "planner" } else { "default" };
    let bytes = found.model.bytes(&found.chosen);
    let what_if = &mut task.what_if;
    what_if.suppose_only(&found.chosen, &found.definitions, &task.catalog).await.unwrap();
    let share = task.cost().await / task.base();
    watch.print(&task, budget, by, (share, found.chosen.len(), bytes));
}

async fn advise(task: &mut Task, budget: f64, judge: Judge, sizes_of_hypopg: bool) -> Found {
    let limits = Limits { bytes: budget * MEGA, number: 50 };
    let effort = Effort {
        limits,
        lean: false,
        sizes_of_hypopg,
        judge,
        calls: 20_000,
        planning_ms: 60_000.0,
    };
    let daily = Daily::default();
    let advisor = Advisor::new(&mut task.what_if, &task.catalog, &daily, &task.planned, effort);
    advisor.run(&Allowed::default(), &[limits]).await.unwrap().pop().unwrap()
}

/// What a run takes: of the clock, and of processors, which other work on the machine does not lengthen.
struct Watch {
    began: Instant,
    own: f64,
}

impl Watch {
    fn start() -> Self {
        Self { began: Instant::now(), own: cpu::seconds("self") }
    }

    fn print(&self, task: &Task, budget: f64, by: &str, (share, number, bytes): (f64, usize, f64)) {
        println!(
            "{budget:>10}  {by:<7} {share:>7.5} {number:>8} {:>6.0} {:>9.1} {:>11.1} {:>16.1} {:>10}",
            bytes / MEGA,
            self.began.elapsed().as_secs_f64(),
            cpu::seconds("self") - self.own,
            cpu::seconds(&task.backend),
            task.what_if.calls,
        );
    }
}

/// Real times before and after, at 500 MB of real size.
async fn execute(server: &Server, client: &Client) {
    println!("run, before and after the default's indexes at 500 MB of real size:");
    let mut task = Task::new(server, client, false).await;
    let before = times(client).await;
    for (planned, ms) in task.planned.iter_mut().zip(before.values()) {
        planned.seconds = ms / 1e3;
    }
    let found = advise(&mut task, 500.0, Judge::Visits, false).await;
    let catalog = &task.catalog;
    let plans_before = plans(client).await;
    for id in &found.chosen {
        let definition = &found.definitions[*id];
        let table = qualified(&catalog.tables[&definition.table]);
        let ddl = format!("create index on {table} {}", definition.body());
        println!("{ddl}");
        client.batch_execute(&ddl).await.unwrap();
    }
    client.batch_execute("vacuum analyze").await.unwrap();
    let after = times(client).await;
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
    let total = |times: &BTreeMap<usize, f64>| times.values().sum::<f64>();
    println!("    total {:>11.0} {:>10.0}", total(&before), total(&after));
    for number in slower {
        if shape(&plans_before[&number]) == shape(&explained(client, number).await) {
            println!("slower: {number}, by the same plan: that is the machine, not the indexes");
            continue;
        }
        println!("slower: {number}; before");
        println!("{}", plans_before[&number]);
        println!("after");
        println!("{}", explained(client, number).await);
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
async fn times(client: &Client) -> BTreeMap<usize, f64> {
    let mut times = BTreeMap::new();
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
