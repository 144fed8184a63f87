//! Rules on a real server, several a scene: each where it tells of something, beside something that is
//! nearly as bad and of which it must not.

use std::time::{Duration, SystemTime};

use erpscope::demo::cluster::{Cluster, Options};
use erpscope::history::{Batch, Covered, History, Kind, Limits, Place, StatementGrowth, Work};
use erpscope::integration::{Call, Direction, Fault, Source};
use erpscope::track::findings::Finding;

use crate::findings::{limited, told, until_found, watching};
use crate::rig::{Rig, admin, cluster, declaring, named, session, until_true};

/// Nothing is found that must not be, by looks that have seen everything until now.
pub async fn silent(rig: &Rig, cases: &[(&str, &str)]) {
    let mut looks = std::collections::BTreeSet::new();
    while looks.len() < 4 {
        looks.extend(rig.snapshot().findings.judged);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let all = told(rig);
    for (rule, subject) in cases {
        let is_it = |(id, s): &(&str, String)| id == rule && s.contains(subject);
        assert!(!all.iter().any(is_it), "{rule}: {subject}: {all:?}");
    }
}

/// As `until_found`, where the subject is known in part only.
async fn until_told(rig: &Rig, rule: &str, part: &str, mut work: impl AsyncFnMut()) -> Finding {
    for _ in 0..600 {
        let view = rig.snapshot().findings;
        let is_it = |f: &&std::sync::Arc<Finding>| {
            f.about.id == rule && format!("{:?}", f.candidate).contains(part)
        };
        if let Some(found) = view.findings.iter().find(is_it) {
            return (**found).clone();
        }
        work().await;
    }
    panic!("no finding of {rule} with {part}: {:#?}", rig.snapshot().findings)
}

async fn as_role(cluster: &Cluster, role: &str) -> tokio_postgres::Client {
    session(&cluster.url("postgres").replacen("postgres@", &format!("{role}@"), 1)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_statements_do_wrong_is_found_and_what_is_nearly_as_bad_is_not() {
    let options = Options::default()
        .set("shared_buffers", "2MB")
        .set("work_mem", "64kB")
        .set("max_parallel_workers_per_gather", "0")
        .set("track_functions", "pl");
    let cluster = cluster(&options).await;
    admin(&cluster)
        .await
        .batch_execute(
            "create table sale_order (id int primary key, name text, total int);
             create table stock_move (id int primary key, order_id int, filler text);
             create table product_template (id int primary key, name text);
             create table x_rental (id int, filler text);
             insert into sale_order select n, 'order', n from generate_series(1, 2000) n;
             insert into stock_move select n, n / 10, repeat('x', 100) from generate_series(1, 40000) n;
             insert into product_template select n, 'p' from generate_series(1, 500) n;
             insert into x_rental select n, repeat('x', 100) from generate_series(1, 20000) n;
             create function x_dear() returns int language plpgsql as 'begin perform pg_sleep(0.02); return 1; end';
             create function x_cheap() returns int language plpgsql as 'begin return 1; end';
             create role bi login; create role shop login; create role clerk login;
             grant select, insert, update on all tables in schema public to bi, shop, clerk",
        )
        .await
        .unwrap();
    admin(&cluster).await.batch_execute("vacuum (analyze)").await.unwrap();
    let mut config = watching(&cluster);
    config.finding.window = Duration::from_secs(60);
    let config = limited(
        config,
        "primary_reporting",
        &[("report_seconds", 0.01), ("report_blocks", 300.0), ("share", 0.05)],
    );
    let config = limited(config, "customization", &[("share", 0.001), ("seconds_per_day", 10.0)]);
    let config = limited(config, "cache_misses", &[("blocks_per_second", 50.0)]);
    let shop = "[[integration]]\nname = 'shop'\ndirection = 'inbound'\nroles = ['shop']\nowns = ['sale_order']";
    let rig = Rig::start(declaring(shop, config));
    rig.until_up().await;
    let erp = named(&cluster, "postgres", "odoo-1").await;
    let worker = named(&cluster, "postgres", "nightly-worker").await;
    let stranger = as_role(&cluster, "bi").await;
    let integration = as_role(&cluster, "shop").await;
    let clerk = as_role(&cluster, "clerk").await;
    let work = async || {
        for sql in [
            // Sorts of 5 MB, and of some 100 kB, in 64 kB.
            "select count(*) from (select * from stock_move order by filler, id offset 0) t",
            "select count(*) from (select id from sale_order order by total, name offset 0) t",
            "select order_id % 100, count(*), max(filler) from stock_move group by 1",
            "select name, count(*) from product_template group by name",
            "select count(*) from x_rental where md5(filler) = 'y'",
            "select x_dear() from generate_series(1, 3)",
            "select x_cheap()",
            "update stock_move set order_id = order_id + 1",
        ] {
            erp.batch_execute(sql).await.unwrap();
        }
        worker.batch_execute("update stock_move set filler = filler").await.unwrap();
        stranger.batch_execute("update sale_order set name = 'b' where id <= 20").await.unwrap();
        integration.batch_execute("update sale_order set name = 's' where id <= 20").await.unwrap();
        clerk.batch_execute("select name from sale_order where id = 7").await.unwrap();
    };
    let spill = until_told(&rig, "temp_spills", "order by filler", work).await;
    assert_eq!(&*spill.candidate.module, "inventory");
    until_found(&rig, "primary_reporting", "reports", work).await;
    until_found(&rig, "cache_misses", "module inventory", work).await;
    until_found(&rig, "customization", "tables outside the standard", work).await;
    until_found(&rig, "customization", "function x_dear", work).await;
    until_found(&rig, "direct_writes", "role bi", work).await;
    let bulk = until_told(&rig, "bulk_in_transactions", "stock_move", work).await;
    assert!(bulk.candidate.summary.contains("40000 rows of stock_move"), "{bulk:?}");
    let near = [
        ("direct_writes", "role postgres"),
        ("direct_writes", "role shop"),
        ("direct_writes", "role clerk"),
        ("direct_writes", "shop writes"),
        ("customization", "x_cheap"),
        ("cache_misses", "module products"),
        ("bulk_in_transactions", "sale_order"),
    ];
    silent(&rig, &near).await;
    for finding in &rig.snapshot().findings.findings {
        let said = format!("{:?}", finding.candidate);
        match finding.about.id {
            "temp_spills" => assert!(!said.contains("order by total"), "{said}"),
            "primary_reporting" => assert!(!said.contains("product_template"), "{said}"),
            "bulk_in_transactions" => assert!(!said.contains("filler = filler"), "{said}"),
            _ => {}
        }
    }
    rig.agent.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_that_are_not_kept_well_are_found_and_those_nearly_so_are_not() {
    let cluster = cluster(&Options::default()).await;
    let maker = admin(&cluster).await;
    maker
        .batch_execute(
            "create table sale_order (id int primary key, name text);
             create table purchase_order (id int primary key, name text);
             create table sale_order_line (id int primary key, order_id int references sale_order, note text);
             create table sale_order_note (id int primary key, order_id int references sale_order, note text);
             create table purchase_order_line (id int primary key, order_id int references purchase_order);
             create table stock_picking (id int primary key) partition by range (id);
             create table stock_picking_old partition of stock_picking default;
             create table stock_picking_line (id int, picking_id int references stock_picking) partition by range (id);
             create table stock_picking_line_old partition of stock_picking_line default;
             create index sale_order_note_order on sale_order_note (order_id);
             create index sale_order_line_unused on sale_order_line (note);
             create table stock_ledger (id int, day int) partition by range (day);
             create table stock_ledger_1 partition of stock_ledger for values from (0) to (9);
             create index stock_ledger_day on stock_ledger (day);
             insert into stock_ledger select n, 1 from generate_series(1, 5000) n;
             create table stock_lot (id int, n int) with (autovacuum_enabled = off);
             create table stock_quant (id int, n int) with (autovacuum_enabled = off);
             insert into sale_order select n, 'o' from generate_series(1, 50000) n;
             insert into stock_picking select n from generate_series(1, 50000) n;
             insert into stock_picking_line select n, 50000 from generate_series(1, 5000) n;
             insert into purchase_order select n, 'o' from generate_series(1, 100) n;
             insert into sale_order_line select n, 50000, 'n' || n from generate_series(1, 5000) n;
             insert into sale_order_note select n, 50000, 'n' from generate_series(1, 5000) n;
             insert into purchase_order_line select n, 1 from generate_series(1, 5000) n;
             insert into stock_lot select n, 0 from generate_series(1, 5000) n;
             insert into stock_quant select n, 0 from generate_series(1, 5000) n",
        )
        .await
        .unwrap();
    drop(maker);
    // What a session has counted is known when it has ended: before that, analyze would not see it.
    let admin = admin(&cluster).await;
    until_true(&admin, "select count(*) = 10 from pg_stat_user_tables where n_tup_ins > 0").await;
    admin.batch_execute("vacuum (analyze)").await.unwrap();
    admin
        .batch_execute(
            "delete from stock_lot where id > 1000;
             update stock_quant set n = 1 where id <= 1200;
             update sale_order_line set note = note || 'x'",
        )
        .await
        .unwrap();
    let config = watching(&cluster);
    let config = limited(config, "autovacuum_behind", &[("dead_rows", 1_000.0)]);
    let config = limited(config, "stale_statistics", &[("changed_rows", 1_000.0)]);
    let deletes = [("rows", 1_000.0), ("deletes_per_day", 1.0)];
    let config = limited(config, "unindexed_foreign_keys", &deletes);
    let config = limited(config, "unused_indexes", &[("days", 0.0), ("bytes", 8_192.0)]);
    let rig = Rig::start(config);
    rig.until_up().await;
    let mut id = 0;
    let mut deletes = async || {
        id += 1;
        for table in ["sale_order", "stock_picking"] {
            let delete = format!("delete from {table} where id = {id}");
            admin.batch_execute(&delete).await.unwrap();
        }
        admin
            .batch_execute("select count(*) from sale_order_note where order_id = 1")
            .await
            .unwrap();
    };
    until_found(&rig, "unindexed_foreign_keys", "sale_order_line (order_id)", &mut deletes).await;
    let parts = "stock_picking_line (picking_id)";
    let parts = until_found(&rig, "unindexed_foreign_keys", parts, &mut deletes).await;
    assert!(parts.candidate.summary.contains("5000 rows"), "{parts:?}");
    // What is told to mend it does.
    admin.batch_execute(&parts.candidate.sql[0]).await.unwrap();
    let dead = until_found(&rig, "autovacuum_behind", "stock_lot", &mut deletes).await;
    assert!(dead.candidate.summary.starts_with("4000 dead rows in stock_lot ("), "{dead:?}");
    until_found(&rig, "stale_statistics", "stock_lot", &mut deletes).await;
    until_found(&rig, "unused_indexes", "index sale_order_line_unused", &mut deletes).await;
    let near = [
        ("unindexed_foreign_keys", "sale_order_note"),
        ("unindexed_foreign_keys", "purchase_order_line"),
        ("autovacuum_behind", "stock_quant"),
        ("stale_statistics", "stock_quant"),
        ("unused_indexes", "sale_order_note_order"),
        ("unused_indexes", "sale_order_line_pkey"),
        ("unused_indexes", "stock_ledger"),
    ];
    silent(&rig, &near).await;
    rig.agent.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_server_runs_out_of_is_found_and_what_is_left_enough_of_is_not() {
    let options = Options::default().set("max_connections", "40").set("autovacuum", "off");
    let cluster = cluster(&options).await;
    let admin = admin(&cluster).await;
    admin.batch_execute("create database crowded connection limit 5").await.unwrap();
    admin.batch_execute("create database roomy connection limit 9").await.unwrap();
    let burn = "do 'begin for i in 1..3000 loop perform txid_current(); commit; end loop; end'";
    admin.batch_execute(burn).await.unwrap();
    session(&cluster.url("roomy")).await.batch_execute("vacuum (freeze)").await.unwrap();
    admin
        .batch_execute(
            "create table stock_move (id int, filler text);
             select pg_create_physical_replication_slot('lazy', true);
             select pg_create_physical_replication_slot('keen', true)",
        )
        .await
        .unwrap();
    let mib = f64::from(1 << 20);
    let config = watching(&cluster);
    let config = limited(config, "wraparound", &[("share", 2_500.0 / f64::from(i32::MAX))]);
    let config = limited(config, "replication", &[("kept_bytes", 2.0 * mib)]);
    let mut config = limited(config, "long_transactions", &[("longest", 2.0)]);
    config.finding.window = Duration::from_secs(20);
    let rig = Rig::start(config);
    rig.until_up().await;
    // Two forced checkpoints are one too few.
    for _ in 0..2 {
        admin.batch_execute("checkpoint").await.unwrap();
    }
    silent(&rig, &[("checkpoints", "checkpoints")]).await;
    let long = named(&cluster, "postgres", "DBeaver 24").await;
    long.batch_execute("begin; insert into stock_move values (0, '')").await.unwrap();
    // As long, but it keeps back nothing.
    let read = named(&cluster, "postgres", "Metabase").await;
    read.batch_execute("begin; select count(*) from stock_move").await.unwrap();
    let short = named(&cluster, "postgres", "psql").await;
    let mut crowd = Vec::new();
    for datname in ["crowded", "crowded", "crowded", "crowded", "roomy", "roomy", "roomy"] {
        crowd.push(named(&cluster, datname, "odoo-1").await);
    }
    let work = async || {
        short.batch_execute("begin; select count(*) from stock_move; commit").await.unwrap();
        admin
            .batch_execute(
                "insert into stock_move select n, repeat('x', 100) from generate_series(1, 3000) n;
                 checkpoint;
                 select pg_replication_slot_advance('keen', pg_current_wal_lsn())",
            )
            .await
            .unwrap();
    };
    until_found(&rig, "wraparound", "database postgres", work).await;
    until_found(&rig, "checkpoints", "checkpoints", work).await;
    let slot = until_found(&rig, "replication", "slot lazy", work).await;
    assert_eq!(slot.candidate.severity.name(), "critical", "{slot:?}");
    until_found(&rig, "long_transactions", "dbeaver", work).await;
    let full = until_found(&rig, "connections", "connection limit", work).await;
    assert_eq!(&*full.candidate.datname, "crowded");
    let near = [
        ("wraparound", "database roomy"),
        ("replication", "slot keen"),
        ("long_transactions", "psql"),
        ("long_transactions", "metabase"),
        ("connections", "max_connections"),
    ];
    silent(&rig, &near).await;
    let limits: Vec<_> = rig.snapshot().findings.findings.clone();
    assert!(!limits.iter().any(|f| &*f.candidate.datname == "roomy"), "{limits:#?}");
    while crowd.len() < 28 {
        crowd.push(named(&cluster, "postgres", "odoo-1").await);
    }
    until_found(&rig, "connections", "max_connections", async || {}).await;
    rig.agent.stop().await;
}

/// Loads of an hour in seconds, by hour of the last four days.
fn remembered(datname: &str, load: impl Fn(i64, i64) -> f64) -> Batch {
    let place = Place { server: "erp".into(), datname: datname.into() };
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let today = i64::try_from(now).unwrap() / 86_400;
    let mut batch = Batch { at: today * 86_400, ..Batch::default() };
    for day in 1..=4 {
        for hour in 0..24 {
            let at = (today - day) * 86_400 + hour * 3_600;
            let (place, kind) = (place.clone(), Kind::Statements);
            let covered = Covered { place, hour: at, kind, seconds: 3_600.0, resets: 0 };
            let work = Work { calls: 1, exec_seconds: load(day, hour), ..Work::default() };
            let place = covered.place.clone();
            batch.covered.push(covered);
            batch.statements.push(StatementGrowth { place, hour: at, queryid: Some(1), work });
        }
    }
    batch
}

#[tokio::test]
async fn an_hour_that_stands_out_on_each_day_is_found_and_one_that_did_once_is_not() {
    let cluster = cluster(&Options::default()).await;
    admin(&cluster).await.batch_execute("create database quiet").await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.db");
    let limits =
        Limits { keep: Duration::from_secs(86_400 * 90), max_bytes: 1 << 30, statements: 99 };
    let history = History::open(Some(&path), limits).unwrap();
    let busy = |is_busy| if is_busy { 3_000.0 } else { 100.0 };
    history.record(remembered("postgres", |_, hour| busy(hour == 9)));
    history.record(remembered("quiet", |day, hour| busy(day == 2 && hour == 9)));
    history.stop();
    let mut config = watching(&cluster);
    config.history.path = Some(path);
    let rig = Rig::start(config);
    rig.until_up().await;
    let peak = until_found(&rig, "peaks", "hour 09 UTC", async || {}).await;
    assert!(peak.candidate.summary.contains("take 30 times"), "{peak:?}");
    assert_eq!(&*peak.candidate.datname, "postgres");
    silent(&rig, &[]).await;
    let all = rig.snapshot().findings.findings.clone();
    assert_eq!(all.iter().filter(|f| f.about.id == "peaks").count(), 1);
    rig.agent.stop().await;
}

const AROUND: &str = "
[[integration]]
name = 'bank'
direction = 'outbound'
[[integration]]
name = 'wms'
direction = 'outbound'
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_that_fail_or_hold_a_transaction_open_are_found_and_a_few_are_not() {
    let cluster = cluster(&Options::default()).await;
    let admin = admin(&cluster).await;
    admin
        .batch_execute("create table sale_order (id int primary key, n int); insert into sale_order values (1, 1)")
        .await
        .unwrap();
    let rig = Rig::start(declaring(AROUND, watching(&cluster)));
    rig.until_up().await;
    let erp = named(&cluster, "postgres", "odoo-1").await;
    let call = |integration: &str, began: SystemTime, length: Duration, fault| Call {
        integration: integration.into(),
        direction: Direction::Outbound,
        operation: "POST /payments".into(),
        began,
        length,
        fault,
        trace: None,
        source: Source::Span,
    };
    let mut is_first = true;
    let mut work = async || {
        erp.batch_execute("begin; update sale_order set n = n + 1").await.unwrap();
        let began = SystemTime::now();
        tokio::time::sleep(Duration::from_millis(700)).await;
        let length = began.elapsed().unwrap();
        erp.batch_execute("commit").await.unwrap();
        let mut calls = vec![call("bank", began, length, Some(Fault::Timeout))];
        // One of the other fails, and none of its calls is within a transaction.
        let moment = Duration::from_millis(1);
        let fault = is_first.then_some(Fault::Timeout);
        let outside = SystemTime::now();
        calls.push(call("wms", outside, moment, fault));
        calls.extend((0..20).map(|_| call("wms", outside, moment, None)));
        is_first = false;
        rig.agent.outlet().put(calls);
    };
    let held = until_found(&rig, "calls_in_transactions", "bank", &mut work).await;
    assert_eq!((&*held.server, &*held.candidate.datname), ("erp", "postgres"), "whose it was");
    assert_eq!(held.candidate.severity.name(), "info", "tied by time alone");
    let failed = until_found(&rig, "integration_failures", "bank", &mut work).await;
    assert!(failed.server.is_empty() && failed.candidate.datname.is_empty(), "of no server");
    silent(&rig, &[("integration_failures", "wms"), ("calls_in_transactions", "wms")]).await;
    rig.agent.stop().await;
}
