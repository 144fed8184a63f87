//! The demo: reproducible, alive, and gone when it ends.

use std::process::{Command, Stdio};
use std::time::Duration;

use erpscope::config::Application;
use erpscope::demo::cluster::Binaries;
use erpscope::demo::{Around, Fault, Faults, Load, Stage, StageOptions};
use erpscope::state::ServerSnapshot;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::rig::{Rig, config, session, sum, value};

fn options(seed: u64) -> StageOptions {
    StageOptions { pg_bin: None, seed, scale: 0.01, faults: Faults::default() }
}

/// Large enough that the month-end report lasts several samples: on the smallest data it takes a
/// few milliseconds, and whether a sample meets it is chance.
fn seen_running() -> StageOptions {
    StageOptions { scale: 0.2, ..options(1) }
}

/// A hash of all rows of every table.
async fn checksums(stage: &Stage) -> Vec<(String, String)> {
    let client = session(&stage.cluster.url("distro")).await;
    let tables = client
        .query("select relname::text from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace order by 1", &[])
        .await
        .unwrap();
    let mut sums = Vec::new();
    for table in tables {
        let name: String = table.get(0);
        let sql = format!(
            "select count(*)::text || ' ' || coalesce(sum(hashtext(t::text)::bigint), 0)::text from {name} t"
        );
        sums.push((name, client.query_one(&sql, &[]).await.unwrap().get(0)));
    }
    sums
}

#[tokio::test]
async fn the_same_seed_makes_the_same_rows_and_another_seed_others() {
    let first = checksums(&Stage::set(&options(7), |_| {}).await.unwrap()).await;
    let second = checksums(&Stage::set(&options(7), |_| {}).await.unwrap()).await;
    let other = checksums(&Stage::set(&options(8), |_| {}).await.unwrap()).await;
    assert!(first.len() >= 40, "{} tables", first.len());
    assert!(first.iter().all(|(name, sum)| !sum.starts_with("0 ") || name == "none"), "{first:?}");
    assert_eq!(first, second);
    assert_ne!(first, other);
}

#[tokio::test]
async fn every_seed_makes_rows() {
    for seed in [9_300_000_000_000_000, u64::MAX] {
        if let Err(error) = Stage::set(&options(seed), |_| {}).await {
            panic!("seed {seed}: {error}");
        }
    }
}

/// The sum of all moments of a table, whatever zone they are shown in.
async fn moments(zone: &str) -> String {
    use std::io::{BufRead, BufReader};
    let mut child = demo(&["--scale", "0.01", "--no-load"]).env("TZ", zone).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let url = lines
        .map(|line| line.split_once("the ERP:").map(|(_, url)| url.trim().to_owned()))
        .find_map(|url| url)
        .unwrap();
    let client = session(&url).await;
    let sql = "select sum(extract(epoch from created_at))::text from party_party";
    let sum = client.query_one(sql, &[]).await.unwrap().get(0);
    kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), Signal::SIGINT).unwrap();
    assert!(child.wait().is_ok());
    sum
}

#[tokio::test]
async fn the_same_seed_makes_the_same_rows_in_every_time_zone() {
    assert_eq!(moments("UTC").await, moments("America/New_York").await);
}

