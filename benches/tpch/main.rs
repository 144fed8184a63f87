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

mod stage;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use erpscope::advise::advisor::{Advisor, Effort, Found, Planned};
use erpscope::advise::candidate::Allowed;
use erpscope::advise::catalog::{self, Catalog};
use erpscope::advise::definition::qualified;
use erpscope::advise::plan::read;
use erpscope::advise::plannable::plannable;
use erpscope::advise::select::Limits;
use erpscope::advise::upkeep::Daily;
use erpscope::advise::what_if::WhatIf;
use erpscope::config::{Flags, Server, Sources, load};
use erpscope::demo::cluster::Cluster;
use tokio_postgres::Client;

const MEGA: f64 = 1e6;
const BUDGETS: [f64; 4] = [250.0, 500.0, 1_000.0, 2_000.0];
/// Their cost without indexes drowns the rest.
const APART: [usize; 3] = [2, 17, 20];
const ROUNDS: usize = 3;

fn main() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tpch");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/tpch/generate.sh");
    assert!(Command::new(script).arg(&folder).status().unwrap().success());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (cluster, client) = stage::set(&folder).await;
        let server = server(&cluster);
        println!("budget, MB  sizes         cost  indexes     MB  seconds  questions");
        for is_of_hypopg in [true, false] {
            for budget in BUDGETS {
                Run { server: &server, client: &client, is_of_hypopg, all: false }
                    .print(budget)
                    .await;
            }
        }
        let all = Run { server: &server, client: &client, is_of_hypopg: true, all: true };
        println!("all 22 statements:");
        all.print(500.0).await;
        execute(&server, &client).await;
    });
}

fn server(cluster: &Cluster) -> Server {
    let url = format!("postgres://erpscope@127.0.0.1:{}/tpch", cluster.port());
    let flags = Flags { url: Some(url), ..Flags::default() };
    let sources = Sources { file: None, env: BTreeMap::new(), flags };
    load(&sources).unwrap().config.servers.remove(0)
}

fn queries() -> Vec<String> {
    let uncommented = |text: &str| {
        let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with("--")).collect();
        lines.join("\n").trim().to_owned()
    };
    let texts = include_str!("queries.sql").split(';').map(uncommented);
    texts.filter(|text| !text.is_empty()).collect()
}

struct Run<'a> {
    server: &'a Server,
    client: &'a Client,
    is_of_hypopg: bool,
    all: bool,
}

impl Run<'_> {
    async fn print(&self, budget: f64) {
        let began = Instant::now();
        let (found, _, base, calls) = self.advise(budget).await;
        println!(
            "{budget:>10}  {:<8} {:>9.4} {:>8} {:>6.0} {:>8.1} {calls:>10}",
            if self.is_of_hypopg { "HypoPG" } else { "ours" },
            found.model.total(&found.chosen) / base,
            found.chosen.len(),
            found.model.bytes(&found.chosen) / MEGA,
            began.elapsed().as_secs_f64()
        );
    }

    /// What is found, the cost without, and the number of questions to the planner.
    async fn advise(&self, budget: f64) -> (Found, Catalog, f64, u64) {
        let empty = catalog::read(self.client, &BTreeSet::new()).await.unwrap();
        let planning = erpscope::pg::connect_to_plan(self.server, "tpch").await.unwrap();
        let mut what_if = WhatIf::new(planning, &empty);
        let mut planned = Vec::new();
        let mut relations = BTreeSet::new();
        for (number, text) in queries().iter().enumerate() {
            let variant = plannable(text).unwrap();
            let answer = what_if.read(&variant).await.unwrap();
            let reading = read(&answer.plan);
            let names = reading.uses.values().map(|u| (u.schema.clone(), u.relation.clone()));
            relations.extend(names);
            let counts = self.all || !APART.contains(&(number + 1));
            planned.push(Planned {
                variants: vec![variant],
                weights: vec![1.0],
                places: Vec::new(),
                seconds: if counts { answer.plan.cost } else { 0.0 },
                cost: answer.plan.cost,
                readings: vec![reading],
            });
        }
        let base = planned.iter().map(|planned| planned.seconds).sum();
        let catalog = catalog::read(self.client, &relations).await.unwrap();
        let limits = Limits { bytes: budget * MEGA, number: 50 };
        let effort = Effort {
            limits,
            lean: false,
            sizes_of_hypopg: self.is_of_hypopg,
            calls: 20_000,
            planning_ms: 60_000.0,
        };
        let daily = Daily::default();
        let advisor = Advisor::new(&mut what_if, &catalog, &daily, &planned, effort);
        let found = advisor.run(&Allowed::default(), &[limits]).await.unwrap().pop().unwrap();
        (found, catalog, base, what_if.calls)
    }
}

/// Real times before and after, at 500 MB of real size.
async fn execute(server: &Server, client: &Client) {
    let run = Run { server, client, is_of_hypopg: false, all: false };
    let (found, catalog, ..) = run.advise(500.0).await;
    let before = times(client).await;
    for id in &found.chosen {
        let definition = &found.definitions[*id];
        let table = qualified(&catalog.tables[&definition.table]);
        let ddl = format!("create index on {table} {}", definition.body());
        println!("{ddl}");
        client.batch_execute(&ddl).await.unwrap();
    }
    client.batch_execute("vacuum analyze").await.unwrap();
    let after = times(client).await;
    println!("statement  before, ms  after, ms  ratio");
    for (number, before) in &before {
        let after = after[number];
        println!("{number:>9} {before:>11.0} {after:>10.0} {:>6.2}", after / before);
    }
    let total = |times: &BTreeMap<usize, f64>| times.values().sum::<f64>();
    println!("    total {:>11.0} {:>10.0}", total(&before), total(&after));
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
