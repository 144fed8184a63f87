//! `erpscope locks` on real waits.

use std::time::Duration;

use erpscope::config::Server;
use erpscope::demo::cluster::Options;
use erpscope::export::locks::Locks;
use erpscope::locks::{Asking, Declared, LocksError};
use erpscope::track::lock_tree::{Blocker, LockTree};
use tokio_postgres::Client;

use crate::rig::{admin, cluster, named, server, session};

async fn begin(server: &Server) -> Result<Asking, LocksError> {
    Asking::begin(server, &Declared::default()).await
}

/// Runs SQL that is going to wait, in a task of its own.
fn waiting(client: Client, sql: &str) {
    let sql = sql.to_owned();
    tokio::spawn(async move {
        if let Err(error) = client.batch_execute(&sql).await {
            eprintln!("{sql}: {error:?}");
        }
    });
}

fn text(tree: &LockTree) -> String {
    Locks { server: "erp", is_current: true, tree, long_transactions: &[] }.text()
}

async fn until_victims(asking: &mut Asking, victims: usize) -> LockTree {
    for _ in 0..200 {
        let locks = asking.ask().await.unwrap().tree;
        // A wait has no start in its first instant.
        if locks.victims == victims && locks.roots.iter().all(settled) {
            return locks;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("not {victims} victims:\n{}", text(&asking.ask().await.unwrap().tree));
}

fn settled(blocker: &Blocker) -> bool {
    blocker.waits_for.as_ref().is_none_or(|wait| !wait.mode.is_empty())
        && blocker.victims.iter().all(settled)
}

#[tokio::test]
async fn an_idle_transaction_is_the_root_and_its_victims_stand_under_it() {
    let cluster = cluster(&Options::default()).await;
    let client = admin(&cluster).await;
    client.batch_execute("create table stock_quant (id int primary key, n int); insert into stock_quant values (1, 0), (2, 0)").await.unwrap();
    let mut asking = begin(&server(&cluster)).await.unwrap();
    assert_eq!(text(&asking.ask().await.unwrap().tree), "erp: nobody waits for a lock");
    let root = named(&cluster, "postgres", "partner-import").await;
    root.batch_execute("begin; update stock_quant set n = 41 where id = 1").await.unwrap();
    let second = named(&cluster, "postgres", "odoo-17").await;
    second.batch_execute("begin; update stock_quant set n = 42 where id = 2").await.unwrap();
    waiting(second, "update stock_quant set n = 43 where id = 1");
    until_victims(&mut asking, 1).await;
    waiting(
        named(&cluster, "postgres", "nasty\u{1b}[2Jname").await,
        "update stock_quant set n = 44 where id = 2",
    );
    until_victims(&mut asking, 2).await;
    waiting(
        named(&cluster, "postgres", "psql").await,
        "alter table stock_quant add column note text",
    );
    let locks = until_victims(&mut asking, 3).await;
    assert_eq!((locks.roots.len(), locks.depth), (1, 2));
    let top = &locks.roots[0];
    assert_eq!((&*top.application_name, top.state), ("partner-import", "idle in transaction"));
    assert_eq!(top.query.as_deref(), Some("begin; update stock_quant set n = ? where id = ?"));
    assert_eq!(top.remedy, [format!("select pg_terminate_backend({});", top.pid.unwrap())]);
    let table =
        top.victims.iter().find(|v| *v.application == *"psql").unwrap().waits_for.as_ref().unwrap();
    assert_eq!(
        (&*table.mode, table.object.as_str()),
        ("AccessExclusiveLock", "public.stock_quant")
    );
    assert_eq!(&*table.module, "inventory");
    let drawn = text(&locks);
    for part in [
        "1 root blocker, 3 victims, 2 deep",
        "partner-import (postgres@postgres)  idle in transaction for",
        "to end it: select pg_terminate_backend(",
        "├─ pid",
        "│  └─ pid",
        "for AccessExclusiveLock on public.stock_quant [inventory]",
    ] {
        assert!(drawn.contains(part), "{part} in\n{drawn}");
    }
    assert!(!drawn.contains("= 4"), "{drawn}");
    assert!(!drawn.contains('\u{1b}'), "a client does not steer the terminal");
    root.batch_execute("rollback").await.unwrap();
}

#[tokio::test]
async fn an_active_root_can_be_cancelled_and_advisory_locks_are_told() {
    let cluster = cluster(&Options::default()).await;
    let mut asking = begin(&server(&cluster)).await.unwrap();
    waiting(
        named(&cluster, "postgres", "report").await,
        "select pg_advisory_lock(7), pg_sleep(60)",
    );
    let client = admin(&cluster).await;
    for _ in 0..200 {
        let row = client
            .query_one("select count(*) from pg_locks where locktype = 'advisory' and granted", &[])
            .await
            .unwrap();
        if row.get::<_, i64>(0) == 1 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    waiting(named(&cluster, "postgres", "job").await, "select pg_advisory_lock(7)");
    let locks = until_victims(&mut asking, 1).await;
    let root = &locks.roots[0];
    assert!(root.remedy[0].starts_with("select pg_cancel_backend("), "{:?}", root.remedy);
    let wait = root.victims[0].waits_for.as_ref().unwrap();
    assert_eq!((&*wait.mode, wait.object.as_str()), ("ExclusiveLock", "advisory"));
    assert_eq!(root.query.as_deref(), Some("select pg_advisory_lock(?), pg_sleep(?)"));
}

#[tokio::test]
async fn a_prepared_transaction_is_a_root_without_a_session() {
    let cluster = cluster(&Options::default().set("max_prepared_transactions", "5")).await;
    let client = admin(&cluster).await;
    client
        .batch_execute("create table t (id int primary key); insert into t values (1)")
        .await
        .unwrap();
    client
        .batch_execute("begin; update t set id = 2; prepare transaction 'it''s open'")
        .await
        .unwrap();
    waiting(named(&cluster, "postgres", "shop").await, "update t set id = 3");
    let mut asking = begin(&server(&cluster)).await.unwrap();
    let locks = until_victims(&mut asking, 1).await;
    assert_eq!((locks.roots[0].pid, locks.roots[0].state), (None, "prepared transaction"));
    assert_eq!(locks.roots[0].remedy, ["rollback prepared 'it''s open';"]);
    client.batch_execute("rollback prepared 'it''s open'").await.unwrap();
}

#[tokio::test]
async fn relations_of_another_database_have_their_names() {
    let cluster = cluster(&Options::default()).await;
    admin(&cluster).await.batch_execute("create database erp2").await.unwrap();
    let root = session(&cluster.url("erp2")).await;
    root.batch_execute("create table sale_order (id int)").await.unwrap();
    root.batch_execute("begin; lock table sale_order").await.unwrap();
    waiting(named(&cluster, "erp2", "odoo-1").await, "select * from sale_order");
    let mut asking = begin(&server(&cluster)).await.unwrap();
    let locks = until_victims(&mut asking, 1).await;
    let wait = locks.roots[0].victims[0].waits_for.as_ref().unwrap();
    assert_eq!((wait.object.as_str(), &*wait.module), ("public.sale_order", "sales"));
}

#[tokio::test]
async fn a_relation_of_a_database_that_cannot_be_entered_is_told_by_its_number() {
    let cluster = cluster(&Options::default()).await;
    let client = admin(&cluster).await;
    client.batch_execute("create database closed").await.unwrap();
    let root = session(&cluster.url("closed")).await;
    root.batch_execute("create table sale_order (id int)").await.unwrap();
    let sql = "select 'sale_order'::regclass::oid";
    let oid: u32 = root.query_one(sql, &[]).await.unwrap().get(0);
    root.batch_execute("begin; lock table sale_order").await.unwrap();
    waiting(named(&cluster, "closed", "odoo-1").await, "select * from sale_order");
    client.batch_execute("revoke connect on database closed from public").await.unwrap();
    let mut asking = begin(&server(&cluster)).await.unwrap();
    let locks = until_victims(&mut asking, 1).await;
    let wait = locks.roots[0].victims[0].waits_for.as_ref().unwrap();
    // Its statement tells the module all the same.
    assert_eq!((&wait.object, &*wait.module), (&format!("relation {oid}"), "sales"));
}

#[tokio::test]
async fn without_pg_monitor_the_tree_stands_and_texts_are_missing() {
    let cluster = cluster(&Options::default()).await;
    let client = admin(&cluster).await;
    client.batch_execute("revoke pg_monitor from erpscope; create table t (id int)").await.unwrap();
    let root = named(&cluster, "postgres", "root").await;
    root.batch_execute("begin; lock table t").await.unwrap();
    waiting(named(&cluster, "postgres", "victim").await, "select * from t");
    let mut asking =
        begin(&Server { statement_timeout: Duration::from_secs(5), ..server(&cluster) })
            .await
            .unwrap();
    for _ in 0..100 {
        let locks = asking.ask().await.unwrap().tree;
        // What kind of wait a session is in is hidden from such a role, too.
        assert!(locks.victims <= 1);
        assert!(locks.roots.iter().all(|root| root.query.is_none()));
        if locks.victims == 1 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(text(&asking.ask().await.unwrap().tree).contains("nobody waits"));
}

/// A database in SQL_ASCII lets in any bytes, and other databases show them.
#[tokio::test]
async fn a_statement_that_is_no_utf8_hides_no_wait() {
    use std::os::unix::ffi::OsStrExt;
    let cluster = cluster(&Options::default()).await;
    let client = admin(&cluster).await;
    client
        .batch_execute(
            "create database legacy encoding 'SQL_ASCII' lc_collate 'C' lc_ctype 'C' template template0",
        )
        .await
        .unwrap();
    let root = session(&cluster.url("legacy")).await;
    root.batch_execute("select pg_advisory_lock(7)").await.unwrap();
    let mut psql = std::process::Command::new("psql")
        .args(["-X", "-d", &cluster.url("legacy"), "-c"])
        .arg(std::ffi::OsStr::from_bytes(b"select pg_advisory_lock(7) as \"caf\xe9\""))
        .env("PGCLIENTENCODING", "SQL_ASCII")
        .stdout(std::process::Stdio::null())
        .spawn()
        .expect("psql comes with the server");
    let mut asking = begin(&server(&cluster)).await.unwrap();
    let locks = until_victims(&mut asking, 1).await;
    let query = locks.roots[0].victims[0].query.clone().unwrap();
    assert_eq!(*query, *"select pg_advisory_lock(?) as \"caf\u{fffd}\"");
    root.batch_execute("select pg_advisory_unlock(7)").await.unwrap();
    psql.wait().unwrap();
}
