//! What the samplers read, against what the server says.

use erpscope::demo::cluster::Options;
use erpscope::pg::connect;
use erpscope::sample::activity;
use erpscope::sample::database::{CATALOGS, ConnectionLimit, Reader, Sample};

use crate::rig::{Rig, admin, cluster, config, server, until_true};

async fn sample(cluster: &erpscope::demo::cluster::Cluster) -> Sample {
    let session = connect(&server(cluster), "postgres").await.unwrap();
    let version: i32 = session
        .client()
        .query_one("select current_setting('server_version_num')::int", &[])
        .await
        .unwrap()
        .get(0);
    let reader = Reader::prepare(session.client(), version).await.unwrap();
    reader.read(session.client()).await.unwrap()
}

/// How many transactions ago that began for which such a holder keeps dead rows.
async fn held_by(cluster: &erpscope::demo::cluster::Cluster, holder: &str) -> Option<u32> {
    let horizon = sample(cluster).await.horizon;
    horizon.iter().find(|(name, _)| name == holder).map(|(_, age)| *age)
}

async fn held_by_sessions(cluster: &erpscope::demo::cluster::Cluster) -> u32 {
    held_by(cluster, "session").await.unwrap_or(0)
}

/// Who is not idle.
async fn sessions(cluster: &erpscope::demo::cluster::Cluster) -> Vec<activity::Session> {
    let session = connect(&server(cluster), "postgres").await.unwrap();
    let reader = activity::Reader::prepare(session.client()).await.unwrap();
    let question = activity::Question::default();
    reader.read(session.client(), &question).await.unwrap().sessions
}

#[tokio::test]
async fn workers_of_a_parallel_query_take_no_connection_of_a_client() {
    let cluster = cluster(&Options::default()).await;
    let (client, busy) = (admin(&cluster).await, admin(&cluster).await);
    client.batch_execute("alter database postgres connection limit 50").await.unwrap();
    let force = "select set_config(name, 'on', false) from pg_settings \
                 where name in ('force_parallel_mode', 'debug_parallel_query')";
    busy.query(force, &[]).await.unwrap();
    let cancel = busy.cancel_token();
    let sleeping = tokio::spawn(async move { busy.batch_execute("select pg_sleep(600)").await });
    let workers =
        "select count(*) > 0 from pg_stat_activity where backend_type = 'parallel worker'";
    until_true(&client, workers).await;
    // The administrator, the sleeper, and we.
    let sample = sample(&cluster).await;
    assert_eq!(sample.server.connections, 3);
    let limit = |datname: &str| {
        let mut all = sample.databases.iter();
        all.find(|database| database.datname == datname).unwrap().connection_limit
    };
    assert_eq!(limit("postgres"), Some(ConnectionLimit { most: 50, used: 3 }));
    assert_eq!(limit("template1"), None);
    cancel.cancel_query(tokio_postgres::NoTls).await.unwrap();
    assert!(sleeping.await.unwrap().is_err());
}

#[tokio::test]
async fn a_vacuum_holds_nothing_back_and_an_open_snapshot_does() {
    let cluster = cluster(&Options::default()).await;
    let (client, slow, reader) =
        (admin(&cluster).await, admin(&cluster).await, admin(&cluster).await);
    client.batch_execute("create table t as select generate_series(1, 200000)").await.unwrap();
    slow.batch_execute("set vacuum_cost_delay = 100; set vacuum_cost_limit = 1").await.unwrap();
    let cancel = slow.cancel_token();
    let vacuuming = tokio::spawn(async move { slow.batch_execute("vacuum t").await });
    let runs = "select count(*) > 0 from pg_stat_progress_vacuum p \
                join pg_stat_activity a using (pid) \
                where a.query = 'vacuum t' and a.backend_xmin is not null";
    until_true(&client, runs).await;
    for _ in 0..60 {
        client.query("select pg_current_xact_id()", &[]).await.unwrap();
    }
    assert!(held_by_sessions(&cluster).await < 50);
    let vacuum =
        sessions(&cluster).await.into_iter().find(|s| s.query.as_deref() == Some("vacuum t"));
    assert_eq!(vacuum.unwrap().xmin_age, None);
    reader.batch_execute("begin isolation level repeatable read; select 1").await.unwrap();
    for _ in 0..60 {
        client.query("select pg_current_xact_id()", &[]).await.unwrap();
    }
    until_true(&client, runs).await;
    assert!(held_by_sessions(&cluster).await >= 60);
    cancel.cancel_query(tokio_postgres::NoTls).await.unwrap();
    assert!(vacuuming.await.unwrap().is_err());
}

