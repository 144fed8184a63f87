//! What grows, what is empty and what comes once a month, on a real server and from a real history: each rule where it
//! tells of something, beside something that is nearly as bad and of which it must not.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, SystemTime};

use erpscope::demo::cluster::{Cluster, Options};
use erpscope::erp::Erps;
use erpscope::history::{
    Batch, Covered, History, Kind, Limits, ModuleSize, Place, StatementGrowth, StatementText, Work,
};
use erpscope::sample::bloat;
use erpscope::track::findings::{Finding, Value};

use crate::findings::{limited, told, until_found, watching};
use crate::rig::{Rig, admin, cluster, session, until_true, value};
use crate::rule_scenes::silent;

fn fact<'a>(finding: &'a Finding, key: &str) -> Option<&'a Value> {
    let facts = &finding.candidate.evidence;
    facts.iter().find(|fact| fact.key == key).map(|fact| &fact.value)
}

fn history(path: &Path) -> History {
    let keep = Duration::from_secs(120 * 86_400);
    History::open(Some(path), Limits { keep, max_bytes: 1 << 30, statements: 99 }).unwrap()
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    i64::try_from(since.as_secs()).unwrap()
}

fn place(datname: &str) -> Place {
    Place { server: "erp".into(), datname: datname.into() }
}

/// Rows of all lengths, of which some columns are null.
fn filled(table: &str, options: &str) -> String {
    format!(
        "create table {table} (id int primary key, name text, total numeric, day date, note text, flag bool) {options};
         insert into {table}
         select n, 'order ' || n, n * 1.37, date '2026-01-01' + n % 300,
           case when n % 3 = 0 then repeat('note ', n % 17) end, n % 2 = 0
         from generate_series(1, 60000) n;"
    )
}

fn seen(rig: &Rig) -> Option<bloat::Sample> {
    rig.server()?.catalog.databases.get("postgres").map(|database| database.read.bloat.clone())
}

