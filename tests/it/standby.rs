//! A server in recovery: who waits there waits for the process that replays.

use std::fs::Metadata;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::Path;
use std::time::Duration;

use erpscope::demo::cluster::{Cluster, Options, SUPERUSER};
use futures_util::future::join;

use crate::clients::{
    Client, Looks, ODOO, events, seconds, until_locks, until_sampling, until_settled,
};
use crate::rig::{Rig, admin, cluster, config, server};

/// Copies a folder of one cluster to one of another, for its account to own.
fn copy(from: &Path, to: &Path, owner: &Metadata) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target, owner);
        } else {
            std::fs::copy(entry.path(), &target).unwrap();
            chown(&target, Some(owner.uid()), Some(owner.gid())).unwrap();
        }
    }
    std::fs::set_permissions(to, owner.permissions()).unwrap();
    chown(to, Some(owner.uid()), Some(owner.gid())).unwrap();
}

/// A hot standby: another cluster, whose data are replaced by a copy of the primary's.
pub async fn standby(primary: &mut Cluster) -> Cluster {
    let mut standby = Cluster::start(&Options::default()).await.unwrap();
    standby.stop().await.unwrap();
    primary.stop().await.unwrap();
    // Its own port and socket.
    let settings = std::fs::read_to_string(standby.data().join("postgresql.conf")).unwrap();
    let owner = std::fs::metadata(standby.data()).unwrap();
    std::fs::remove_dir_all(standby.data()).unwrap();
    copy(&primary.data(), &standby.data(), &owner);
    std::fs::remove_file(standby.data().join("postgresql.conf")).unwrap();
    let sockets = primary.folder().display();
    let conninfo = format!("host={sockets} port={} user={SUPERUSER}", primary.port());
    standby.append("postgresql.conf", &settings).unwrap();
    standby.append("postgresql.conf", &format!("primary_conninfo = '{conninfo}'")).unwrap();
    standby.append("standby.signal", "").unwrap();
    primary.start_again().await.unwrap();
    standby.start_again().await.unwrap();
    standby
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_standby_the_root_is_the_process_that_replays() {
    let mut primary = cluster(&Options::default().hba("local replication all trust")).await;
    admin(&primary).await.batch_execute(ODOO).await.unwrap();
    let standby = standby(&mut primary).await;
    let mut config = config(vec![server(&standby)]);
    config.locks.report_after = Duration::ZERO;
    let rig = Rig::start(config);
    until_sampling(&rig).await;
    let looks = Looks::watch(&rig);
    let writer = Client::connect(&primary, "odoo-1").await;
    let reader = Client::connect(&standby, "Metabase v0.50").await;
    writer.run("set synchronous_commit = on; begin; lock table stock_quant").await;
    // A commit that is written at once takes the lock's record with it.
    let other = Client::connect(&primary, "odoo-1").await;
    other.run("set synchronous_commit = on; create table written_at_once ()").await;
    let client = admin(&standby).await;
    let sql = "select count(*) from pg_locks where mode = 'AccessExclusiveLock' and granted and relation = 'stock_quant'::regclass";
    let mut replayed = 0;
    for _ in 0..600 {
        replayed = client.query_one(sql, &[]).await.unwrap().get::<_, i64>(0);
        if replayed > 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(replayed, 1, "the lock is replayed");
    let (ran, released) = join(reader.run("select count(*) from stock_quant"), async {
        let seen = until_locks(&rig, "a victim", |locks| locks["victims"] == 1).await;
        let root = &seen["roots"][0];
        assert_eq!(
            (&root["state"], &root["application"]),
            (&"background".into(), &"background".into())
        );
        assert!(root["pid"].is_i64() && root["remedy"].is_null(), "nobody should end it: {root:#}");
        writer.run("commit").await
    })
    .await;
    until_settled(&rig).await;
    let waits = events(&rig, "lock_wait").await;
    assert_eq!(waits.len(), 1, "{waits:#?}");
    let told = waits[0]["seconds"].as_f64().unwrap();
    let margin = 0.15 + looks.late(ran.sent, ran.answered + Duration::from_millis(200));
    let held = seconds(ran.sent, released.sent);
    assert!(told > held - margin && told < ran.seconds() + margin, "{told} of {held} s");
    assert_eq!(waits[0]["waiter"]["pid"], reader.pid);
    assert_eq!(waits[0]["roots"][0]["state"], "background");
    rig.agent.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_replays_waits_for_the_report_that_holds_the_table() {
    let mut primary = cluster(&Options::default().hba("local replication all trust")).await;
    admin(&primary).await.batch_execute(ODOO).await.unwrap();
    let standby = standby(&mut primary).await;
    let rig = Rig::start(config(vec![server(&standby)]));
    until_sampling(&rig).await;
    let reader = Client::connect(&standby, "Metabase v0.50").await;
    let late = Client::connect(&standby, "odoo-1").await;
    let writer = Client::connect(&primary, "odoo-1").await;
    reader.run("begin; select count(*) from stock_quant").await;
    writer.run("set synchronous_commit = on; alter table stock_quant add column note text").await;
    let seen = until_locks(&rig, "what replays waits", |locks| locks["victims"] == 1).await;
    let root = &seen["roots"][0];
    assert_eq!((&root["pid"], &root["circle"]), (&reader.pid.into(), &false.into()), "{root:#}");
    assert_eq!(root["victims"][0]["application"], "background");
    let (_, ()) = join(late.run("select count(*) from stock_quant"), async {
        let seen = until_locks(&rig, "who comes later", |locks| locks["victims"] == 2).await;
        assert_eq!((&seen["depth"], &seen["roots"][0]["pid"]), (&2.into(), &reader.pid.into()));
        reader.run("commit").await;
    })
    .await;
    rig.agent.stop().await;
}
