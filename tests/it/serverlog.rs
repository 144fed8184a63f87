//! A server's own log, followed while real sessions wait and fail.

use std::time::Duration;

use erpscope::config::Server;
use erpscope::demo::cluster::{Cluster, Options};
use erpscope::sample::{Outcome, Sampler};
use erpscope::serverlog::{Batch, Entry, Follower, Sqlstate, What};
use erpscope::state::ServerSnapshot;
use tokio_postgres::{Client, NoTls};

use crate::rig::{Rig, admin, cluster, config, server, session, sum};

/// Followers of one log and what they have brought.
struct Logs {
    follower: Follower,
    entries: Vec<Entry>,
    last: Batch,
}

impl Logs {
    fn new(cluster: &Cluster, pattern: &str) -> Self {
        let follower = Follower::new(cluster.data().join("log").join(pattern));
        let mut logs = Self { follower, entries: Vec::new(), last: Batch::default() };
        logs.read();
        logs
    }

    fn read(&mut self) {
        self.last = self.follower.read();
        self.entries.append(&mut self.last.entries);
    }

    /// Waits for an entry, which is taken out.
    async fn until(&mut self, what: &str, wanted: impl Fn(&Entry) -> bool) -> Entry {
        for _ in 0..600 {
            self.read();
            if let Some(at) = self.entries.iter().position(&wanted) {
                return self.entries.remove(at);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("not within 30 s: {what}\n{:#?}\n{:?}", self.entries, self.last);
    }
}

fn failed(sqlstate: Sqlstate) -> impl Fn(&Entry) -> bool {
    move |e| matches!(e.what, What::Failed { sqlstate: found, .. } if found == sqlstate)
}

fn relation(entry: &Entry) -> Option<&str> {
    match &entry.what {
        What::Failed { relation, .. } => relation.as_deref(),
        _ => None,
    }
}

async fn named(cluster: &Cluster, application_name: &str) -> (Client, i32) {
    let mut config: tokio_postgres::Config = cluster.url("postgres").parse().unwrap();
    let (client, connection) =
        config.application_name(application_name).connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    let pid = client.query_one("select pg_backend_pid()", &[]).await.unwrap().get(0);
    (client, pid)
}

async fn number(client: &Client, sql: &str) -> u32 {
    client.query_one(sql, &[]).await.unwrap().get(0)
}

/// A cluster whose log is csvlog and, where there is such, jsonlog; and their patterns.
async fn logging() -> (Cluster, Vec<&'static str>) {
    let options = Options::default()
        .set("logging_collector", "on")
        .set("log_destination", "csvlog")
        .set("deadlock_timeout", "100ms");
    let cluster = cluster(&options).await;
    let client = admin(&cluster).await;
    client
        .batch_execute(
            "create table stock_quant (id int primary key, note text); \
             insert into stock_quant values (1, 'x'), (2, 'x')",
        )
        .await
        .unwrap();
    if number(&client, "select current_setting('server_version_num')::int::oid").await < 150_000 {
        return (cluster, vec!["*.csv"]);
    }
    client.batch_execute("alter system set log_destination = 'csvlog', 'jsonlog'").await.unwrap();
    cluster.reload();
    let mut json = Follower::new(cluster.data().join("log/*.json"));
    for _ in 0..600 {
        if json.read().error.is_none() {
            return (cluster, vec!["*.csv", "*.json"]);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("no jsonlog within 30 s");
}

/// A wait for a row and one for a table, each with its end.
async fn waits(cluster: &Cluster, logs: &mut Logs) {
    let (holder, _) = named(cluster, "holder").await;
    let (waiter, pid) = named(cluster, "odoo-17").await;
    let is_wait = |e: &Entry| e.pid == pid && matches!(e.what, What::Waiting { .. });
    let is_end = |e: &Entry| e.pid == pid && matches!(e.what, What::Acquired { .. });

    holder.batch_execute("begin; update stock_quant set note = 'geheim'").await.unwrap();
    let wait = tokio::spawn(async move {
        let sql = "update stock_quant set note = 'geheim', id = 1 where id = 1";
        waiter.execute(sql, &[]).await.unwrap();
        waiter
    });
    let waiting = logs.until("a wait for a row", is_wait).await;
    let What::Waiting { mode, object, relation, after } = waiting.what else { unreachable!() };
    assert_eq!((mode, object.locktype, object.relation), ("ShareLock", "transactionid", None));
    assert_eq!(relation.as_deref(), Some("stock_quant"));
    assert!(after >= Duration::from_millis(100));
    assert_eq!((&*waiting.datname, &*waiting.usename), ("postgres", "postgres"));
    assert_eq!(waiting.application_name, "odoo-17");
    assert_eq!(
        waiting.statement.as_deref(),
        Some("update stock_quant set note = ?, id = ? where id = ?")
    );
    holder.batch_execute("commit").await.unwrap();
    let end = logs.until("its end", is_end).await;
    assert!(waiting.at.is_some() && end.at >= waiting.at);
    let waiter = wait.await.unwrap();

    holder.batch_execute("begin; lock table stock_quant").await.unwrap();
    let wait = tokio::spawn(async move {
        waiter.batch_execute("select * from stock_quant where note = 'geheim'").await.unwrap();
    });
    let waiting = logs.until("a wait for a table", is_wait).await;
    let What::Waiting { mode, object, .. } = waiting.what else { unreachable!() };
    assert_eq!((mode, object.locktype), ("AccessShareLock", "relation"));
    let database = "select oid from pg_database where datname = 'postgres'";
    let (table, database) = (
        number(&holder, "select 'stock_quant'::regclass::oid").await,
        number(&holder, database).await,
    );
    assert_eq!((object.relation, object.database), (Some(table), Some(database)));
    holder.batch_execute("commit").await.unwrap();
    logs.until("its end", is_end).await;
    wait.await.unwrap();
}

/// A failure of each kind.
async fn failures(cluster: &Cluster, logs: &mut Logs) {
    let admin = admin(cluster).await;
    let (holder, _) = named(cluster, "holder").await;
    for (holds, wants) in [
        ("lock table stock_quant", "select 'geheim'; lock table stock_quant nowait"),
        (
            "update stock_quant set note = 'geheim'",
            "select * from stock_quant where note = 'geheim' for update nowait",
        ),
    ] {
        holder.batch_execute(&format!("begin; {holds}")).await.unwrap();
        admin.batch_execute(wants).await.unwrap_err();
        let entry = logs.until("a lock refused", failed(Sqlstate::LockNotAvailable)).await;
        assert_eq!(relation(&entry), Some("stock_quant"));
        holder.batch_execute("commit").await.unwrap();
    }

    serialization_failure(&admin, &holder).await;
    let entry = logs.until("a serialization failure", failed(Sqlstate::SerializationFailure)).await;
    assert_eq!(entry.application_name, "holder");

    admin.batch_execute("set statement_timeout = '50ms'").await.unwrap();
    admin.batch_execute("select pg_sleep(60), 'geheim'").await.unwrap_err();
    let entry = logs.until("a timeout", failed(Sqlstate::QueryCanceled)).await;
    assert_eq!(entry.statement.as_deref(), Some("select pg_sleep(?), ?"));

    deadlock(cluster).await;
    let entry = logs.until("a deadlock", failed(Sqlstate::DeadlockDetected)).await;
    assert_eq!(relation(&entry), Some("stock_quant"));
}

async fn serialization_failure(one: &Client, two: &Client) {
    two.batch_execute("begin isolation level repeatable read; select * from stock_quant")
        .await
        .unwrap();
    one.batch_execute("update stock_quant set note = 'geheim' where id = 1").await.unwrap();
    let sql = "update stock_quant set note = 'streng geheim' where id = 1";
    two.batch_execute(sql).await.unwrap_err();
    two.batch_execute("rollback").await.unwrap();
}

async fn deadlock(cluster: &Cluster) {
    let (one, two) = (session(&cluster.url("postgres")).await, admin(cluster).await);
    let update = |id| format!("update stock_quant set note = 'geheim' where id = {id}");
    one.batch_execute(&format!("begin; {}", update(1))).await.unwrap();
    two.batch_execute(&format!("begin; {}", update(2))).await.unwrap();
    let (first, second) = (update(2), update(1));
    let both = tokio::join!(one.batch_execute(&first), two.batch_execute(&second));
    assert!(both.0.is_err() != both.1.is_err(), "{both:?}");
}

#[tokio::test]
async fn waits_and_failures_are_told_across_a_rotation_and_no_literal_of_theirs() {
    let (cluster, patterns) = logging().await;
    for pattern in patterns {
        let mut logs = Logs::new(&cluster, pattern);
        // One that reads all of it afterwards, from the folder.
        let mut late = Logs::new(&cluster, "");
        waits(&cluster, &mut logs).await;
        admin(&cluster).await.batch_execute("select pg_rotate_logfile()").await.unwrap();
        failures(&cluster, &mut logs).await;
        late.until("the last of them", failed(Sqlstate::DeadlockDetected)).await;
        logs.read();
        let shown = format!("{:?} {:?}", late.entries, logs.entries);
        assert!(!shown.contains("geheim"), "{shown}");
        // Two waits and their ends, the deadlock's, and four other failures.
        assert!(late.entries.len() >= 9, "{shown}");
        assert_eq!((late.last.unreadable, logs.last.unreadable), (0, 0));
        assert_eq!((&late.last.error, &logs.last.error), (&None, &None));
    }
}

#[tokio::test]
async fn the_agent_counts_failures_and_waits_that_it_could_not_see() {
    let (cluster, patterns) = logging().await;
    let mut watched = config(vec![Server {
        log: Some(cluster.data().join("log").join(patterns[0])),
        ..server(&cluster)
    }]);
    // It looks so rarely that the wait is over before it looks again.
    watched.activity.interval = Duration::from_secs(10);
    let rig = Rig::start(watched);
    let log_is_read = |s: &ServerSnapshot| s.samplers.records.contains_key(&Sampler::Log);
    rig.until("the log is followed", log_is_read).await;
    rig.until("a look at sessions", |s| s.samplers.records.contains_key(&Sampler::Activity)).await;
    let (admin, holder) = (admin(&cluster).await, session(&cluster.url("postgres")).await);
    admin.batch_execute("begin; lock table stock_quant").await.unwrap();
    let waiting = tokio::spawn(async move {
        holder.batch_execute("begin; lock table stock_quant; commit").await.unwrap();
        holder
    });
    tokio::time::sleep(Duration::from_millis(600)).await;
    admin.batch_execute("commit").await.unwrap();
    let holder = waiting.await.unwrap();
    admin.batch_execute("begin; lock table stock_quant").await.unwrap();
    holder.batch_execute("begin; lock table stock_quant nowait").await.unwrap_err();
    admin.batch_execute("commit").await.unwrap();
    holder.batch_execute("rollback").await.unwrap();
    serialization_failure(&admin, &holder).await;
    deadlock(&cluster).await;
    let told = rig.until("all failures", |s| s.activity.failures.iter().count() >= 3).await;
    assert!(told.activity.log_lines.unwrap().read > 0);
    let metrics = rig.metrics().await;
    let of = |name: &str, part: &str| sum(&metrics, name, part);
    let inventory = "module=\"inventory\"";
    assert!(
        (of("erpscope_serialization_failures_total", inventory) - 1.0).abs() < 1e-9,
        "{metrics}"
    );
    for sqlstate in ["55P03", "40P01"] {
        let part = format!("{inventory},sqlstate=\"{sqlstate}\"");
        assert!((of("erpscope_lock_failures_total", &part) - 1.0).abs() < 1e-9, "{metrics}");
    }
    let (_, events) = rig.get("/api/v1/events").await;
    assert!(events.contains("\"kind\":\"deadlock\"") && !events.contains("geheim"), "{events}");
    let (_, waits) = rig.get("/api/v1/events?kind=lock_wait").await;
    assert!(waits.contains("\"source\":\"log\""), "{waits}");
    assert!(of("erpscope_blocked_seconds_total", "root_state=\"unknown\"") > 0.4, "{metrics}");
    rig.agent.stop().await;
}

#[tokio::test]
async fn a_log_that_is_not_there_is_a_failure_and_leaves_the_other_samplers_alone() {
    let cluster = cluster(&Options::default()).await;
    let log = Some(cluster.data().join("no-such-log"));
    let rig = Rig::start(config(vec![Server { log, ..server(&cluster) }]));
    let failed = |s: &ServerSnapshot| {
        let records = &s.samplers.records;
        records.get(&Sampler::Log).is_some_and(|r| r.runs.values().sum::<u64>() > 2)
            && records.get(&Sampler::Activity).is_some_and(|r| r.failure.is_none())
    };
    let seen = rig.until("the log fails, sessions are seen", failed).await;
    let record = &seen.samplers.records[&Sampler::Log];
    assert!(record.last_success.is_none() && !record.runs.contains_key(&Outcome::Ok), "{record:?}");
    assert!(record.failure.as_ref().unwrap().contains("no-such-log"), "{record:?}");
    rig.agent.stop().await;
}
