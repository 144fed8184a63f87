//! What the agent remembers is what happened, over restarts, and it can be read meanwhile.

use std::path::Path;
use std::time::Duration;

use erpscope::agent::Agent;
use erpscope::config::Config;
use erpscope::demo::cluster::{Cluster, Options};
use erpscope::history::{History, Period, Place, Reader, StatementSum};
use erpscope::sample::{Outcome, Sampler};
use erpscope::state::ServerSnapshot;
use tokio_postgres::Client;

use crate::rig::{Rig, admin, cluster, config, server, session, value};

fn remembering(cluster: &Cluster, path: &Path) -> Config {
    let mut config = config(vec![server(cluster)]);
    config.usage.interval = Duration::from_secs(1);
    config.history.write_interval = Duration::from_secs(1);
    config.history.path = Some(path.into());
    config
}

fn ever(datname: &str) -> Period {
    let place = Place { server: "erp".into(), datname: datname.into() };
    Period { place, from: 0, until: 1 << 40 }
}

fn usage_runs(server: &ServerSnapshot) -> u64 {
    let record = server.samplers.records.get(&Sampler::Usage);
    record.and_then(|record| record.runs.get(&Outcome::Ok)).copied().unwrap_or(0)
}

/// Two looks at tables from now on: what happened before is in the second.
async fn looks(rig: &Rig) {
    let now = rig.server().as_ref().map_or(0, usage_runs);
    rig.until("looks at tables", |server| usage_runs(server) >= now + 2).await;
}

/// The statement with this text, once it is known.
fn statement(reader: &Reader<'_>, datname: &str, text: &str) -> Option<StatementSum> {
    let sums = reader.statements(&ever(datname)).unwrap().rows;
    sums.into_iter().find(|sum| sum.text.as_deref().is_some_and(|found| found.contains(text)))
}

async fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    for _ in 0..600 {
        if let Some(answer) = ask() {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("not within 30 s: {what}");
}

async fn calls(admin: &Client, text: &str) -> u64 {
    let sql = "select sum(calls)::bigint from pg_stat_statements where query like $1";
    let row = admin.query_one(sql, &[&format!("%{text}%")]).await.unwrap();
    u64::try_from(row.get::<_, i64>(0)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_in_the_file_are_those_of_pg_stat_statements_over_a_restart() {
    let cluster = cluster(&Options::default()).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.db");
    let admin = admin(&cluster).await;
    admin
        .batch_execute(
            "create table sale_order (id int primary key, partner_id int);
             create index sale_order_unused on sale_order (partner_id)",
        )
        .await
        .unwrap();
    for round in 1..=2_u64 {
        let rig = Rig::start(remembering(&cluster, &path));
        rig.until_up().await;
        // The first sample of each is a base.
        rig.samples(1).await;
        looks(&rig).await;
        // A session tells the statistics of what it did at its end at the latest.
        let worker = session(&cluster.url("postgres")).await;
        for id in 0..25 {
            let id = id + i32::try_from(round).unwrap() * 100;
            worker.execute("insert into sale_order values ($1, 1)", &[&id]).await.unwrap();
            worker.query("select partner_id from sale_order where id = $1", &[&id]).await.unwrap();
        }
        drop(worker);
        rig.samples(2).await;
        rig.until("texts", |server| {
            server.statements.shown.iter().any(|shown| {
                shown.query.as_deref().is_some_and(|query| query.contains("select partner_id"))
            })
        })
        .await;
        // While the agent writes.
        let sum = until("the statement in the file", || {
            let reader = History::read_only(&path).ok()?;
            let sum = statement(&reader, "postgres", "select partner_id from sale_order")?;
            (sum.work.calls == round * 25).then_some(sum)
        })
        .await;
        assert_eq!(sum.work.rows, round * 25);
        assert!(sum.work.exec_seconds > 0.0 && sum.work.blocks > 0, "{sum:?}");
        until("the table in the file", || {
            let tables = History::read_only(&path).ok()?.tables(&ever("postgres")).ok()?;
            let table = tables.rows.into_iter().find(|table| table.table == "sale_order")?;
            (table.growth.n_tup_ins == round * 25).then_some(())
        })
        .await;
        let metrics = rig.metrics().await;
        assert_eq!(value(&metrics, "erpscope_history_in_file"), Some(1.0));
        assert_eq!(value(&metrics, "erpscope_history_dropped_rows_total"), Some(0.0));
        assert!(value(&metrics, "erpscope_history_written_rows_total") > Some(0.0));
        assert!(value(&metrics, "erpscope_history_oldest_timestamp_seconds") > Some(1e9));
        rig.agent.stop().await;
    }
    let reader = History::read_only(&path).unwrap();
    let sum = statement(&reader, "postgres", "select partner_id from sale_order").unwrap();
    assert_eq!(sum.work.calls, calls(&admin, "select partner_id from sale_order").await);
    let indexes = reader.indexes(&ever("postgres")).unwrap();
    let index = |name: &str| indexes.rows.iter().find(|index| index.index == name).unwrap();
    let (unused, key) = (index("sale_order_unused"), index("sale_order_pkey"));
    assert_eq!((&*unused.schema, &*unused.table), ("public", "sale_order"));
    assert_eq!((unused.growth.idx_scan, key.growth.idx_tup_read), (0, 50));
    assert_eq!(key.growth.idx_scan, 50);
    assert!(indexes.coverage.seconds > 0.0 && indexes.coverage.resets == 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_written_yet_is_when_the_agent_stops() {
    let cluster = cluster(&Options::default()).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.db");
    let mut config = remembering(&cluster, &path);
    config.history.write_interval = Duration::from_secs(3_600);
    let admin = admin(&cluster).await;
    let rig = Rig::start(config);
    rig.samples(1).await;
    for _ in 0..7 {
        admin.query("select 1 + 1 as never_before", &[]).await.unwrap();
    }
    rig.samples(2).await;
    let Rig { agent } = rig;
    Agent::stop(agent).await;
    let reader = History::read_only(&path).unwrap();
    let sums = reader.statements(&ever("postgres")).unwrap();
    let sevens = sums.rows.iter().filter(|sum| sum.work.calls == 7).count();
    assert_eq!(sevens, 1, "{sums:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_of_an_erp_in_another_database_are_looked_at_and_no_connection_stays() {
    let cluster = cluster(&Options::default()).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.db");
    let admin = admin(&cluster).await;
    for datname in ["shop", "notes"] {
        admin.execute(&format!("create database {datname}"), &[]).await.unwrap();
        let there = session(&cluster.url(datname)).await;
        there.batch_execute("create table ledger_entry (id int primary key)").await.unwrap();
        if datname == "shop" {
            // As Odoo's.
            let tables = ["ir_module_module", "ir_model", "res_partner"];
            for table in tables {
                there.execute(&format!("create table {table} (id int)"), &[]).await.unwrap();
            }
        }
    }
    let rig = Rig::start(remembering(&cluster, &path));
    let table = until("the tables of the ERP", || {
        let tables = History::read_only(&path).ok()?.tables(&ever("shop")).ok()?;
        tables.rows.into_iter().find(|table| table.table == "ledger_entry")
    })
    .await;
    assert_eq!(table.growth, erpscope::history::TableUse::default());
    looks(&rig).await;
    let reader = History::read_only(&path).unwrap();
    assert!(reader.tables(&ever("notes")).unwrap().rows.is_empty(), "no ERP is there");
    let mut elsewhere = 1;
    for _ in 0..600 {
        let sql = "select count(*) from pg_stat_activity
                   where usename = 'erpscope' and datname <> 'postgres'";
        elsewhere = admin.query_one(sql, &[]).await.unwrap().get::<_, i64>(0);
        if elsewhere == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(elsewhere, 0);
    rig.agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_removed_under_the_agent_is_begun_anew_and_told_and_nothing_else_minds() {
    let cluster = cluster(&Options::default()).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.db");
    let admin = admin(&cluster).await;
    admin.batch_execute("create table sale_order (id int primary key)").await.unwrap();
    let rig = Rig::start(remembering(&cluster, &path));
    rig.until_up().await;
    looks(&rig).await;
    until("a file", || path.exists().then_some(())).await;
    std::fs::remove_file(&path).unwrap();
    for id in 0..25 {
        admin.execute("insert into sale_order values ($1)", &[&id]).await.unwrap();
    }
    rig.samples(2).await;
    until("what came after, under its path", || {
        let reader = History::read_only(&path).ok()?;
        let sum = statement(&reader, "postgres", "insert into sale_order")?;
        (sum.work.calls == 25).then_some(())
    })
    .await;
    let metrics = rig.metrics().await;
    assert_eq!(value(&metrics, "erpscope_history_lost_files_total"), Some(1.0));
    assert_eq!(value(&metrics, "erpscope_history_in_file"), Some(1.0));
    assert_eq!(value(&metrics, "erpscope_history_dropped_rows_total"), Some(0.0));
    assert_eq!(rig.get("/readyz").await.0, 200);
    rig.agent.stop().await;
    assert!(
        statement(&History::read_only(&path).unwrap(), "postgres", "insert into sale_order")
            .is_some()
    );
}
