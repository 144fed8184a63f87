//! Bad joins on a real server: each kind where it is one, and where it nearly is and must not be told.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use erpscope::config::Hours;
use erpscope::demo::cluster::{Cluster, Options};
use serde_json::Value;
use tokio_postgres::Client;

use crate::rig::{self, Rig, admin, config, server, session, until_true};

/// A server with one database `shop`, made by these statements, and a session in it.
pub(crate) async fn shop(setup: &str) -> (Cluster, Client) {
    shop_with(setup, "32MB").await
}

async fn shop_with(setup: &str, work_mem: &str) -> (Cluster, Client) {
    let options = Options::default().set("autovacuum", "off").set("work_mem", work_mem);
    let (cluster, making) = rig::shop(options).await;
    // A session tells what it has inserted when it ends, or a second later: analyze comes after that.
    making.batch_execute(setup).await.unwrap();
    drop(making);
    let admin = admin(&cluster).await;
    until_true(&admin, "select count(*) = 0 from pg_stat_activity where datname = 'shop'").await;
    let shop = session(&cluster.url("shop")).await;
    shop.batch_execute("analyze").await.unwrap();
    (cluster, shop)
}

/// Runs each statement so often, with what pg_stat_statements counts of them alone.
async fn run(cluster: &Cluster, shop: &Client, statements: &[&str], calls: usize) {
    admin(cluster).await.batch_execute("select pg_stat_statements_reset()").await.unwrap();
    for sql in statements {
        for _ in 0..calls {
            shop.batch_execute(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        }
    }
}

/// The bad joins that `erpscope advise` tells in JSON: kind, subject's tables and columns.
fn told(cluster: &Cluster) -> (BTreeSet<String>, Vec<Value>) {
    let url = format!("postgres://erpscope@127.0.0.1:{}/postgres", cluster.port());
    let output = Command::new(env!("CARGO_BIN_EXE_erpscope"))
        .args(["advise", "--url", &url, "--datname", "shop", "--format", "json"])
        .env_remove("ERPSCOPE_CONFIG")
        .output()
        .unwrap();
    let answers: Value = serde_json::from_slice(&output.stdout).unwrap();
    let joins = answers[0]["bad_joins"].as_array().unwrap_or_else(|| panic!("{answers:#}")).clone();
    let list = |value: &Value| {
        let all: Vec<&str> =
            value.as_array().unwrap().iter().map(|v| v.as_str().unwrap()).collect();
        all.join(" ")
    };
    let name = |join: &Value| {
        let what =
            if list(&join["columns"]).is_empty() { &join["tables"] } else { &join["columns"] };
        format!("{}: {}", join["kind"].as_str().unwrap(), list(what))
    };
    (joins.iter().map(name).collect(), joins)
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

const ORDERS: &str = "
    create table sale_order (id bigint primary key, number varchar(20) unique, partner_id int, state text, kind text, note text);
    insert into sale_order select i, 'SO' || i, i % 500, 's' || i % 300, 'k' || i % 300, repeat('n', 40) from generate_series(1, 60000) i;
    create table sale_order_line (id int primary key, order_id bigint, amount numeric, note text);
    insert into sale_order_line select i, i / 3, i % 97, repeat('l', 60) from generate_series(1, 180000) i;
    create table shop_inbox (id int primary key, order_ref text, number text, done bool);
    insert into shop_inbox select i, i::text, 'SO' || i, i > 5 from generate_series(1, 1000) i;
    create table res_partner (id int primary key, name text);
    insert into res_partner select i, 'p' || i from generate_series(0, 499) i;
    create table day_rate (valid_from int, valid_to int, rate numeric);
    insert into day_rate select i * 100, i * 100 + 99, i from generate_series(0, 599) i;";

#[tokio::test]
async fn keys_of_different_types_are_told_and_those_that_only_look_different_are_not() {
    let (cluster, shop) = shop(ORDERS).await;
    let cast = "select o.note from shop_inbox s join sale_order o on o.id::text = s.order_ref where not s.done";
    run(&cluster, &shop, &[cast], 3).await;
    let (names, joins) = told(&cluster);
    assert_eq!(names, set(&["different_types: sale_order.id shop_inbox.order_ref"]), "{joins:#?}");
    assert_eq!(joins[0]["column_type"], "bigint");
    assert_eq!(joins[0]["other_type"], "text");
    assert_eq!(joins[0]["compared_as"], "text");
    assert_eq!(joins[0]["unusable_index"], "sale_order_pkey");
    assert!(joins[0]["seconds_per_day"].as_f64().unwrap() > 0.0);

    // The other side is cast; or the types have one family of indexes; or everything is wanted anyway.
    let other = "select o.note from shop_inbox s join sale_order o on o.id = s.order_ref::bigint where not s.done";
    let family =
        "select o.note from shop_inbox s join sale_order o on o.number = s.number where not s.done";
    let all =
        "select count(s.id) from sale_order o left join shop_inbox s on o.id::text = s.order_ref";
    run(&cluster, &shop, &[other, family, all], 3).await;
    let (names, joins) = told(&cluster);
    assert!(names.is_empty(), "{joins:#?}");

    // An index on the cast itself.
    shop.batch_execute("create index on sale_order ((id::text)); analyze sale_order")
        .await
        .unwrap();
    run(&cluster, &shop, &[cast], 3).await;
    let (names, joins) = told(&cluster);
    assert!(names.is_empty(), "{joins:#?}");
}

#[tokio::test]
async fn a_join_key_without_an_index_is_told_with_its_column_and_a_report_over_everything_is_not() {
    let (cluster, shop) = shop(ORDERS).await;
    let few = "select l.amount from sale_order o join sale_order_line l on l.order_id = o.id where o.partner_id = 7";
    let inside = "select o.id, (select sum(l.amount) from sale_order_line l where l.order_id = o.id) from sale_order o where o.id < 3";
    let all = "select o.partner_id, sum(l.amount) from sale_order o join sale_order_line l on l.order_id = o.id group by 1";
    run(&cluster, &shop, &[few, inside, all], 3).await;
    let (names, joins) = told(&cluster);
    assert_eq!(names, set(&["unindexed_key: sale_order_line.order_id"]), "{joins:#?}");
    assert_eq!(joins[0]["statements_total"], 2, "{joins:#?}");
    assert!((joins[0]["table_rows"].as_f64().unwrap() - 180_000.0).abs() < 1.0);
    run(&cluster, &shop, &[all], 3).await;
    let (names, joins) = told(&cluster);
    assert!(names.is_empty(), "{joins:#?}");
    shop.batch_execute("create index on sale_order_line (order_id)").await.unwrap();
    run(&cluster, &shop, &[few, inside, all], 3).await;
    let (names, joins) = told(&cluster);
    assert!(names.is_empty(), "{joins:#?}");
}

#[tokio::test]
async fn a_table_that_is_read_again_for_each_row_of_another_is_told_and_a_handful_of_rows_is_not() {
    let (cluster, shop) = shop(ORDERS).await;
    let ranges = "select sum(r.rate) from sale_order o join day_rate r on o.id between r.valid_from and r.valid_to and o.partner_id < 50";
    run(&cluster, &shop, &[ranges], 2).await;
    let (names, joins) = told(&cluster);
    assert_eq!(names, set(&["rescanned: day_rate"]), "{joins:#?}");
    assert!(joins[0]["rounds"].as_f64().unwrap() > 1_000.0, "{joins:#?}");
    shop.batch_execute("delete from day_rate where valid_from > 200; analyze day_rate")
        .await
        .unwrap();
    run(&cluster, &shop, &[ranges], 2).await;
    let (names, joins) = told(&cluster);
    assert!(names.is_empty(), "{joins:#?}");
}

#[tokio::test]
async fn a_hash_join_that_wrote_temporary_files_is_told_and_one_that_fits_is_not() {
    let (cluster, shop) = shop_with(ORDERS, "1MB").await;
    let large = "select sum(length(o.note) + length(l.note)) from sale_order_line l join sale_order o on o.id = l.order_id";
    let small =
        "select count(*), max(p.name) from sale_order o join res_partner p on p.id = o.partner_id";
    shop.batch_execute("set enable_mergejoin = off; set max_parallel_workers_per_gather = 0")
        .await
        .unwrap();
    admin(&cluster)
        .await
        .batch_execute("alter role erpscope set enable_mergejoin = off")
        .await
        .unwrap();
    run(&cluster, &shop, &[large, small], 2).await;
    let (names, joins) = told(&cluster);
    assert_eq!(names, set(&["hash_spill: sale_order.id sale_order_line.order_id"]), "{joins:#?}");
    let figure = |key: &str| joins[0][key].as_f64().unwrap();
    assert!(figure("expected_bytes") > figure("memory_bytes"), "{joins:#?}");
    assert!(figure("temp_bytes_per_call") > 1e6, "{joins:#?}");
    // The same plan where the statement has enough memory: nothing was written.
    shop.batch_execute("set work_mem = '64MB'").await.unwrap();
    run(&cluster, &shop, &[large], 2).await;
    let (names, joins) = told(&cluster);
    assert!(names.is_empty(), "{joins:#?}");
}

#[tokio::test]
async fn an_estimate_that_is_far_off_is_told_either_way_and_one_that_cannot_be_compared_is_not() {
    let (cluster, shop) = shop(ORDERS).await;
    // State and kind go together, which the planner does not know.
    let below = "select o.id, p.name from sale_order o join res_partner p on p.id = o.partner_id where o.state = 's7' and o.kind = 'k7'";
    run(&cluster, &shop, &[below], 25).await;
    let (names, joins) = told(&cluster);
    assert_eq!(names, set(&["wrong_estimate: res_partner sale_order"]), "{joins:#?}");
    assert!((joins[0]["real_rows"].as_f64().unwrap() - 200.0).abs() < 1.0, "{joins:#?}");
    assert!(joins[0]["planned_rows"].as_f64().unwrap() < 10.0, "{joins:#?}");
    let sql = joins[0]["sql"][0].as_str().unwrap();
    assert!(
        sql.starts_with("create statistics ") && sql.contains(" on kind, state from "),
        "{sql}"
    );

    // Too few calls; a limit; a sum of it; both conditions are known to be one.
    run(&cluster, &shop, &[below], 10).await;
    assert!(told(&cluster).0.is_empty());
    let limited = format!("{below} limit 3");
    let summed = below.replace("o.id, p.name", "count(*)");
    let right = below.replace(" and o.kind = 'k7'", "");
    run(&cluster, &shop, &[&limited, &summed, &right], 25).await;
    let (names, joins) = told(&cluster);
    assert!(names.is_empty(), "{joins:#?}");
    // Statistics that were created and have no data tell the planner nothing.
    shop.batch_execute(sql.split_once("; analyze").unwrap().0).await.unwrap();
    run(&cluster, &shop, &[below], 25).await;
    let (names, joins) = told(&cluster);
    assert_eq!(names, set(&["wrong_estimate: res_partner sale_order"]), "{joins:#?}");
    assert_eq!(joins[0]["sql"][0], "analyze public.sale_order;", "{joins:#?}");
    shop.batch_execute(joins[0]["sql"][0].as_str().unwrap()).await.unwrap();
    run(&cluster, &shop, &[below], 25).await;
    let (names, joins) = told(&cluster);
    assert!(names.is_empty(), "{joins:#?}");

    // Numbers that never meet: thousands are expected, none comes.
    shop.batch_execute(
        "create table price_old (a int, b text); insert into price_old select i % 50, 'x' from generate_series(1, 5000) i;
         create table price_new (a int, b text); insert into price_new select i % 50 + 50, 'x' from generate_series(1, 5000) i;
         insert into price_old values (1000, 'x'); insert into price_new values (1000, 'x'); analyze price_old; analyze price_new",
    )
    .await
    .unwrap();
    let above = "select o.b, n.b from price_old o join price_new n on n.b = o.b and n.a = o.a";
    let changes = "update price_old o set b = n.b from price_new n where n.b = o.b and n.a = o.a";
    let first =
        "select o.b, n.b from price_old o join price_new n on n.b = o.b and n.a = o.a limit 1";
    shop.batch_execute("alter table price_old alter a set statistics 1; analyze price_old")
        .await
        .unwrap();
    run(&cluster, &shop, &[above], 25).await;
    let (names, joins) = told(&cluster);
    assert!(names.contains("wrong_estimate: price_new price_old"), "{joins:#?}");
    run(&cluster, &shop, &[changes, first], 25).await;
    let (names, joins) = told(&cluster);
    assert!(!names.iter().any(|name| name.starts_with("wrong_estimate")), "{joins:#?}");
}

#[tokio::test]
async fn the_agent_finds_a_bad_join_once_its_advisor_has_run_and_keeps_it_until_the_next_turn() {
    let (cluster, shop) = shop(ORDERS).await;
    let cast = "select o.note from shop_inbox s join sale_order o on o.id::text = s.order_ref where not s.done";
    run(&cluster, &shop, &[cast], 5).await;
    let mut config = config(vec![server(&cluster)]);
    let second = Duration::from_secs(1);
    config.finding.interval = second;
    config.finding.warm_up = second;
    config.finding.open_after = second;
    config.finding.close_after = second;
    config.finding.rules.get_mut("bad_joins").unwrap().limits.insert("seconds_per_day", 0.1);
    config.advisor.first_after = Duration::from_secs(2);
    config.advisor.hours = Hours::ALWAYS;
    config.advisor.datnames = vec!["shop".into()];
    let rig = Rig::start(config);
    rig.until_up().await;
    let subject = "different types: sale_order.id, shop_inbox.order_ref";
    let found = || {
        let all = rig.snapshot().findings;
        let mut all = all.findings.iter().filter(|finding| finding.about.id == "bad_joins");
        all.find(|finding| *finding.candidate.subject == *subject).cloned()
    };
    let mut finding = found();
    for _ in 0..600 {
        if finding.is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        finding = found();
    }
    let finding = finding.unwrap_or_else(|| panic!("{:#?}", rig.server().unwrap().suggestions));
    let candidate = &finding.candidate;
    assert_eq!((&*candidate.datname, &*candidate.module), ("shop", "sales"));
    assert!(format!("{:?}", candidate.evidence).contains("sale_order_pkey"), "{candidate:?}");
    assert!(candidate.cost_seconds_per_day.unwrap() > 0.0);
    // Mended, it is told of until the advisor's next turn, which is hours away; looks go on meanwhile.
    shop.batch_execute(
        "alter table shop_inbox alter order_ref type bigint using order_ref::bigint",
    )
    .await
    .unwrap();
    let mut looks = BTreeSet::new();
    for _ in 0..600 {
        looks.extend(rig.snapshot().findings.judged);
        if looks.len() > 4 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(looks.len() > 4 && found().is_some());
    let (status, body) = rig.get("/api/v1/suggestions").await;
    assert!(status == 200 && body.contains("\"kind\":\"different_types\""), "{body}");
    rig.agent.stop().await;
}
