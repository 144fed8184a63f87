//! Findings on a real server: what fires, what nearly does, and how they are told.

use std::time::Duration;

use erpscope::config::Config;
use erpscope::demo::cluster::{Cluster, Options};
use erpscope::track::findings::Finding;
use tokio_postgres::Client;

use crate::rig::{Rig, admin, cluster, config, named, server, until_true, value};

/// Rules look every second at what was measured in the last twenty.
pub fn watching(cluster: &Cluster) -> Config {
    let mut config = config(vec![server(cluster)]);
    let second = Duration::from_secs(1);
    config.activity.interval = Duration::from_millis(100);
    config.usage.interval = second;
    config.upkeep.interval = second;
    config.upkeep.settings_interval = second;
    config.upkeep.catalog_interval = second;
    config.finding.interval = second;
    config.finding.warm_up = second;
    config.finding.window = Duration::from_secs(20);
    config.finding.open_after = second;
    config.finding.close_after = Duration::from_secs(2);
    config
}

/// With other limits of one rule.
pub fn limited(mut config: Config, rule: &'static str, limits: &[(&'static str, f64)]) -> Config {
    config.finding.rules.get_mut(rule).unwrap().limits.extend(limits.iter().copied());
    config
}

async fn erp() -> (Cluster, Client) {
    let cluster = cluster(&Options::default()).await;
    let admin = admin(&cluster).await;
    admin
        .batch_execute(
            "create table sale_order (id int primary key, name text);
             create table sale_order_line (id int, order_id int, filler text);
             insert into sale_order select n, 'order' from generate_series(1, 2000) n;
             insert into sale_order_line select n, n / 10, repeat('x', 100) from generate_series(1, 50000) n;
             create table stock_small (id int, filler text);
             insert into stock_small select n, 'x' from generate_series(1, 40) n",
        )
        .await
        .unwrap();
    // What was inserted must be counted before it is analyzed: else it counts as changed since.
    until_true(&admin, "select count(*) = 3 from pg_stat_user_tables where n_tup_ins > 0").await;
    admin.batch_execute("analyze").await.unwrap();
    (cluster, admin)
}