#[tokio::test]
async fn who_has_changed_something_holds_vacuum_back_also_without_a_snapshot() {
    let cluster = cluster(&Options::default()).await;
    let (client, writer) = (admin(&cluster).await, admin(&cluster).await);
    client.batch_execute("create table t (n int)").await.unwrap();
    writer.batch_execute("begin; insert into t values (1)").await.unwrap();
    let idle = "select backend_xmin is null and backend_xid is not null from pg_stat_activity \
                where state = 'idle in transaction'";
    until_true(&client, idle).await;
    for _ in 0..60 {
        client.query("select pg_current_xact_id()", &[]).await.unwrap();
    }
    assert!(held_by_sessions(&cluster).await >= 60);
    let seen = sessions(&cluster).await;
    let idle = seen.iter().find(|s| s.state == activity::State::IdleInTransaction);
    assert!(idle.unwrap().xmin_age >= Some(60), "{seen:?}");
    writer.batch_execute("commit").await.unwrap();
    assert!(held_by_sessions(&cluster).await < 60);
}

#[tokio::test]
async fn a_slot_of_decoded_changes_holds_back_the_catalogs_alone_and_a_lost_one_nothing() {
    let options =
        Options::default().set("wal_level", "logical").set("max_slot_wal_keep_size", "1MB");
    let cluster = cluster(&options).await;
    let client = admin(&cluster).await;
    let create = "select pg_create_logical_replication_slot('changes', 'pgoutput')";
    client.batch_execute(create).await.unwrap();
    for _ in 0..60 {
        client.query("select pg_current_xact_id()", &[]).await.unwrap();
    }
    assert!(held_by(&cluster, CATALOGS).await >= Some(60));
    assert_eq!(held_by(&cluster, "replication slot").await, None);
    for table in ["a", "b", "c", "d"] {
        client.batch_execute(&format!("create table {table} (n int)")).await.unwrap();
        client.batch_execute("select pg_switch_wal()").await.unwrap();
    }
    client.batch_execute("checkpoint").await.unwrap();
    let lost = "select wal_status = 'lost' and catalog_xmin is not null from pg_replication_slots";
    until_true(&client, lost).await;
    assert_eq!(held_by(&cluster, CATALOGS).await, None);
}

#[tokio::test]
async fn every_slot_that_is_kept_back_is_counted() {
    let cluster = cluster(&Options::default().set("superuser_reserved_connections", "2")).await;
    let client = admin(&cluster).await;
    let (mut cluster, mut kept) = (cluster, 2);
    let sql = "select count(*) from pg_settings where name = 'reserved_connections'";
    if client.query_one(sql, &[]).await.unwrap().get::<_, i64>(0) == 1 {
        client.batch_execute("alter system set reserved_connections = 5").await.unwrap();
        kept = 7;
        cluster.stop().await.unwrap();
        cluster.start_again().await.unwrap();
    }
    assert_eq!(sample(&cluster).await.server.reserved_connections, kept);
}

#[tokio::test]
async fn one_text_with_odd_bytes_hides_the_texts_of_a_utf8_database_and_that_is_said() {
    let cluster = cluster(&Options::default().set("pg_stat_statements.track", "all")).await;
    let client = admin(&cluster).await;
    client
        .batch_execute(
            "create database legacy encoding 'SQL_ASCII' lc_collate 'C' lc_ctype 'C' template template0",
        )
        .await
        .unwrap();
    let legacy = crate::rig::session(&cluster.url("legacy")).await;
    let rig = Rig::start(config(vec![server(&cluster)]));
    rig.samples(1).await;
    let hex: Vec<String> =
        "select 1 as \"column\u{ff}\"".chars().map(|c| format!("{:02x}", c as u32)).collect();
    let text = hex.concat();
    let odd = format!("do $$ begin execute convert_from('\\x{text}'::bytea, 'SQL_ASCII'); end $$");
    legacy.simple_query(&odd).await.unwrap();
    let texts = erpscope::sample::Sampler::Texts;
    let seen = rig
        .until("texts fail", |s| {
            s.samplers.records.get(&texts).is_some_and(|record| record.failure.is_some())
        })
        .await;
    let said = seen.samplers.records[&texts].failure.clone().unwrap();
    assert!(said.contains("SQL_ASCII"), "{said}");
    rig.samples(1).await;
    rig.agent.stop().await;
}
