//! Which casts in a join keep an index from being used: the bad joins that are told, against what a real
//! server's planner does.

use std::collections::BTreeSet;

use erpscope::advise::catalog;
use erpscope::advise::constants::Seen;
use erpscope::advise::joins::{BadJoin, Known, Memory, Sign, find};
use erpscope::advise::understood::understand;
use erpscope::advise::what_if::WhatIf;
use erpscope::advise::workload::{Statement, Workload};
use erpscope::demo::cluster::Cluster;
use erpscope::erp::Erp;
use erpscope::pg;
use erpscope::sample::normalise;

use crate::advise_joins::shop;
use crate::rig::server;

/// Types of which the server compares some pairs, with a value of each.
const TYPES: [(&str, &str); 18] = [
    ("int2", "i"),
    ("int4", "i"),
    ("int8", "i"),
    ("numeric", "i"),
    ("float8", "i"),
    ("text", "i"),
    ("varchar", "i"),
    ("varchar(20)", "i"),
    ("char(20)", "i"),
    ("name", "i::text"),
    ("date", "date '2020-01-01' + i"),
    ("timestamp", "timestamp '2020-01-01' + i * interval '1 day'"),
    ("timestamptz", "timestamptz '2020-01-01' + i * interval '1 day'"),
    ("citext", "i::text"),
    ("code", "i::text"),
    ("cidr", "('10.0.0.0'::inet + i)::cidr"),
    ("inet", "'10.0.0.0'::inet + i"),
    ("code_of_ours", "i::text"),
];

/// Casts that people write, beside what the server puts in itself.
const WRITTEN: [(&str, &str); 8] = [
    ("c2::text", "c5"),
    ("c5::bigint", "c2"),
    ("c10::text", "c5"),
    ("c11::date", "c10"),
    ("c5::varchar", "c6"),
    ("c5::varchar(20)", "c6"),
    ("c14::text", "c5"),
    ("c1::bigint", "c2"),
];

#[tokio::test]
async fn which_casts_keep_an_index_from_being_used_is_what_the_server_says() {
    let columns: Vec<String> =
        TYPES.iter().enumerate().map(|(at, (name, _))| format!("c{at} {name}")).collect();
    let values: Vec<&str> = TYPES.iter().map(|(_, value)| *value).collect();
    let indexes: Vec<String> =
        (0..TYPES.len()).map(|at| format!("create index on big (c{at});")).collect();
    let (cluster, shop) = shop(&format!(
        "create extension citext; create domain code as text; create domain code_of_ours as code;
         create table big ({0}); insert into big select {1} from generate_series(1, 3000) i;
         create table few (done bool, {0}); insert into few select i > 20, {1} from generate_series(1, 3000) i; {2}",
        columns.join(", "),
        values.join(", "),
        indexes.join(" ")
    ))
    .await;
    let numbers = 0..TYPES.len();
    let mut pairs: Vec<(String, String)> = numbers
        .clone()
        .flat_map(|b| numbers.clone().map(move |f| (format!("c{b}"), format!("c{f}"))))
        .collect();
    // A `name` has a collation of its own, and what a cast to another collation is, no plan shows.
    pairs.retain(|(_, few)| few != "c9");
    pairs.extend(WRITTEN.map(|(b, f)| (b.to_owned(), f.to_owned())));
    let mut texts = Vec::new();
    let mut unusable = BTreeSet::new();
    shop.batch_execute("set enable_seqscan = off; set enable_hashjoin = off; set enable_mergejoin = off; set enable_material = off").await.unwrap();
    for (big, few) in pairs {
        let (cast, column) = (format!("b.{big}"), big.split(':').next().unwrap().to_owned());
        let text =
            format!("select b.c0 from few f join big b on {cast} = f.{few} where not f.done");
        let Ok(rows) = shop.query(&format!("explain (verbose) {text}"), &[]).await else {
            continue;
        };
        let plan: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        let serves = |line: &String| {
            line.split_once("Index Cond: ")
                .is_some_and(|(_, by)| by.contains(&format!("b.{column}")))
        };
        let by = plan.iter().any(serves);
        if !by {
            unusable.insert(normalise(&text, 1_000));
        }
        assert!(plan.iter().any(|line| line.contains(&format!("b.{column}"))), "{plan:#?}");
        texts.push(text);
    }
    assert!(texts.len() > 80 && unusable.len() > 20, "{} {}", texts.len(), unusable.len());
    let joins = joins(&cluster, &texts).await;
    let told: BTreeSet<String> = joins
        .iter()
        .filter(|join| matches!(join.sign, Sign::DifferentTypes { .. }))
        .flat_map(|join| join.statements.iter().map(|statement| statement.query.clone()))
        .collect();
    let missed: Vec<_> = unusable.difference(&told).collect();
    let wrong: Vec<_> = told.difference(&unusable).collect();
    assert!(missed.is_empty() && wrong.is_empty(), "missed {missed:#?}\nwrong {wrong:#?}");
}

/// What is bad in these statements, each run a thousand times a day. All of them can be planned.
async fn joins(cluster: &Cluster, texts: &[String]) -> Vec<BadJoin> {
    let statements = texts.iter().map(|text| Statement {
        text: text.clone(),
        calls: 1_000.0,
        rows: 20_000.0,
        ..Statement::default()
    });
    let workload = Workload { statements: statements.collect(), days: 7.0 };
    let server = server(cluster);
    let asking = pg::connect(&server, "shop").await.unwrap();
    let planning = pg::connect_to_plan(&server, "shop").await.unwrap();
    let catalog = catalog::read(asking.client(), &BTreeSet::new()).await.unwrap();
    let mut what_if = WhatIf::new(planning, &catalog);
    what_if.look_everywhere().await.unwrap();
    let seen = Seen::default();
    let understood = understand(&mut what_if, asking.client(), &workload, &seen).await.unwrap();
    assert!(understood.skipped.is_empty(), "{:?}", understood.skipped);
    let catalog = catalog::read(asking.client(), &understood.relations).await.unwrap();
    let memory = Memory::ask(&what_if).await.unwrap();
    let erp = Erp::new(Vec::new());
    let known = Known { catalog: &catalog, seen: &seen, memory: &memory, days: 7.0, erp: &erp };
    find(&understood, &known)
}
