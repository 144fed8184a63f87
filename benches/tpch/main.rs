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
mod execute;
mod extend;
mod judged;
mod stage;
mod workload;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use erpscope::advise::advisor::{Advisor, Effort, Found, Judge};
use erpscope::advise::candidate::Allowed;
use erpscope::advise::daily::Daily;
use erpscope::advise::select::Limits;
use erpscope::config::{Flags, Server, Sources, load};
use tokio_postgres::Client;

use workload::Task;

const MEGA: f64 = 1e6;
const BUDGETS: [f64; 4] = [250.0, 500.0, 1_000.0, 2_000.0];

/// Samples of the statistics, for `analyze` looks at other rows each time: the first argument that is a
/// number, else 1. With 0 the statements are run and nothing else; with `plans`, plans are, to see how well they are judged.
fn samples() -> usize {
    std::env::args().find_map(|arg| arg.parse().ok()).unwrap_or(1)
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let stage = stage::set().await;
        let server = server(stage.port);
        let client = &stage.client;
        if std::env::args().any(|arg| arg == "plans") {
            judged::judged(&server, client).await;
            return;
        }
        for sample in 1..=samples() {
            if sample == 1 {
                println!("Cost by the planner, relative to primary keys alone; sizes by HypoPG.");
                println!("Extend: the published algorithm. planner: ours, plans judged by the planner's cost as there.");
                println!("default: ours as erpscope advise judges, which counts visits, too: judged.");
            } else {
                client.batch_execute("analyze").await.unwrap();
            }
            println!("sample {sample} of the statistics");
            println!("budget, MB  by       cost    judged  indexes  MB      wall, s  own CPU, s  server's CPU, s  questions");
            for budget in BUDGETS {
                compare(&server, client, budget).await;
            }
        }
        if samples() > 0 {
            println!("all 22 statements:");
            ours(&server, client, 500.0, Judge::Planner, true).await;
        }
        execute::execute(&server, client).await;
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
    watch.print(&task, budget, "Extend", (share, share, extended.number, extended.bytes));
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
    let judged = found.model.total(&found.chosen) / found.model.total(&BTreeSet::new());
    watch.print(&task, budget, by, (share, judged, found.chosen.len(), bytes));
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

    fn print(&self, task: &Task, budget: f64, by: &str, told: (f64, f64, usize, f64)) {
        let (share, judged, number, bytes) = told;
        println!(
            "{budget:>10}  {by:<7} {share:>7.5} {judged:>7.5} {number:>8} {:>6.0} {:>9.1} {:>11.1} {:>16.1} {:>10}",
            bytes / MEGA,
            self.began.elapsed().as_secs_f64(),
            cpu::seconds("self") - self.own,
            cpu::seconds(&task.backend),
            task.what_if.calls,
        );
    }
}