#[tokio::test]
async fn a_worker_whose_session_is_ended_comes_back() {
    let stage = Stage::set(&options(1), |_| {}).await.unwrap();
    let load = Load::start(&stage, 1).await.unwrap();
    let client = session(&stage.cluster.url("distro")).await;
    let others = "from pg_stat_activity where usename = 'erp'";
    // A session that is told to end is there until it has read its signal: what counts is how
    // many others have come.
    let count = format!("select count(*) {others} and pid <> all($1)");
    let nobody: Vec<i32> = Vec::new();
    let before: i64 = client.query_one(&count, &[&nobody]).await.unwrap().get(0);
    assert_eq!(before, 15);
    let ended: Vec<i32> = client
        .query(&format!("select pid {others} and application_name in ('distro-stock', 'distro-jobs') and pg_terminate_backend(pid)"), &[])
        .await
        .unwrap()
        .iter()
        .map(|row| row.get(0))
        .collect();
    let mut sessions = 0;
    for _ in 0..600 {
        sessions = client.query_one(&count, &[&ended]).await.unwrap().get(0);
        if sessions == before {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let tallies = load.stop().await;
    assert_eq!(sessions, before, "{tallies:?}");
    assert_eq!(tallies["distro-stock"].failures + tallies["distro-jobs"].failures, 5);
}

#[tokio::test]
async fn every_worker_works_and_the_server_complains_of_nothing() {
    let stage = Stage::set(&options(1), |_| {}).await.unwrap();
    let load = Load::start(&stage, 1).await.unwrap();
    let client = session(&stage.cluster.url("distro")).await;
    let sql = "select coalesce(sum(calls), 0)::bigint from pg_stat_statements where query like '%date_trunc%' or query like 'update price_item%'";
    for _ in 0..1_200 {
        // The rarest turns are the report's and the price change's.
        if client.query_one(sql, &[]).await.unwrap().get::<_, i64>(0) >= 2 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let tallies = load.stop().await;
    for name in [
        "distro-sales",
        "distro-purchase",
        "distro-stock",
        "distro-accounting",
        "distro-search",
        "distro-jobs",
    ] {
        assert!(tallies[name].turns > 3, "{name}: {tallies:?}");
    }
    assert_eq!(tallies.len(), 9);
    let errors: Vec<String> =
        stage.cluster.log().lines().filter(|l| l.contains("ERROR")).map(str::to_owned).collect();
    let unexpected =
        errors.iter().filter(|l| !l.contains("could not serialize") && !l.contains("deadlock"));
    assert_eq!(unexpected.collect::<Vec<_>>(), Vec::<&String>::new());
}

#[tokio::test]
async fn the_planted_offenders_are_named() {
    let stage = Stage::set(&seen_running(), |_| {}).await.unwrap();
    let mut watched = config(vec![stage.server()]);
    let report =
        |name: &str, ms| Application { name: name.into(), slow_after: Duration::from_millis(ms) };
    watched.applications = vec![report("bi-report", 10)];
    let rig = Rig::start(watched);
    rig.until_up().await;
    let load = Load::start(&stage, 1).await.unwrap();
    let server = || rig.server().unwrap();
    let mut missing = String::new();
    for _ in 0..2_400 {
        missing = unnamed(&server());
        if missing.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(missing, "", "{:#?}", server().activity);
    let metrics = rig.metrics().await;
    let blamed = "root_application=\"partner-import\",root_state=\"idle in transaction\"";
    assert!(sum(&metrics, "erpscope_blocked_seconds_total", blamed) > 0.5, "{metrics}");
    let report = "application=\"bi-report\",module=\"sales\"";
    assert!(sum(&metrics, "erpscope_slow_transactions_total", report) >= 1.0, "{metrics}");
    let (_, events) = rig.get("/api/v1/events").await;
    assert!(
        events.contains("\"kind\":\"lock_incident\"") || events.contains("\"kind\":\"lock_wait\"")
    );
    load.stop().await;
    rig.agent.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_around_the_erp_is_seen_in_every_way() {
    let stage = Stage::set(&seen_running(), |_| {}).await.unwrap();
    let around = Around::prepare().unwrap();
    let mut config = around.config(&stage).unwrap();
    config.listen = ([127, 0, 0, 1], 0).into();
    let rig = Rig::start(config);
    rig.until_up().await;
    let load = Load::start(&stage, 1).await.unwrap();
    let running = around.start(&stage, 1).await.unwrap();
    let wanted = [
        ("erpscope_integration_calls_total", "integration=\"webshop\",direction=\"inbound\""),
        ("erpscope_integration_told_twice_total", ""),
        ("erpscope_otlp_accepted_spans_total", "as=\"call\""),
        ("erpscope_integration_idle_in_transaction_calls_total", "integration=\"payment\""),
        ("erpscope_integration_errors_total", "integration=\"payment\",kind=\"server\""),
        ("erpscope_probe_failures_total", "phase=\"status\",kind=\"server\""),
        ("erpscope_boundary_breaches_total", "integration=\"wms\",module=\"inventory\""),
        ("erpscope_integration_active_seconds_total", "integration=\"bi\""),
        ("erpscope_integration_blocking_seconds_total", "integration=\"partner\""),
    ];
    let mut missing = Vec::new();
    for _ in 0..1_200 {
        let metrics = rig.metrics().await;
        let is_missing = |(name, part): &(&str, &str)| {
            let labelled = sum(&metrics, name, part);
            let plain = value(&metrics, name).filter(|_| part.is_empty());
            plain.unwrap_or(labelled) <= 0.0
        };
        missing = wanted.into_iter().filter(is_missing).collect();
        if missing.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(missing, Vec::<(&str, &str)>::new());
    let (_, events) = rig.get("/api/v1/events").await;
    assert!(events.contains("\"table\":\"stock_quant\""), "the breach names its table");
    assert!(events.contains("called by distro-api with its transaction open and locks held"));
    let (_, payment) = rig.get("/api/v1/integrations/payment").await;
    assert!(payment.contains("\"name\":\"payment-api\",\"up\":"), "{payment}");
    drop(running);
    load.stop().await;
    rig.agent.stop().await;
}

/// A number that one query of the stage's database answers.
async fn number(stage: &Stage, sql: &str) -> i64 {
    session(&stage.cluster.url("distro")).await.query_one(sql, &[]).await.unwrap().get(0)
}

/// Faults of the schema and the data, with a query that counts what shows them.
const PLANTED: [(Fault, &str); 10] = [
    (Fault::DuplicateParties, "select count(*) - count(distinct tax_id) from party_party"),
    (
        Fault::SameIndex,
        "select count(*) from pg_indexes where indexname = 'stock_move_product_again'",
    ),
    (
        Fault::UnusedIndex,
        "select count(*) from pg_indexes where indexname = 'stock_move_origin_quantity'",
    ),
    (Fault::InvalidIndex, "select count(*) from pg_index where not indisvalid"),
    (
        Fault::StuckJobs,
        "select count(*) from job_queue where state in ('running', 'failed') and attempts > 0",
    ),
    (
        Fault::KeyRunsOut,
        "select count(*) from pg_sequences where last_value > 2000000000 or start_value > 2000000000 or sequencename = 'account_entry_line_id_seq' and nextval('account_entry_line_id_seq') > 2000000000",
    ),
    (
        Fault::StaleStatistics,
        "select count(*) from pg_class where relname = 'party_address' and reloptions is not null and (select count(*) from party_address) > 1.5 * reltuples",
    ),
    (
        Fault::BloatedTable,
        "select count(*) from pg_class where relname = 'stock_lot' and reloptions is not null and pg_relation_size(oid) > 300 * reltuples",
    ),
    (
        Fault::CustomTrigger,
        "select count(*) from pg_trigger where tgname = 'x_custom_check_margin'",
    ),
    (
        Fault::DifferentTypes,
        "select count(*) from information_schema.columns where table_name = 'webshop_receipt' and column_name = 'order_ref' and data_type = 'text'",
    ),
];

#[tokio::test]
async fn what_is_wrong_with_the_data_and_the_schema_is_there_and_can_be_left_out() {
    let wrong = Stage::set(&options(1), |_| {}).await.unwrap();
    let healthy = StageOptions { faults: Faults::none(), ..options(1) };
    let healthy = Stage::set(&healthy, |_| {}).await.unwrap();
    for (fault, sql) in PLANTED {
        assert!(number(&wrong, sql).await > 0, "{} is not there", fault.id());
        assert_eq!(number(&healthy, sql).await, 0, "{} is there all the same", fault.id());
    }
}

#[tokio::test]
async fn the_planted_work_leaves_its_traces() {
    let stage = Stage::set(&options(1), |_| {}).await.unwrap();
    let load = Load::start(&stage, 1).await.unwrap();
    let traces = [
        (
            "custom-trigger",
            "select coalesce(sum(calls), 0)::bigint from pg_stat_user_functions where funcname = 'x_custom_check_margin'",
        ),
        (
            "stuck-jobs",
            "select count(*) from job_queue where kind = 'sync' and state = 'pending' and attempts > 12",
        ),
        (
            "deleted-parents",
            "select coalesce(sum(calls), 0)::bigint from pg_stat_statements where query like 'delete from stock_shipment%'",
        ),
        (
            "different-types",
            "select coalesce(sum(calls), 0)::bigint from pg_stat_statements where query like '%o.id::text = r.order_ref%'",
        ),
    ];
    let mut missing = Vec::new();
    for _ in 0..1_200 {
        missing.clear();
        for (id, sql) in traces {
            if number(&stage, sql).await == 0 {
                missing.push(id);
            }
        }
        if missing.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    load.stop().await;
    assert_eq!(missing, Vec::<&str>::new());
}

/// Series that tell of a fault: none may grow while nothing is wrong.
const TELLING: [(&str, &str); 6] = [
    ("erpscope_integration_errors_total", "integration="),
    ("erpscope_probe_failures_total", "phase="),
    ("erpscope_boundary_breaches_total", "integration="),
    ("erpscope_integration_blocking_seconds_total", "integration=\"partner\""),
    (
        "erpscope_blocked_seconds_total",
        "root_state=\"idle in transaction\",root_application=\"partner-import\"",
    ),
    ("erpscope_slow_transactions_total", "application=\"partner-import\""),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_nothing_wrong_nothing_is_told() {
    let stage = StageOptions { faults: Faults::none(), ..seen_running() };
    let stage = Stage::set(&stage, |_| {}).await.unwrap();
    let around = Around::prepare().unwrap();
    let mut config = around.config(&stage).unwrap();
    config.listen = ([127, 0, 0, 1], 0).into();
    let rig = Rig::start(config);
    rig.until_up().await;
    let load = Load::start(&stage, 1).await.unwrap();
    let running = around.start(&stage, 1).await.unwrap();
    // Long enough for the import and the report, which come every half a minute, and for the
    // provider, which would be away in every one.
    let worked = "select least( \
        (select count(*) from pg_stat_statements where query like '%set_config%' and calls > 0), \
        (select count(*) from pg_stat_statements where query like 'update stock_quant set quantity = quantity + %' and calls > 0), \
        (select n_tup_ins / 40 from pg_stat_user_tables where relname = 'stock_move'))";
    let mut has_worked = false;
    for _ in 0..1_200 {
        has_worked = number(&stage, worked).await > 0;
        if has_worked {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(has_worked, "not every worker has worked");
    let metrics = rig.metrics().await;
    for (name, part) in TELLING {
        assert!(sum(&metrics, name, part) <= 0.0, "{name} {part}: {metrics}");
    }
    assert!(sum(&metrics, "erpscope_integration_calls_total", "integration=\"payment\"") > 0.0);
    let (_, events) = rig.get("/api/v1/events").await;
    assert!(!events.contains("called by distro-api with its transaction open"), "{events}");
    drop(running);
    let tallies = load.stop().await;
    let failures: u64 = tallies.values().map(|tally| tally.failures).sum();
    assert_eq!(failures, 0, "{tallies:?}");
    rig.agent.stop().await;
}

#[test]
fn what_the_advisor_suggests_is_created_measured_and_taken_back() {
    let folder = temporary();
    let output = demo(&["--apply", "--seconds", "15", "--scale", "0.1"])
        .env("TMPDIR", folder.path())
        .output()
        .unwrap();
    let words = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{words}");
    for part in [
        "create index concurrently",
        "on public.stock_move",
        "checked by what-if",
        "the indexes are those of the beginning",
        "the workers with *: ",
        "idle-import is left out",
        "waits for locks aside: ",
        "transactions in the same time: ",
    ] {
        assert!(words.contains(part), "{part} in {words}");
    }
    let worker = |name: &str| words.lines().find(|line| line.starts_with(name)).unwrap();
    for name in ["distro-sales", "distro-stock", "distro-search", "distro-jobs"] {
        let numbers = worker(name).split_whitespace().filter(|word| word.parse::<f64>().is_ok());
        assert!(numbers.count() >= 5, "{words}");
    }
    assert!(worker("distro-stock").contains('*'), "it takes open moves: {words}");
    assert!(!worker("distro-pricing").contains('*'), "nothing helps it: {words}");
    let longest = words.lines().map(|line| line.chars().count()).max().unwrap();
    assert!(longest <= 100, "{longest} columns: {words}");
    assert_eq!(left_behind(folder.path()), Vec::<std::path::PathBuf>::new());
}

#[test]
fn an_unknown_fault_is_refused_with_those_that_there_are() {
    let output = demo(&["--without", "no-such"]).output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success());
    assert!(words.contains("no-such") && words.contains("idle-import"), "{words}");
}

/// Which of the planted faults nobody has named yet.
fn unnamed(server: &ServerSnapshot) -> String {
    let view = &server.activity;
    let hot_row = view.blocked.iter().any(|(key, _)| {
        (&*key.module, &*key.application) == ("system", "distro-sales")
            && (&*key.root_application, key.root_state) == ("partner-import", "idle in transaction")
    });
    let slow = |application: &str, module: &str| {
        view.slow.iter().any(|(key, _)| (&*key.application, &*key.module) == (application, module))
    };
    let offender = view.ended.iter().any(|slow| {
        *slow.party.application == *"partner-import" && slow.idle_seconds > 0.8 * slow.seconds
    });
    [("hot row", hot_row), ("idle import", offender), ("report", slow("bi-report", "sales"))]
        .iter()
        .filter(|(_, named)| !named)
        .map(|(name, _)| *name)
        .collect::<Vec<_>>()
        .join(", ")
}

fn demo(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_erpscope"));
    command.args(["demo", "--listen", "127.0.0.1:0"]).args(args);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn left_behind(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}

/// A folder for temporary files into which the server's account can look, too.
fn temporary() -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt;
    tempfile::Builder::new().permissions(std::fs::Permissions::from_mode(0o755)).tempdir().unwrap()
}

#[test]
fn it_ends_by_itself_and_leaves_nothing_behind() {
    let folder = temporary();
    let output = demo(&["--seconds", "20", "--scale", "0.01"])
        .env("TMPDIR", folder.path())
        .output()
        .unwrap();
    let words = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{words}");
    for part in ["http://127.0.0.1:", "statements/s", "distro-sales", "is removed"] {
        assert!(words.contains(part), "{part} in {words}");
    }
    assert_eq!(left_behind(folder.path()), Vec::<std::path::PathBuf>::new());
}

#[test]
fn a_terminal_that_is_closed_leaves_nothing_behind() {
    use std::io::{BufRead, BufReader};
    let folder = temporary();
    let mut child =
        demo(&["--scale", "0.01", "--no-load"]).env("TMPDIR", folder.path()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("the ERP:")));
    kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), Signal::SIGHUP).unwrap();
    let _status = child.wait().unwrap();
    assert_eq!(left_behind(folder.path()), Vec::<std::path::PathBuf>::new());
}

#[test]
fn programs_in_a_relative_folder_are_found() {
    let initdb = Binaries::find(None).unwrap().program("initdb");
    let bin = initdb.parent().unwrap();
    let output = demo(&["--scale", "0.01", "--seconds", "1", "--no-load", "--pg-bin"])
        .arg(bin.file_name().unwrap())
        .current_dir(bin.parent().unwrap())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_temporary_folder_that_the_servers_account_may_not_enter_is_named() {
    use std::os::unix::fs::PermissionsExt;
    if !nix::unistd::Uid::effective().is_root() {
        return;
    }
    let closed = std::fs::Permissions::from_mode(0o700);
    let folder = tempfile::Builder::new().permissions(closed).tempdir().unwrap();
    let output =
        demo(&["--scale", "0.01", "--seconds", "1"]).env("TMPDIR", folder.path()).output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success());
    let named = words.contains(&folder.path().display().to_string());
    assert!(named && words.contains("TMPDIR"), "{words}");
}

#[test]
fn ctrl_c_while_it_loads_leaves_nothing_behind() {
    use std::io::{BufRead, BufReader};
    let folder = temporary();
    let mut child = demo(&["--scale", "1"]).env("TMPDIR", folder.path()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("loading the ERP's data")));
    kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), Signal::SIGINT).unwrap();
    let rest: Vec<String> = lines.map(Result::unwrap).collect();
    assert!(child.wait().unwrap().success());
    assert!(rest.iter().any(|line| line.contains("interrupted")), "{rest:?}");
    assert_eq!(left_behind(folder.path()), Vec::<std::path::PathBuf>::new());
}
