//! Two hundred databases of ERPs in one server, twice as many as are shown singly.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use erpscope::demo::cluster::Options;
use erpscope::sample::{Outcome, Sampler};
use erpscope::state::ServerSnapshot;
use erpscope::track::findings::Finding;

use crate::findings::watching;
use crate::rig::{Rig, admin, cluster, session, until_true, value};

const ALL: usize = 200;
/// Those of them that have a label of their own; besides there is `postgres`.
const SINGLE: usize = 40;

/// As Odoo's, with a queue and a key that the role may not read.
const MODEL: &str = "
    create table ir_module_module (id int); create table ir_model (id int);
    create table res_partner (id serial primary key, email varchar, active bool, parent_id int);
    create table mail_mail (id int, state varchar, create_date timestamp);
    create table sale_order (id serial primary key)";

/// Databases of ERPs that were looked into, by each of those who do.
fn looked_into(server: &ServerSnapshot) -> [usize; 4] {
    [
        erps(server.tables.databases.keys()),
        erps(server.catalog.databases.keys()),
        erps(server.queues.databases.keys()),
        erps(server.duplicates.databases.keys()),
    ]
}

fn erps<'a>(datnames: impl Iterator<Item = &'a Arc<str>>) -> usize {
    datnames.filter(|datname| &***datname != "postgres").count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_hundred_databases_those_with_a_label_are_looked_into_in_turn_and_the_rest_is_counted()
 {
    let cluster = cluster(&Options::default().set("autovacuum", "off")).await;
    let client = admin(&cluster).await;
    client.batch_execute("create database model is_template true").await.unwrap();
    let model = session(&cluster.url("model")).await;
    model.batch_execute(MODEL).await.unwrap();
    drop(model);
    until_true(&client, "select count(*) = 0 from pg_stat_activity where datname = 'model'").await;
    for n in 0..ALL {
        client.batch_execute(&format!("create database shop_{n} template model")).await.unwrap();
    }
    let mut config = watching(&cluster);
    config.servers[0].erp = Some("odoo".to_owned());
    config.database.top = SINGLE + 1;
    config.upkeep.queues_interval = Duration::from_secs(1);
    config.duplicates.interval = Duration::from_secs(1);
    let rig = Rig::start(config);
    let (mut at_once, mut looked) = (0, [0; 4]);
    for _ in 0..1_600 {
        let sql = "select count(*) from pg_stat_activity where usename = 'erpscope'";
        at_once = at_once.max(client.query_one(sql, &[]).await.unwrap().get::<_, i64>(0));
        looked = rig.server().as_ref().map_or([0; 4], looked_into);
        if looked == [SINGLE; 4] {
            break;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    assert_eq!(looked, [SINGLE; 4], "tables, catalogs, queues, business keys");
    // Two that stay, one that looks into a database or asks for settings, and the server's end of one that was closed.
    assert!(at_once <= 4, "{at_once} connections at once");
    let seen = rig.server().unwrap();
    assert!(seen.is_up(), "{:?}", seen.connection);
    for (sampler, record) in &seen.samplers.records {
        let bad: Vec<_> =
            record.runs.iter().filter(|(outcome, _)| **outcome != Outcome::Ok).collect();
        assert!(bad.is_empty(), "{sampler:?}: {bad:?}");
    }
    assert!(seen.samplers.records.contains_key(&Sampler::Activity));
    let skipped =
        [seen.tables.skipped, seen.catalog.skipped, seen.queues.skipped, seen.duplicates.skipped];
    assert_eq!(skipped, [0; 4]);
    let text = rig.metrics().await;
    let unwatched = format!("erpscope_databases_unwatched{{server=\"{}\"}}", seen.name);
    // `model` is one, too.
    assert_eq!(value(&text, &unwatched), Some((ALL + 1 - SINGLE) as f64));
    let labels: BTreeSet<&str> = text
        .lines()
        .filter_map(|line| line.split_once("datname=\"")?.1.split('"').next())
        .collect();
    // With `postgres` and `other`.
    assert!(labels.len() <= SINGLE + 3, "{labels:?}");
    let series = text.lines().filter(|line| !line.starts_with('#')).count();
    println!("{at_once} connections at once, {series} series");
    assert!(series < 20_000, "{series}");
    let others = rig.snapshot().findings;
    let of_others = |finding: &Finding| !labels.contains(&*finding.candidate.datname);
    let told: Vec<_> = others.findings.iter().filter(|f| of_others(f)).collect();
    assert!(told.iter().all(|finding| finding.candidate.datname.is_empty()), "{told:#?}");
    rig.agent.stop().await;
}
