//! The statements of TPC-H as the advisor takes them.

use std::collections::BTreeSet;

use erpscope::advise::advisor::Planned;
use erpscope::advise::catalog::{self, Catalog};
use erpscope::advise::plan::read;
use erpscope::advise::plannable::plannable;
use erpscope::advise::what_if::WhatIf;
use erpscope::config::Server;
use tokio_postgres::Client;

/// Their cost without indexes drowns the rest.
pub const APART: [usize; 3] = [2, 17, 20];

/// All 22, the first first.
pub fn queries() -> Vec<String> {
    let uncommented = |text: &str| {
        let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with("--")).collect();
        lines.join("\n").trim().to_owned()
    };
    let texts = include_str!("queries.sql").split(';').map(uncommented);
    texts.filter(|text| !text.is_empty()).collect()
}

/// What an advisor begins with.
pub struct Task {
    pub what_if: WhatIf,
    pub catalog: Catalog,
    pub planned: Vec<Planned>,
    /// The process that plans.
    pub backend: String,
}

impl Task {
    /// Plans every statement as things are; `all` with those whose cost drowns the rest.
    pub async fn new(server: &Server, client: &Client, all: bool) -> Self {
        let empty = catalog::read(client, &BTreeSet::new()).await.unwrap();
        let planning = erpscope::pg::connect_to_plan(server, "tpch").await.unwrap();
        let sql = "select pg_backend_pid()";
        let backend: i32 = planning.client().query_one(sql, &[]).await.unwrap().get(0);
        let mut what_if = WhatIf::new(planning, &empty);
        let mut planned = Vec::new();
        let mut relations = BTreeSet::new();
        for (number, text) in queries().iter().enumerate() {
            if !all && APART.contains(&(number + 1)) {
                continue;
            }
            let variant = plannable(text).unwrap();
            let answer = what_if.read(&variant).await.unwrap();
            let reading = read(&answer.plan);
            let names = reading.uses.values().map(|u| (u.schema.clone(), u.relation.clone()));
            relations.extend(names);
            planned.push(Planned {
                variants: vec![variant],
                weights: vec![1.0],
                places: Vec::new(),
                seconds: answer.plan.cost,
                calls: 1.0,
                cost: answer.plan.cost,
                readings: vec![reading],
            });
        }
        let catalog = catalog::read(client, &relations).await.unwrap();
        Self { what_if, catalog, planned, backend: backend.to_string() }
    }

    /// Cost of all statements without any further index.
    pub fn base(&self) -> f64 {
        self.planned.iter().map(|planned| planned.cost).sum()
    }

    /// Cost of all statements with the indexes that are supposed now.
    pub async fn cost(&mut self) -> f64 {
        let mut cost = 0.0;
        for planned in &self.planned {
            cost += self.what_if.plan(&planned.variants[0]).await.unwrap().plan.cost;
        }
        cost
    }
}