/// The open finding of a rule and subject, once there is one, while `work` goes on.
pub async fn until_found(
    rig: &Rig,
    rule: &str,
    subject: &str,
    mut work: impl AsyncFnMut(),
) -> Finding {
    for _ in 0..600 {
        let view = rig.snapshot().findings;
        let is_it =
            |f: &&std::sync::Arc<Finding>| f.about.id == rule && *f.candidate.subject == *subject;
        if let Some(found) = view.findings.iter().find(is_it) {
            return (**found).clone();
        }
        work().await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("no finding of {rule} about {subject}: {:#?}", rig.snapshot().findings)
}

pub fn told(rig: &Rig) -> Vec<(&'static str, String)> {
    let view = rig.snapshot().findings;
    view.findings.iter().map(|f| (f.about.id, f.candidate.subject.to_string())).collect()
}

#[tokio::test]
async fn a_scan_that_reads_much_is_found_with_its_module_and_one_of_a_small_table_is_not() {
    let (cluster, _admin) = erp().await;
    let limits = [("seconds_per_day", 1.0)];
    let rig = Rig::start(limited(watching(&cluster), "large_scans", &limits));
    rig.until_up().await;
    let client = named(&cluster, "postgres", "erp").await;
    let found = until_found(&rig, "large_scans", "sale_order_line", async || {
        client
            .query("select filler from sale_order_line where order_id = $1", &[&7])
            .await
            .unwrap();
        client.query("select filler from stock_small where id = $1", &[&7]).await.unwrap();
    })
    .await;
    assert_eq!((&*found.candidate.module, &*found.candidate.datname), ("sales", "postgres"));
    assert!(found.candidate.cost_seconds_per_day.unwrap() > 1.0);
    assert!(!told(&rig).contains(&("large_scans", "stock_small".to_owned())));
    let metrics = rig.metrics().await;
    let series = "erpscope_finding{server=\"erp\",datname=\"postgres\",rule=\"large_scans\",severity=\"warning\",subject=\"sale_order_line\",module=\"sales\"}";
    assert_eq!(value(&metrics, series), Some(1.0), "{metrics}");
    let (status, body) = rig.get("/api/v1/findings?rule=large_scans&module=sales").await;
    assert!(status == 200 && body.contains("\"subject\":\"sale_order_line\""), "{body}");
    let (_, none) = rig.get("/api/v1/findings?module=accounting").await;
    assert!(none.contains("\"findings\":[]"), "{none}");
    assert_eq!(rig.get("/api/v1/findings?severity=bad").await.0, 400);
    let (_, events) = rig.get("/api/v1/events?kind=finding").await;
    assert!(events.contains("\"phase\":\"opened\""), "{events}");
    let (_, modules) = rig.get("/api/v1/modules").await;
    let modules: serde_json::Value = serde_json::from_str(&modules).unwrap();
    let is_sales = |module: &&serde_json::Value| module["module"] == "sales";
    let sales = modules["modules"].as_array().unwrap().iter().find(is_sales).unwrap();
    assert_eq!(sales["findings"]["warning"].as_u64(), Some(1), "{sales} {:?}", told(&rig));
    for format in ["markdown", "html"] {
        let (status, page) = rig.get(&format!("/api/v1/report?format={format}")).await;
        assert!(status == 200 && page.contains("sale_order_line"), "{page}");
    }
    let (_, page) = rig.get("/").await;
    assert!(page.contains("Much is read to find little: sale_order_line"), "{page}");
    rig.agent.stop().await;
}

#[tokio::test]
async fn the_command_tells_what_the_agent_found_by_its_exit_status_and_explains_it() {
    let (cluster, _admin) = erp().await;
    let limits = [("seconds_per_day", 1.0)];
    let rig = Rig::start(limited(watching(&cluster), "large_scans", &limits));
    rig.until_up().await;
    let client = named(&cluster, "postgres", "erp").await;
    let found = until_found(&rig, "large_scans", "sale_order_line", async || {
        client
            .query("select filler from sale_order_line where order_id = $1", &[&7])
            .await
            .unwrap();
    })
    .await;
    let agent = format!("http://{}", rig.agent.address());
    let run = async |args: &[&str]| {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_erpscope"));
        let output = command.args(args).args(["--agent", &agent]).output().await.unwrap();
        let words = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        (output.status.code(), words)
    };
    let (status, table) = run(&["findings", "--rule", "large_scans"]).await;
    assert!(status == Some(2) && table.contains(&*found.id), "{table}");
    let (status, table) = run(&["findings", "--rule", "wraparound"]).await;
    assert!(status == Some(0) && table.contains("nothing is wrong"), "{table}");
    let (status, text) = run(&["findings", "--explain", &found.id]).await;
    assert!(
        status == Some(0) && text.contains("order_id = ") && text.contains("phone book"),
        "{text}"
    );
    let (status, text) = run(&["findings", "--explain", "nothing-1"]).await;
    assert!(status == Some(1) && text.contains("no open finding"), "{text}");
    let (status, json) = run(&["findings", "--format", "json"]).await;
    assert!(
        status == Some(2) && serde_json::from_str::<serde_json::Value>(&json).is_ok(),
        "{json}"
    );
    let (status, report) = run(&["report"]).await;
    assert!(status == Some(0) && report.starts_with("# The ERP's database"), "{report}");
    rig.agent.stop().await;
    let (status, text) = run(&["findings"]).await;
    assert!(status == Some(1) && text.contains("no agent answers at"), "{text}");
}

#[tokio::test]
async fn a_row_that_many_wait_for_is_found_opens_and_closes() {
    let (cluster, admin) = erp().await;
    admin.batch_execute("create table base_sequence (code text, n int); insert into base_sequence values ('a', 1), ('b', 1)").await.unwrap();
    let mut config =
        limited(watching(&cluster), "hot_rows", &[("waits", 2.0), ("seconds_per_day", 1.0)]);
    config.finding.window = Duration::from_secs(6);
    let rig = Rig::start(config);
    rig.until_up().await;
    let mut holder = named(&cluster, "postgres", "import").await;
    let waiter = named(&cluster, "postgres", "clerk").await;
    let take = "update base_sequence set n = n + 1 where code = 'a'";
    let found = until_found(&rig, "hot_rows", "base_sequence", async || {
        let transaction = holder.transaction().await.unwrap();
        transaction.execute(take, &[]).await.unwrap();
        let free = async {
            tokio::time::sleep(Duration::from_millis(400)).await;
            transaction.commit().await.unwrap();
        };
        let (result, ()) = tokio::join!(waiter.execute(take, &[]), free);
        result.unwrap();
    })
    .await;
    assert!(found.candidate.cost_seconds_per_day.unwrap() > 1.0);
    for _ in 0..600 {
        // Those who take other rows wait for nobody.
        waiter.execute("update base_sequence set n = n + 1 where code = 'b'", &[]).await.unwrap();
        if !told(&rig).iter().any(|(rule, _)| *rule == "hot_rows") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(!told(&rig).iter().any(|(rule, _)| *rule == "hot_rows"));
    let (_, events) = rig.get("/api/v1/events?kind=finding").await;
    assert!(events.contains("\"phase\":\"closed\""), "{events}");
    let history = std::sync::Arc::clone(rig.agent.history());
    rig.agent.stop().await;
    drop(history);
}

#[tokio::test]
async fn what_catalogs_and_settings_say_is_found_and_what_is_sound_is_not() {
    let (cluster, admin) = erp().await;
    admin
        .batch_execute(
            "create table account_move (id int primary key, ref int);
             insert into account_move select n, 1 from generate_series(1, 3) n;
             create sequence account_seq as integer; select setval('account_seq', 2000000000);
             create sequence account_young as integer; select setval('account_young', 1000000);
             alter table account_move alter id set default nextval('account_seq');
             alter sequence account_seq owned by account_move.id;
             alter table account_move add constraint positive check (ref > 0) not valid;
             grant select on all sequences in schema public to erpscope;
             create table pair (a int, b int); insert into pair values (1, 1), (1, 2);",
        )
        .await
        .unwrap();
    // It fails, and leaves an invalid index behind.
    assert!(
        admin.batch_execute("create unique index concurrently pair_a on pair (a)").await.is_err()
    );
    admin.batch_execute("create unique index concurrently pair_b on pair (b)").await.unwrap();
    admin.batch_execute("vacuum analyze").await.unwrap();
    let rig = Rig::start(watching(&cluster));
    rig.until_up().await;
    let idle = async || {};
    until_found(&rig, "unsound_objects", "index pair_a", idle).await;
    let check =
        until_found(&rig, "unsound_objects", "constraint positive of account_move", idle).await;
    assert_eq!(check.candidate.severity.name(), "info");
    let number = until_found(&rig, "numbers_run_out", "account_move.id", idle).await;
    assert_eq!(number.candidate.severity.name(), "critical");
    for sql in &number.candidate.sql {
        admin.batch_execute(sql).await.unwrap();
    }
    let mended = "select a.atttypid = 'bigint'::regtype and q.seqmax = 9223372036854775807 from pg_attribute a,
         pg_sequence q where a.attrelid = 'account_move'::regclass and a.attname = 'id' and q.seqrelid = 'account_seq'::regclass";
    assert!(admin.query_one(mended, &[]).await.unwrap().get::<_, bool>(0));
    // The cluster of the tests is as fast as it can be, and would not survive a power cut.
    until_found(&rig, "settings", "fsync", idle).await;
    let all = told(&rig);
    for sound in ["index pair_b", "account_young", "autovacuum", "track_io_timing"] {
        assert!(!all.iter().any(|(_, subject)| subject == sound), "{sound}: {all:?}");
    }
    rig.agent.stop().await;
}

#[tokio::test]
async fn an_idle_transaction_that_others_wait_for_is_found_and_one_that_holds_nobody_up_is_not() {
    let (cluster, _admin) = erp().await;
    let rig = Rig::start(watching(&cluster));
    rig.until_up().await;
    let mut holder = named(&cluster, "postgres", "import").await;
    let mut bystander = named(&cluster, "postgres", "psql").await;
    let waiter = named(&cluster, "postgres", "clerk").await;
    until_found(&rig, "idle_in_transaction", "other", async || {
        let reading = bystander.transaction().await.unwrap();
        reading.execute("update sale_order set name = name where id = 9", &[]).await.unwrap();
        let transaction = holder.transaction().await.unwrap();
        transaction.execute("update sale_order set name = name where id = 1", &[]).await.unwrap();
        let free = async {
            tokio::time::sleep(Duration::from_millis(2_500)).await;
            transaction.commit().await.unwrap();
            reading.commit().await.unwrap();
        };
        let wait = waiter.execute("update sale_order set name = name where id = 1", &[]);
        let (result, ()) = tokio::join!(wait, free);
        result.unwrap();
    })
    .await;
    assert!(!told(&rig).contains(&("idle_in_transaction", "psql".to_owned())), "{:?}", told(&rig));
    rig.agent.stop().await;
}
