//! What is odd or wrong while sessions are watched: a crowd, a deadlock, waits too short to see,
//! a role that may see little, names that are no names. Nothing wrong is said of any of it.

use std::collections::BTreeSet;
use std::time::Duration;

use erpscope::demo::cluster::Options;
use erpscope::sample::{Outcome, Sampler};
use futures_util::future::{join, join_all};
use serde_json::Value;

use crate::clients::{
    Client, Looks, Ran, count, events, list, locks, seconds, started, until_locks, until_settled,
    watched,
};
use crate::rig::{Rig, admin, sum, value};

/// Statement and module are known, and so is what a victim waits for.
fn is_named(victim: &Value) -> bool {
    let object = victim["waits_for"]["object"].as_str().unwrap_or_default();
    victim["waits_for"]["mode"] != "" && object != "a lock" && !object.contains("relation ")
}

/// The labels of a series that has this value.
fn has_series(metrics: &str, name: &str, labels: &[&str]) -> bool {
    let lines = metrics.lines().filter(|line| line.starts_with(&format!("{name}{{")));
    lines.into_iter().any(|line| labels.iter().all(|label| line.contains(label)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_root_with_150_victims_is_one_tree_and_one_incident() {
    let (cluster, rig) = watched(&Options::default().set("max_connections", "250")).await;
    let root = Client::connect(&cluster, "Metabase v0.50").await;
    root.run("begin; lock table stock_quant").await;
    let victims = join_all((0..150).map(|_| Client::connect(&cluster, "odoo-1"))).await;
    let waits = victims.iter().map(|victim| victim.run("select count(*) from stock_quant"));
    let ((), ran) = join(
        async {
            let seen = until_locks(&rig, "150 victims", |locks| locks["victims"] == 150).await;
            let roots = list(&seen, "roots");
            assert_eq!((roots.len(), &roots[0]["pid"]), (1, &root.pid.into()));
            assert_eq!(roots[0]["victim_count"], 150);
            assert_eq!(list(&roots[0], "victims").len(), 150);
            let metrics = rig.metrics().await;
            let series = "erpscope_root_blocker_victims{server=\"erp\",datname=\"postgres\",\
                          root_application=\"metabase\",root_state=\"idle in transaction\"}";
            assert_eq!(value(&metrics, series), Some(150.0));
            let by_module =
                ["module=\"", "root_application=\"metabase\",root_state=\"idle in transaction\""];
            assert!(has_series(&metrics, "erpscope_blocked_oldest_seconds", &by_module));
            assert_eq!(count(&metrics, "erpscope_blocked_sessions", by_module[1]), 150);
            assert_eq!(count(&metrics, "erpscope_lock_waiters", ""), 150);
            root.run("commit").await;
        },
        join_all(waits),
    )
    .await;
    until_settled(&rig).await;
    rig.until("nobody waits", |server| server.activity.tree.victims == 0).await;
    assert_eq!(list(&locks(&rig).await, "roots").len(), 0);
    let waits = events(&rig, "lock_wait").await;
    let waiters: BTreeSet<i64> =
        waits.iter().map(|w| w["waiter"]["pid"].as_i64().unwrap()).collect();
    assert_eq!((waits.len(), waiters.len()), (150, 150), "each is told once");
    assert!(waits.iter().all(|wait| wait["roots"][0]["pid"] == root.pid));
    let truth: f64 = ran.iter().map(Ran::seconds).sum();
    let blocked = sum(&rig.metrics().await, "erpscope_blocked_seconds_total", "metabase");
    println!("blocked seconds: {blocked:.1} told, {truth:.1} true");
    rig.until("the incident is over", |_| incidents(&rig).len() == 2).await;
    let incidents = events(&rig, "lock_incident").await;
    let over = incidents.iter().find(|incident| incident["phase"] == "ended").unwrap();
    assert_eq!((&over["most_victims"], &over["tree"]["pid"]), (&150.into(), &root.pid.into()));
    assert_eq!(over["tree"]["victim_count"], 150);
    assert!(list(&over["tree"], "victims").len() <= 100, "a report is bounded");
    rig.agent.stop().await;
}

/// 400 tables, and a session that locks them all: 384 of its locks are in the partitions that all
/// sessions share.
const TABLES: &str =
    "do $$ begin for i in 1..400 loop execute format('create table t%s ()', i); end loop; end $$";
const LOCK_ALL: &str = "do $$ begin for i in 1..400 loop \
    execute format('lock table t%s in access share mode', i); end loop; end $$";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_pressure_of_twelve_thousand_locks_a_wait_is_told_as_ever() {
    let options = Options::default().set("max_locks_per_transaction", "512");
    let (cluster, rig) = watched(&options).await;
    let looks = Looks::watch(&rig);
    let (root, victim) = (
        Client::connect(&cluster, "Metabase v0.50").await,
        Client::connect(&cluster, "odoo-1").await,
    );
    root.run(TABLES).await;
    let crowd = join_all((0..32).map(|_| Client::connect(&cluster, "odoo-2"))).await;
    let (holders, restless) = crowd.split_at(30);
    for holder in holders {
        holder.run("begin").await;
        holder.run(LOCK_ALL).await;
    }
    let admin = admin(&cluster).await;
    let held: i64 = admin.query_one("select count(*) from pg_locks", &[]).await.unwrap().get(0);
    assert!(held > 12_000, "{held}");
    root.run("begin; update stock_quant set n = 1 where id = 1").await;
    let wait = victim.run("update stock_quant set n = 2 where id = 1");
    let end = async {
        // Others take and give back all of these locks meanwhile.
        for _ in 0..4 {
            join_all(restless.iter().map(|client| client.run(LOCK_ALL))).await;
        }
        until_locks(&rig, "a victim", |locks| locks["victims"] == 1).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        root.run("commit").await
    };
    let (ran, released) = join(wait, end).await;
    until_settled(&rig).await;
    let waits = events(&rig, "lock_wait").await;
    let told: Vec<&Value> =
        waits.iter().filter(|wait| wait["waiter"]["pid"] == victim.pid).collect();
    assert_eq!(told.len(), 1, "{waits:#?}");
    assert_eq!(
        (&told[0]["roots"][0]["pid"], &told[0]["module"]),
        (&root.pid.into(), &"inventory".into())
    );
    let (length, truth) = (told[0]["seconds"].as_f64().unwrap(), ran.seconds());
    let margin = 0.15 + looks.late(ran.sent, released.answered + Duration::from_millis(200));
    println!("{held} locks: {length:.3} s told, {truth:.3} s true");
    assert!((length - truth).abs() < margin, "{length} of {truth} s, {margin} s allowed for");
    let server = rig.server().unwrap();
    for sampler in [Sampler::Activity, Sampler::Blockers] {
        let runs = &server.samplers.records[&sampler].runs;
        assert!(runs.keys().all(|outcome| *outcome == Outcome::Ok), "{runs:?}");
    }
    rig.agent.stop().await;
}

fn incidents(rig: &Rig) -> Vec<u64> {
    let journal = rig.snapshot().journal;
    let of_incident = |report: &erpscope::track::reports::Report| report.kind() == "lock_incident";
    journal.since(0).filter(|entry| of_incident(&entry.report)).map(|entry| entry.seq).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chain_20_deep_is_drawn_to_its_end() {
    let (cluster, rig) = watched(&Options::default()).await;
    let sessions = join_all((0..=20).map(|_| Client::connect(&cluster, "odoo-1"))).await;
    for (index, session) in sessions.iter().enumerate() {
        session.run(&format!("begin; update stock_quant set n = 1 where id = {}", index + 1)).await;
    }
    let victims = sessions.iter().enumerate().skip(1).map(|(index, session)| async move {
        session.run(&format!("update stock_quant set n = 2 where id = {index}")).await;
        session.run("commit").await;
    });
    let drawn = async {
        let seen = until_locks(&rig, "20 deep", |locks| locks["depth"] == 20).await;
        let mut node = &seen["roots"][0];
        for session in &sessions {
            assert_eq!(node["pid"], session.pid);
            node = &node["victims"][0];
        }
        let metrics = rig.metrics().await;
        assert_eq!(value(&metrics, "erpscope_lock_depth{server=\"erp\"}"), Some(20.0));
        sessions[0].run("commit").await;
    };
    join(drawn, join_all(victims)).await;
    rig.until("nobody waits", |server| server.activity.tree.victims == 0).await;
    rig.agent.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_circle_is_shown_until_postgresql_ends_it_and_then_counted() {
    let (cluster, rig) = watched(&Options::default().set("deadlock_timeout", "5s")).await;
    let deadlocks = async || count(&rig.metrics().await, "erpscope_deadlocks_total", "");
    assert_eq!(deadlocks().await, 0);
    let (a, b) =
        (Client::connect(&cluster, "odoo-1").await, Client::connect(&cluster, "psql").await);
    a.run("begin; update stock_quant set n = 1 where id = 1").await;
    b.run("begin; update stock_quant set n = 1 where id = 2").await;
    let (first, second) =
        ("update stock_quant set n = 2 where id = 2", "update stock_quant set n = 2 where id = 1");
    let (of_both, seen) = join(
        // Whoever is let in commits, so that the other one is not kept.
        join_all([(&a, first), (&b, second)].map(|(session, sql)| async move {
            let (ran, answer) = session.try_run(sql).await;
            session.run(if answer.is_ok() { "commit" } else { "rollback" }).await;
            (ran, answer.is_ok())
        })),
        until_locks(&rig, "a circle", |locks| locks["roots"][0]["circle"] == true),
    )
    .await;
    let root = &seen["roots"][0];
    assert_eq!((list(&seen, "roots").len(), list(root, "victims").len()), (1, 1), "{seen:#}");
    let both = [&root["pid"], &root["victims"][0]["pid"]].map(|pid| pid.as_i64().unwrap());
    assert_eq!(BTreeSet::from(both), BTreeSet::from([a.pid.into(), b.pid.into()]));
    assert!(root["waits_for"]["mode"] == "ShareLock", "{root:#}");
    assert_eq!(of_both.iter().filter(|(_, is_let_in)| *is_let_in).count(), 1);
    until_locks(&rig, "no circle any more", |locks| list(locks, "roots").is_empty()).await;
    until_settled(&rig).await;
    for _ in 0..600 {
        if deadlocks().await == 1 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(deadlocks().await, 1);
    let waits = events(&rig, "lock_wait").await;
    assert_eq!(waits.len(), 2, "{waits:#?}");
    let truth: f64 = of_both.iter().map(|(ran, _)| ran.seconds()).sum();
    let told: f64 = waits.iter().map(|wait| wait["seconds"].as_f64().unwrap()).sum();
    println!("waits in a circle: {told:.2} s told, {truth:.2} s true");
    assert!(waits.iter().all(|wait| wait["roots"][0]["state"] == "deadlock"), "{waits:#?}");
    rig.agent.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_waits_too_short_to_be_seen_nothing_wrong_is_said() {
    let (cluster, rig) = watched(&Options::default()).await;
    let looks = Looks::watch(&rig);
    let lanes = (0..4).map(|lane| {
        let cluster = &cluster;
        async move {
            let holder = Client::connect(cluster, "odoo-1").await;
            let waiter = Client::connect(cluster, "psql").await;
            let mut all = Vec::new();
            for turn in 0..40 {
                let sql = format!("update stock_quant set n = n + 1 where id = {}", lane + 1);
                holder.run(&format!("begin; {sql}")).await;
                let (ran, ()) = join(waiter.run(&sql), async {
                    tokio::time::sleep(Duration::from_millis(4 + (turn * 7 + lane) % 40)).await;
                    holder.run("commit").await;
                })
                .await;
                all.push((holder.pid, waiter.pid, ran));
                tokio::time::sleep(Duration::from_millis(30)).await;
            }
            all
        }
    });
    let all: Vec<(i32, i32, Ran)> = join_all(lanes).await.into_iter().flatten().collect();
    until_settled(&rig).await;
    let told = events(&rig, "lock_wait").await;
    for wait in &told {
        let length = wait["seconds"].as_f64().unwrap();
        let late = |ran: &Ran| looks.late(ran.sent, ran.answered + Duration::from_millis(200));
        let is_it = |(_, waiter, ran): &&(i32, i32, Ran)| {
            let begun = seconds(ran.sent, started(wait));
            wait["waiter"]["pid"] == *waiter
                && begun > -0.06 - late(ran)
                && begun < ran.seconds() + 0.06 + late(ran)
        };
        let (holder, _, ran) =
            all.iter().find(is_it).unwrap_or_else(|| panic!("made up: {wait:#}"));
        assert!(
            length < ran.seconds() + 0.15 + late(ran),
            "{length} s told of {} s",
            ran.seconds()
        );
        for root in list(wait, "roots") {
            assert!(root["pid"] == *holder || root["state"] == "unknown", "{wait:#}");
        }
    }
    let truth: f64 = all.iter().map(|(_, _, ran)| ran.seconds()).sum();
    let blocked = sum(&rig.metrics().await, "erpscope_blocked_seconds_total", "");
    println!(
        "{} of {} told; blocked seconds: {blocked:.2} told, {truth:.2} true",
        told.len(),
        all.len()
    );
    rig.agent.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_prepared_transaction_answers_for_its_victims() {
    let (cluster, rig) = watched(&Options::default().set("max_prepared_transactions", "5")).await;
    let owner = Client::connect(&cluster, "odoo-1").await;
    // An older one, for which nobody waits.
    owner
        .run("begin; update stock_quant set n = 1 where id = 3; prepare transaction 'innocent'")
        .await;
    owner
        .run("begin; update stock_quant set n = 1 where id = 1; prepare transaction 'left-open'")
        .await;
    let victim = Client::connect(&cluster, "psql").await;
    let (ran, ()) = join(victim.run("update stock_quant set n = 2 where id = 1"), async {
        let seen = until_locks(&rig, "one root", |locks| locks["victims"] == 1).await;
        let root = &seen["roots"][0];
        assert_eq!((&root["pid"], &root["state"]), (&Value::Null, &"prepared transaction".into()));
        assert_eq!(list(root, "remedy"), &["rollback prepared 'left-open';"]);
        owner.run("rollback prepared 'left-open'").await;
    })
    .await;
    until_settled(&rig).await;
    let waits = events(&rig, "lock_wait").await;
    assert_eq!(waits.len(), 1, "{waits:#?}");
    let root = &waits[0]["roots"][0];
    assert_eq!((&root["pid"], &root["state"]), (&Value::Null, &"prepared transaction".into()));
    println!("{} of {:.3} s told", waits[0]["seconds"], ran.seconds());
    let metrics = rig.metrics().await;
    assert!(has_series(
        &metrics,
        "erpscope_blocked_seconds_total",
        &["root_state=\"prepared transaction\""]
    ));
    rig.agent.stop().await;
}

/// Who takes which lock, who then wants what, and how that wait is told.
const KINDS: [(&str, &str, &str, &str); 7] = [
    (
        "begin; update stock_quant set n = 1 where id = 1",
        "update stock_quant set n = 2 where id = 1",
        "ShareLock",
        "a row of public.stock_quant",
    ),
    (
        "begin; lock table account_move",
        "select * from account_move",
        "AccessShareLock",
        "public.account_move",
    ),
    (
        "begin; create index on sale_order (id)",
        "insert into sale_order values (1)",
        "RowExclusiveLock",
        "public.sale_order",
    ),
    ("select pg_advisory_lock(7)", "select pg_advisory_lock(7)", "ExclusiveLock", "advisory"),
    (
        "begin; insert into res_partner values (1)",
        "create index concurrently on res_partner (id)",
        "ShareLock",
        "virtualxid",
    ),
    (
        "begin; create table hr.hr_employee (id int)",
        "drop schema hr",
        "AccessExclusiveLock",
        "object",
    ),
    (
        "begin; insert into crm_lead values (7)",
        "insert into crm_lead values (7)",
        "ShareLock",
        "transactionid",
    ),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_kind_of_lock_has_its_name() {
    let (cluster, rig) = watched(&Options::default()).await;
    let client = admin(&cluster).await;
    client
        .batch_execute(
            "create table account_move (id int); create table sale_order (id int); \
             create schema hr; create table crm_lead (id int primary key)",
        )
        .await
        .unwrap();
    let mut roots = Vec::new();
    let mut waits = Vec::new();
    for (take, want, ..) in KINDS {
        let root = Client::connect(&cluster, "odoo-1").await;
        root.run(take).await;
        roots.push(root);
        let victim = Client::connect(&cluster, "psql").await;
        // Some are let in, some fail then: what counts is how they waited.
        waits.push(tokio::spawn(async move { victim.try_run(want).await.0 }));
    }
    // One more behind the first: for its turn.
    let second = Client::connect(&cluster, "psql").await;
    until_locks(&rig, "one for each", |locks| locks["victims"] == KINDS.len()).await;
    waits.push(tokio::spawn(async move { second.try_run(KINDS[0].1).await.0 }));
    let seen = until_locks(&rig, "all named", |locks| {
        let roots = list(locks, "roots");
        locks["victims"] == KINDS.len() + 1
            && roots.iter().all(|root| list(root, "victims").iter().all(is_named))
    })
    .await;
    for ((take, _, mode, object), root) in KINDS.iter().zip(&roots) {
        let drawn = list(&seen, "roots").iter().find(|drawn| drawn["pid"] == root.pid).unwrap();
        let wait = &drawn["victims"][0]["waits_for"];
        assert_eq!(
            (&wait["mode"], &wait["object"]),
            (&(*mode).into(), &(*object).into()),
            "{take}"
        );
        assert!(drawn["query"].is_string(), "{drawn:#}");
        let of_row = &drawn["victims"][0]["victims"][0]["waits_for"];
        if of_row.is_object() {
            let tuple = (&of_row["mode"], &of_row["object"]);
            assert_eq!(tuple, (&"ExclusiveLock".into(), &"a row of public.stock_quant".into()));
        }
    }
    assert_eq!(seen["depth"], 2);
    for root in &roots {
        root.run("select pg_advisory_unlock_all(); rollback").await;
    }
    join_all(waits).await;
    rig.until("nobody waits", |server| server.activity.tree.victims == 0).await;
    rig.agent.stop().await;
}