async fn sizes(cluster: &Cluster) -> BTreeMap<String, f64> {
    let sql = "select relname::text, pg_relation_size(oid)::float8 from pg_class where relkind = 'r' and oid >= 16384";
    let rows = admin(cluster).await.query(sql, &[]).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_that_is_mostly_empty_is_found_and_one_that_is_less_so_or_not_known_is_not() {
    let cluster = cluster(&Options::default().set("autovacuum", "off")).await;
    let maker = admin(&cluster).await;
    let tables = [
        ("sale_order", ""),
        ("stock_move", ""),
        ("purchase_order", ""),
        ("product_template", ""),
        ("crm_lead", "with (fillfactor = 40)"),
    ];
    for (table, options) in tables {
        maker.batch_execute(&filled(table, options)).await.unwrap();
    }
    maker
        .batch_execute(
            "analyze;
             delete from sale_order where id % 5 <> 0;
             delete from stock_move where id % 5 < 2;
             delete from purchase_order where id % 5 <> 0;
             delete from product_template where id % 5 <> 0;
             grant select on sale_order, stock_move, purchase_order, crm_lead to erpscope",
        )
        .await
        .unwrap();
    // What was deleted must be counted before it is analyzed: else it counts as changed since.
    until_true(&maker, "select count(*) = 4 from pg_stat_user_tables where n_tup_del > 0").await;
    for vacuum in [
        "vacuum (analyze) sale_order, stock_move, product_template, crm_lead",
        "vacuum purchase_order",
    ] {
        maker.batch_execute(vacuum).await.unwrap();
    }
    drop(maker);
    // Somebody has locked everything: nothing waits for that.
    let blocker = session(&cluster.url("postgres")).await;
    blocker.batch_execute("begin; lock table sale_order, stock_move, crm_lead").await.unwrap();
    let rig = Rig::start(limited(watching(&cluster), "bloat", &[("bytes", f64::from(1 << 20))]));
    rig.until_up().await;
    let found = until_found(&rig, "bloat", "sale_order", async || {}).await;
    assert_eq!((&*found.candidate.module, &*found.candidate.datname), ("sales", "postgres"));
    let why = fact(&found, "may_come_from").map(ToString::to_string);
    assert_eq!(why.as_deref(), Some("autovacuum is switched off"), "{found:?}");
    let near = ["stock_move", "purchase_order", "product_template", "crm_lead"];
    silent(&rig, &near.map(|table| ("bloat", table))).await;
    let sample = seen(&rig).unwrap();
    let known: BTreeSet<&str> = sample.tables.iter().map(|table| table.table.as_str()).collect();
    assert_eq!(known, BTreeSet::from(["sale_order", "stock_move", "crm_lead"]));
    assert_eq!((sample.stale, sample.hidden, sample.beyond), (1, 1, 0));
    let series =
        r#"erpscope_tables_not_estimated{server="erp",datname="postgres",reason="hidden"}"#;
    assert_eq!(value(&rig.metrics().await, series), Some(1.0));
    blocker.batch_execute("commit").await.unwrap();

    // What was told that it would give back, it does.
    for table in &known {
        let rewrite = format!("vacuum (full, analyze) {table}");
        blocker.batch_execute(&rewrite).await.unwrap();
    }
    let after = sizes(&cluster).await;
    for table in &sample.tables {
        let error = table.bytes_after / after[&table.table] - 1.0;
        assert!(error.abs() < 0.1, "{table:?}: it is off by {error:.3}");
    }
    for _ in 0..600 {
        if !told(&rig).contains(&("bloat", "sale_order".to_owned())) {
            rig.agent.stop().await;
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it is told of a table that was written anew: {:?}", told(&rig));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_fills_up_is_found_after_a_restart_and_one_with_more_room_is_not() {
    const DAYS: f64 = 5.0;
    let cluster = cluster(&Options::default().set("autovacuum", "off")).await;
    let admin = admin(&cluster).await;
    admin.batch_execute(&filled("sale_order", "")).await.unwrap();
    admin.batch_execute("vacuum (analyze) sale_order").await.unwrap();
    let sql = "select pg_database_size('postgres')::float8, sum(pg_relation_size(oid))::float8
               from pg_class where relname in ('sale_order', 'sale_order_pkey')";
    let row = admin.query_one(sql, &[]).await.unwrap();
    let (used, tables): (f64, f64) = (row.get(0), row.get(1));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.db");
    let before = history(&path);
    before.record(Batch {
        at: now(),
        modules: vec![ModuleSize {
            place: place("postgres"),
            at: now() - 5 * 86_400,
            words: Erps::default().of("postgres").digest().cast_signed(),
            module: "sales".into(),
            bytes: 1_000_000,
            n_live_tup: 1_000,
        }],
        ..Batch::default()
    });
    before.stop();
    let per_day = (tables - 1e6) / DAYS;
    let start = |days_left: f64| {
        let disk = [("disk_bytes", used + days_left * per_day)];
        let mut config = limited(watching(&cluster), "disk_growth", &disk);
        config.history.path = Some(path.clone());
        Rig::start(config)
    };
    // Full in 90 days: 60 are told of.
    let roomy = start(90.0);
    let grown = roomy.until("growth", |s| s.growth.databases.contains_key("postgres")).await;
    let growth = &grown.growth.databases["postgres"];
    assert!((growth.over.as_secs_f64() / 86_400.0 - DAYS).abs() < 0.01, "{growth:?}");
    silent(&roomy, &[("disk_growth", "disk")]).await;
    let (_, page) = roomy.get("/api/v1/modules").await;
    let page: serde_json::Value = serde_json::from_str(&page).unwrap();
    let is_sales = |module: &&serde_json::Value| module["module"] == "sales";
    let sales = page["modules"].as_array().unwrap().iter().find(is_sales).unwrap();
    let told_per_day = sales["bytes_per_day"].as_f64().unwrap();
    assert!((told_per_day / per_day - 1.0).abs() < 0.02, "{told_per_day}, not {per_day}");
    roomy.agent.stop().await;
    // What that agent has written itself is newer, and changes nothing.
    let tight = start(30.0);
    let found = until_found(&tight, "disk_growth", "disk", async || {}).await;
    assert_eq!((&*found.candidate.module, found.candidate.severity.name()), ("sales", "warning"));
    let Some(Value::Number(days)) = fact(&found, "days_left") else { panic!("{found:?}") };
    assert!((days - 30.0).abs() < 2.0, "{found:?}");
    tight.agent.stop().await;
}

/// Load by hour of the last 95 days, and one statement more on certain days of them.
fn remembered(datname: &str, busy: &BTreeSet<i64>) -> Batch {
    let today = now() / 86_400;
    let text =
        |queryid, text: &str| StatementText { place: place(datname), queryid, text: text.into() };
    let texts = vec![
        text(1, "select name from sale_order where id = $1"),
        text(2, "select sum(debit) from account_move_line group by account_id"),
    ];
    let mut batch = Batch { at: today * 86_400, texts, ..Batch::default() };
    for hour in (today - 95) * 24..today * 24 {
        let (place, at) = (place(datname), hour * 3_600);
        let kind = Kind::Statements;
        let covered = Covered { place: place.clone(), hour: at, kind, seconds: 3_600.0, resets: 0 };
        batch.covered.push(covered);
        let mut grown = |queryid, calls, exec_seconds| {
            let work = Work { calls, exec_seconds, ..Work::default() };
            let (place, queryid) = (place.clone(), Some(queryid));
            batch.statements.push(StatementGrowth { place, hour: at, queryid, work });
        };
        grown(1, 100_000, 360.0);
        if busy.contains(&(hour / 24)) {
            grown(2, 20, 1_440.0);
        }
    }
    batch
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_of_each_month_is_found_with_what_makes_it_and_a_busy_day_of_one_month_is_not() {
    let cluster = cluster(&Options::default()).await;
    let admin = admin(&cluster).await;
    admin.batch_execute("create database quiet").await.unwrap();
    // Days since 1970 of the last day from Monday to Friday of each month.
    let sql = "select max(day) - date '1970-01-01'
               from (select now()::date - n as day from generate_series(-31, 130) n) d
               where extract(isodow from day) <= 5 group by date_trunc('month', day)";
    let rows = admin.query(sql, &[]).await.unwrap();
    let ends: BTreeSet<i64> = rows.iter().map(|row| row.get::<_, i32>(0).into()).collect();
    let today = now() / 86_400;
    let last: BTreeSet<i64> =
        ends.iter().copied().filter(|day| *day < today).max().into_iter().collect();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.db");
    let before = history(&path);
    before.record(remembered("postgres", &ends));
    before.record(remembered("quiet", &last));
    before.stop();
    let mut config = watching(&cluster);
    config.history.path = Some(path);
    let rig = Rig::start(config);
    rig.until_up().await;
    let peak = until_found(&rig, "peaks", "last working day of the month", async || {}).await;
    assert_eq!((&*peak.candidate.datname, &*peak.candidate.module), ("postgres", "accounting"));
    assert!(peak.candidate.summary.contains("take 5.0 times"), "{peak:?}");
    let report = fact(&peak, "report").map(ToString::to_string).unwrap_or_default();
    assert!(report.contains("account_move_line"), "{peak:?}");
    silent(&rig, &[]).await;
    let all = rig.snapshot().findings.findings.clone();
    assert_eq!(all.iter().filter(|f| f.about.id == "peaks").count(), 1, "{all:#?}");
    rig.agent.stop().await;
}
