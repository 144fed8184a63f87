//! TPC-H: how cheap the advisor makes it.
use std::collections::BTreeSet;
use std::time::Instant;

use erpscope::advise::advisor::{Advisor, Effort, Planned};
use erpscope::advise::candidate::Allowed;
use erpscope::advise::catalog;
use erpscope::advise::plan::read;
use erpscope::advise::plannable::plannable;
use erpscope::advise::select::Limits;
use erpscope::advise::what_if::WhatIf;
use erpscope::config;

#[tokio::main]
async fn main() {
    let url = std::env::var("TPCH_URL").unwrap();
    let flags = config::Flags { url: Some(url), ..config::Flags::default() };
    let sources = config::Sources { file: None, env: Default::default(), flags };
    let server = config::load(&sources).unwrap().config.servers.remove(0);
    let asking = erpscope::pg::connect(&server, "tpch").await.unwrap();
    let client = asking.client();
    let began = Instant::now();
    let mut planned = Vec::new();
    let empty = catalog::read(client, &BTreeSet::new()).await.unwrap();
    let session = erpscope::pg::connect_to_plan(&server, "tpch").await.unwrap();
    let mut what_if = WhatIf::new(session, &empty);
    let mut relations = BTreeSet::new();
    for text in include_str!("queries.sql").split(';') {
        let text: String =
            text.lines().filter(|l| !l.starts_with("--")).collect::<Vec<_>>().join("\n");
        if text.trim().is_empty() {
            continue;
        }
        let variant = plannable(&text).unwrap();
        let answer = what_if.read(&variant).await.unwrap();
        let reading = read(&answer.plan);
        for u in reading.uses.values() {
            relations.insert((u.schema.clone(), u.relation.clone()));
        }
        let cost = answer.plan.cost;
        planned.push(Planned {
            variants: vec![variant],
            seconds: cost,
            cost,
            readings: vec![reading],
        });
    }
    let apart = [2, 17, 20];
    let all = std::env::var("ALL").is_ok();
    for n in apart {
        if !all {
            planned[n - 1].seconds = 0.0;
        }
    }
    let base: f64 = planned.iter().map(|p| p.seconds).sum();
    let catalog = catalog::read(client, &relations).await.unwrap();
    println!("base {base}, read in {:?}", began.elapsed());
    let effort = Effort {
        limits: Limits { bytes: 0.0, number: 50 },
        sizes_of_hypopg: std::env::var("HYPO").is_ok(),
        calls: 10_000,
        planning_ms: 60_000.0,
    };
    let mega = 1_000_000.0;
    let budgets: Vec<Limits> = std::env::var("BUDGETS")
        .unwrap_or("250,500,1000,2000".into())
        .split(',')
        .map(|b| Limits { bytes: b.parse::<f64>().unwrap() * mega, number: 50 })
        .collect();
    let limits = budgets.clone();
    let run = Advisor::new(&mut what_if, &catalog, &planned, effort);
    let found = run
        .run(
            &Allowed {
                values_of: std::env::var("VALUES")
                    .unwrap_or_default()
                    .split(',')
                    .map(str::to_owned)
                    .collect(),
            },
            &budgets,
        )
        .await
        .unwrap();
    for (found, limit) in found.iter().zip(limits) {
        println!(
            "{:>6.0} MB: {:.4} of the cost, {:.0} MB, {} indexes",
            limit.bytes / mega,
            found.model.total(&found.chosen) / base,
            found.model.bytes(&found.chosen) / mega,
            found.chosen.len()
        );
        for id in &found.chosen {
            let d = &found.definitions[*id];
            println!(
                "        {:>6.0} MB {} {}",
                found.model.indexes[*id].bytes / mega,
                catalog.tables[&d.table].name,
                d.body()
            );
        }
        if std::env::var("V").is_ok() {
            for (n, s) in found.model.statements.iter().enumerate() {
                println!(
                    "    {:>2}: {:>12.0} {:.3} of best {:.3}",
                    n + 1,
                    planned[n].cost,
                    s.cost(&found.chosen) / planned[n].cost,
                    s.atoms.iter().map(|a| a.cost).fold(f64::INFINITY, f64::min) / planned[n].cost
                );
            }
        }
    }
    println!(
        "{} calls, {:.0} ms of planning, {:?} in all, {} candidates",
        what_if.calls,
        what_if.planning_ms,
        began.elapsed(),
        found[0].definitions.len()
    );
}
