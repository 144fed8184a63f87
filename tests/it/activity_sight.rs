//! What the agent may see and what it must not do: a role with few rights, parallel workers, DDL
//! that would queue it, names of any bytes, a server in recovery.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use erpscope::demo::cluster::Options;
use erpscope::sample::{Outcome, Sampler};
use futures_util::future::{join, join_all};
use serde_json::Value;

use crate::clients::{
    Client, Looks, ODOO, count, events, list, runs, seconds, until_locks, until_sampling,
    until_settled, watched,
};
use crate::rig::{Rig, admin, cluster, config, server, session, sum, until_true};

/// Each worker of a parallel statement waits for the table, and so does its leader.
const LOOKS_INTO_SALES: &str = "create table sale_order (id int) with (parallel_workers = 0); \
    insert into sale_order values (1); \
    create function sold(int) returns bigint language plpgsql parallel safe \
    as $$ begin return (select count(*) from sale_order); end $$";
const PARALLEL: &str = "set max_parallel_workers_per_gather = 2; set parallel_setup_cost = 0; \
    set parallel_tuple_cost = 0; set min_parallel_table_scan_size = 0; set enable_indexscan = off; \
    set enable_bitmapscan = off; set jit = off";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_and_its_workers_are_one_victim() {
    let (cluster, rig) = watched(&Options::default()).await;
    let looks = Looks::watch(&rig);
    let client = admin(&cluster).await;
    client.batch_execute(LOOKS_INTO_SALES).await.unwrap();
    client.batch_execute("alter table stock_quant set (parallel_workers = 2)").await.unwrap();
    let (root, reader) = (
        Client::connect(&cluster, "psql").await,
        Client::connect(&cluster, "Metabase v0.50").await,
    );
    reader.run(PARALLEL).await;
    root.run("begin; lock table sale_order").await;
    let (ran, (waiting, released)) = join(reader.run("select sum(sold(n)) from stock_quant"), async {
        let sql = "select count(*) from pg_stat_activity where leader_pid is not null and wait_event_type = 'Lock'";
        let mut workers = 0;
        for _ in 0..600 {
            workers = client.query_one(sql, &[]).await.unwrap().get::<_, i64>(0);
            if workers == 2 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(workers, 2, "two workers wait");
        let waiting = SystemTime::now();
        let seen = until_locks(&rig, "a victim", |locks| locks["victims"] == 1).await;
        assert_eq!(seen["roots"][0]["victims"][0]["pid"], reader.pid);
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        (waiting, root.run("commit").await)
    })
    .await;
    until_settled(&rig).await;
    let waits = events(&rig, "lock_wait").await;
    assert_eq!(waits.len(), 1, "one wait, however many processes: {waits:#?}");
    assert_eq!(waits[0]["waiter"]["pid"], reader.pid);
    assert_eq!(waits[0]["roots"][0]["pid"], root.pid);
    let told = waits[0]["seconds"].as_f64().unwrap();
    let held = seconds(waiting, released.sent);
    let margin = 0.15 + looks.late(ran.sent, ran.answered + Duration::from_millis(200));
    assert!(told > held - margin, "{told} of {held} s at least");
    assert!(told < ran.seconds() + margin, "{told} of {} s at most", ran.seconds());
    let slow = events(&rig, "slow_transaction").await;
    let of_reader: Vec<&Value> =
        slow.iter().filter(|one| one["application"] == "metabase").collect();
    assert_eq!(of_reader.len(), 1, "no transaction twice: {slow:#?}");
    assert_eq!(of_reader[0]["pid"], reader.pid);
    rig.agent.stop().await;
}

/// So slow that somebody can come to wait for it.
const COUNTS_SLOWLY: &str = "create function counted(int) returns int language plpgsql parallel safe \
    as $$ begin perform pg_sleep(0.006); return 1; end $$";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_and_its_workers_are_one_root() {
    let (cluster, rig) = watched(&Options::default()).await;
    let client = admin(&cluster).await;
    client.batch_execute(COUNTS_SLOWLY).await.unwrap();
    client.batch_execute("alter table stock_quant set (parallel_workers = 2)").await.unwrap();
    let root = Client::connect(&cluster, "Metabase v0.50").await;
    let waiter = Client::connect(&cluster, "psql").await;
    root.run(PARALLEL).await;
    let (_, (seen, _)) = join(root.run("select sum(counted(n)) from stock_quant"), async {
        until_holding(&client, "l.relation = 'stock_quant'::regclass", 3).await;
        let seen = until_locks(&rig, "a victim", |locks| locks["victims"] == 1);
        join(seen, waiter.run("begin; lock table stock_quant; commit")).await
    })
    .await;
    assert_eq!(list(&seen, "roots").len(), 1, "{seen:#}");
    assert_eq!(seen["roots"][0]["pid"], root.pid);
    assert_eq!(list(&seen["roots"][0], "victims").len(), 1);
    until_settled(&rig).await;
    let waits = events(&rig, "lock_wait").await;
    assert_eq!((waits.len(), list(&waits[0], "roots").len()), (1, 1), "{waits:#?}");
    rig.agent.stop().await;
}

/// Until so many processes hold a lock that is so.
async fn until_holding(client: &tokio_postgres::Client, what: &str, wanted: i64) {
    let held = "select count(distinct l.pid)";
    let question = format!("{held} = {wanted} from pg_locks l where l.granted and {what}");
    until_true(client, &question).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_pg_monitor_waits_and_applications_are_told_and_texts_are_not() {
    let cluster = cluster(&Options::default()).await;
    let client = admin(&cluster).await;
    client.batch_execute(ODOO).await.unwrap();
    client.batch_execute("revoke pg_monitor from erpscope").await.unwrap();
    let mut config = config(vec![server(&cluster)]);
    config.locks.report_after = Duration::ZERO;
    let rig = Rig::start(config);
    until_sampling(&rig).await;
    let looks = Looks::watch(&rig);
    let holder = Client::connect(&cluster, "Metabase v0.50").await;
    let waiter = Client::connect(&cluster, "odoo-1").await;
    // In its transaction, and in none at all.
    for (take, want, give) in [
        ("begin; lock table stock_quant", "select 'Geheim' from stock_quant", "commit"),
        (
            "select pg_advisory_lock(7)",
            "select pg_advisory_lock(7)",
            "select pg_advisory_unlock(7)",
        ),
    ] {
        let before = events(&rig, "lock_wait").await.len();
        holder.run(take).await;
        let (ran, released) = join(waiter.run(want), async {
            let seen = until_locks(&rig, "a victim", |locks| locks["victims"] == 1).await;
            let root = &seen["roots"][0];
            assert_eq!(
                (&root["application"], &root["state"]),
                (&"metabase".into(), &"hidden".into())
            );
            assert_eq!(root["victims"][0]["application"], "odoo", "{seen:#}");
            assert_eq!(
                (&root["query"], &root["victims"][0]["query"]),
                (&Value::Null, &Value::Null)
            );
            tokio::time::sleep(Duration::from_millis(700)).await;
            holder.run(give).await
        })
        .await;
        until_settled(&rig).await;
        let waits = events(&rig, "lock_wait").await;
        assert_eq!(waits.len(), before + 1, "{waits:#?}");
        let wait = &waits[before];
        let told = wait["seconds"].as_f64().unwrap();
        let margin = 0.15 + looks.late(ran.sent, ran.answered + Duration::from_millis(200));
        let held = seconds(ran.sent, released.sent);
        assert!(told > held - margin && told < ran.seconds() + margin, "{told} of {held} s");
        assert_eq!(
            (&wait["waiter"]["application"], &wait["waiter"]["pid"]),
            (&"odoo".into(), &waiter.pid.into())
        );
        assert_eq!(
            (&wait["roots"][0]["pid"], &wait["waiter"]["query"]),
            (&holder.pid.into(), &Value::Null)
        );
    }
    let metrics = rig.metrics().await;
    assert_eq!(
        count(
            &metrics,
            "erpscope_lock_waits_total",
            "application=\"odoo\",root_application=\"metabase\""
        ),
        2
    );
    assert!(sum(&metrics, "erpscope_sessions", "state=\"hidden\"") >= 2.0, "{metrics}");
    let (_, ready) = rig.get("/readyz").await;
    assert!(ready.contains("grant it pg_monitor"), "{ready}");
    rig.agent.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_agent_never_queues_behind_ddl() {
    let (cluster, rig) = watched(&Options::default()).await;
    let reader = Client::connect(&cluster, "Metabase v0.50").await;
    reader.run("begin; select count(*) from stock_quant").await;
    let mut waiting = Vec::new();
    // The second waits behind the first, which has nothing yet.
    for sql in ["alter table stock_quant add column note text", "select count(*) from stock_quant"]
    {
        let client = Client::connect(&cluster, "psql").await;
        waiting.push(tokio::spawn(async move { client.run(sql).await }));
        let so_far = waiting.len();
        until_locks(&rig, "one more waits", |locks| locks["victims"] == so_far).await;
    }
    let samplers = [Sampler::Database, Sampler::Statements, Sampler::Activity, Sampler::Blockers];
    let before = rig.server().unwrap();
    let seen = rig
        .until("some more of every sampler", |server| {
            samplers.iter().all(|sampler| runs(server, *sampler) > runs(&before, *sampler) + 3)
        })
        .await;
    for (sampler, record) in &seen.samplers.records {
        let failed = record.runs.iter().filter(|(outcome, _)| **outcome != Outcome::Ok);
        assert_eq!(failed.count(), 0, "{}: {record:?}", sampler.name());
    }
    let named = until_locks(&rig, "the table has its name", |locks| {
        locks["roots"][0]["victims"][0]["waits_for"]["object"] == "public.stock_quant"
    })
    .await;
    assert_eq!((&named["depth"], &named["roots"][0]["pid"]), (&2.into(), &reader.pid.into()));
    reader.run("commit").await;
    join_all(waiting).await;
    rig.agent.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_of_any_bytes_are_bounded_labels_and_valid_json() {
    let (cluster, rig) = watched(&Options::default()).await;
    admin(&cluster)
        .await
        .batch_execute("create database legacy encoding 'SQL_ASCII' lc_collate 'C' lc_ctype 'C' template template0")
        .await
        .unwrap();
    rig.until("the database has a label", |server| server.databases.shown.contains_key("legacy"))
        .await;
    // Bytes that no text has, and those that mean something in JSON, in labels and in terminals.
    let names = [
        "E'\\xff\\xfe\\x01\\x1b[2J'",
        "E'\"}\\\\\\n{a=\"b\",'",
        "repeat(E'\\xe9', 63)",
        "repeat('\u{00e4}', 31)",
    ];
    let holder = session(&cluster.url("legacy")).await;
    holder.batch_execute("select pg_advisory_lock(7)").await.unwrap();
    let waiting = names.iter().map(|name| {
        let cluster = &cluster;
        async move {
            let client = session(&cluster.url("legacy")).await;
            let sql = format!("select set_config('application_name', {name}, false) is null");
            client.query(&sql, &[]).await.unwrap();
            client.batch_execute("select pg_advisory_lock_shared(7)").await.unwrap();
        }
    });
    join(join_all(waiting), async {
        until_locks(&rig, "all wait", |locks| locks["victims"] == names.len()).await;
        holder.batch_execute("select pg_advisory_unlock(7)").await.unwrap();
    })
    .await;
    until_settled(&rig).await;
    let waits = events(&rig, "lock_wait").await;
    assert_eq!(waits.len(), names.len(), "{waits:#?}");
    for wait in &waits {
        let name = wait["waiter"]["application_name"].as_str().unwrap();
        assert!(name.len() <= 63 && !name.contains(char::is_control), "{name:?}");
        assert_eq!(wait["waiter"]["application"], "other");
    }
    let metrics = rig.metrics().await;
    assert_eq!(count(&metrics, "erpscope_lock_waits_total", "datname=\"legacy\""), names.len());
    let lines = metrics.lines().filter(|line| line.contains("datname=\"legacy\""));
    for line in lines.filter(|line| line.contains("application=")) {
        assert!(line.contains("application=\"other\"") && !line.contains('?'), "{line}");
    }
    rig.agent.stop().await;
}

/// Two ways to the same time: where sessions are at each sample, and how long waits are.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waits_to_extend_a_table_name_it_and_their_sum_is_right_however_short_they_are() {
    let (cluster, rig) = watched(&Options::default()).await;
    let client = admin(&cluster).await;
    client.batch_execute("create table stock_move (note text)").await.unwrap();
    let done = AtomicBool::new(false);
    let sql = "insert into stock_move select repeat('x', 1900) from generate_series(1, 200)";
    let writers = (0..12).map(|_| async {
        let client = Client::connect(&cluster, "odoo-1").await;
        while !done.load(Ordering::Relaxed) {
            client.run(sql).await;
        }
    });
    let named = |wait: &Value| wait["object"] == "extend of public.stock_move";
    let seen = join(join_all(writers), async {
        let mut seen = 0;
        for _ in 0..200 {
            seen = events(&rig, "lock_wait").await.iter().filter(|wait| named(wait)).count();
            if seen >= 200 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        done.store(true, Ordering::Relaxed);
        seen
    })
    .await
    .1;
    let version = rig.server().unwrap().databases.server.as_ref().unwrap().version_num;
    if seen < 200 && version >= 160_000 {
        println!("{seen} waits: from 16 on, a table grows by many pages at once");
        return rig.agent.stop().await;
    }
    until_settled(&rig).await;
    let waits = events(&rig, "lock_wait").await;
    let wait = waits.iter().find(|wait| named(wait)).expect("somebody waits to extend it");
    assert_eq!((&wait["mode"], &wait["module"]), (&"ExclusiveLock".into(), &"inventory".into()));
    let metrics = rig.metrics().await;
    let blocked = sum(&metrics, "erpscope_blocked_seconds_total", "");
    let waiting = sum(&metrics, "erpscope_active_seconds_total", "wait_event_type=\"Lock\"");
    println!("{} waits; {blocked:.1} blocked seconds, {waiting:.1} s of waiting", waits.len());
    assert!((blocked / waiting - 1.0).abs() < 0.15, "{blocked} and {waiting} s");
    rig.agent.stop().await;
}
