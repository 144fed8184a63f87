//! Two ERPs in one server, each in a database of its own: what is told of each is in its own words.

use std::collections::BTreeSet;
use std::time::Duration;

use erpscope::demo::cluster::Options;
use erpscope::state::ServerSnapshot;
use tokio_postgres::Client;

use crate::findings::{limited, watching};
use crate::rig::{Rig, admin, cluster, named, session};

/// The same names mean different things: `ir_queue` is Tryton's queue of jobs and nothing in Odoo, `stock_move` is both's,
/// `res_currency` is Odoo's and `party_party` Tryton's.
const ODOO: &str = "
    create table ir_module_module (id int); create table ir_model (id int);
    create table res_partner (id int, email varchar, vat varchar, active bool, parent_id int);
    create table mail_mail (id int, state varchar, create_date timestamp);
    create table ir_queue (id int primary key, filler text);
    create table stock_move (id int primary key, filler text)";
const TRYTON: &str = "
    create table ir_module (id int); create table ir_model (id int);
    create table party_party (id int);
    create table party_contact_mechanism (id int, type varchar, value varchar, active bool);
    create table ir_queue (id int primary key, enqueued_at timestamp, scheduled_at timestamp, dequeued_at timestamp,
      finished_at timestamp, filler text);
    create table stock_move (id int primary key, filler text)";

const FILL: &str = "
    insert into ir_queue (id, filler) select n, repeat('x', 100) from generate_series(1, 30000) n;
    insert into stock_move select n, repeat('x', 100) from generate_series(1, 30000) n; analyze;
    grant select on all tables in schema public to erpscope";

async fn scan(client: &Client) {
    for table in ["ir_queue", "stock_move"] {
        let sql = format!("select count(filler) from {table} where filler like $1");
        client.query(&sql, &[&"y%"]).await.unwrap();
    }
}

/// The modules of statements of a database that read a table.
fn modules(server: &ServerSnapshot, datname: &str, table: &str) -> BTreeSet<String> {
    let all = server.statements.shown.iter().filter(|shown| &*shown.datname == datname);
    let part = format!("from {table} where");
    let reads = all.filter(|s| s.query.as_deref().is_some_and(|query| query.contains(&part)));
    reads.map(|shown| shown.module.to_string()).collect()
}

fn words(words: &[&str]) -> BTreeSet<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn statements_tables_queues_keys_and_findings_of_two_erps_are_each_in_its_own_words() {
    let cluster = cluster(&Options::default()).await;
    let client = admin(&cluster).await;
    for (datname, schema) in [("shop", ODOO), ("works", TRYTON)] {
        client.batch_execute(&format!("create database {datname}")).await.unwrap();
        let owner = session(&cluster.url(datname)).await;
        owner.batch_execute(&format!("{schema};{FILL}")).await.unwrap();
    }
    let mut config = limited(watching(&cluster), "large_scans", &[("seconds_per_day", 1.0)]);
    config.upkeep.queues_interval = Duration::from_secs(1);
    config.duplicates.interval = Duration::from_secs(1);
    let rig = Rig::start(config);
    rig.until_up().await;
    let shop = named(&cluster, "shop", "odoo-1").await;
    let works = named(&cluster, "works", "trytond").await;
    let both = |rig: &Rig| {
        let all = rig.snapshot().findings.findings.clone();
        let scans = all.iter().filter(|finding| finding.about.id == "large_scans");
        let told = |candidate: &erpscope::track::findings::Candidate| {
            [&candidate.datname, &candidate.subject, &candidate.module].map(ToString::to_string)
        };
        scans.map(|finding| told(&finding.candidate)).collect::<BTreeSet<_>>()
    };
    let expected: BTreeSet<[String; 3]> = [
        ["shop", "ir_queue", "system"],
        ["shop", "stock_move", "inventory"],
        ["works", "ir_queue", "jobs"],
        ["works", "stock_move", "inventory"],
    ]
    .map(|words| words.map(str::to_owned))
    .into();
    let mut found = BTreeSet::new();
    for _ in 0..300 {
        scan(&shop).await;
        scan(&works).await;
        found = both(&rig);
        if found == expected {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(found, expected);
    let seen = rig
        .until("texts of both", |s| {
            ["shop", "works"].iter().all(|datname| !modules(s, datname, "ir_queue").is_empty())
        })
        .await;
    assert_eq!(modules(&seen, "shop", "ir_queue"), words(&["system"]));
    assert_eq!(modules(&seen, "works", "ir_queue"), words(&["jobs"]));
    for (datname, module) in [("shop", "system"), ("works", "jobs")] {
        let tables = &seen.tables.databases[datname].tables;
        let queue = tables.iter().find(|table| &*table.table == "ir_queue").unwrap();
        assert_eq!(&*queue.module, module, "{datname}");
    }
    let seen = rig
        .until("queues and keys of both", |s| {
            s.queues.databases.contains_key("works") && s.duplicates.databases.contains_key("works")
        })
        .await;
    let queues = |datname: &str| -> BTreeSet<String> {
        let all = seen.queues.databases[datname].queues.iter();
        all.map(|queue| queue.now.name.to_string()).collect()
    };
    // A table by the name of Tryton's queue is none in Odoo.
    assert_eq!((queues("shop"), queues("works")), (words(&["mail"]), words(&["jobs"])));
    let keys = |datname: &str| -> BTreeSet<String> {
        let all = seen.duplicates.databases[datname].keys.iter();
        all.map(|key| key.now.key.name.to_string()).collect()
    };
    assert_eq!(keys("shop"), words(&["partner-email", "partner-tax-id"]));
    assert_eq!(keys("works"), words(&["party-email"]));
    rig.agent.stop().await;
}
