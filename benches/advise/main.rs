//! The index advisor on an ERP of 500 tables and 1,000 templates, and on a catalog of 5,000 tables
//! with 15,000 indexes: how long it takes, what of that is the database's, and how much memory it needs.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a bench is a test with a report")]

mod erp;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use erpscope::advise::advice::{Request, advise};
use erpscope::advise::advisor::{Effort, Judge};
use erpscope::advise::candidate::Allowed;
use erpscope::advise::catalog;
use erpscope::advise::select::Limits;
use erpscope::advise::workload::Workload;
use erpscope::config::{Flags, Server, Sources, load};
use erpscope::demo::cluster::{Cluster, Options};
use erpscope::erp::Erp;
use tokio_postgres::{Client, NoTls};

const TABLES: usize = 5_000;

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let options = Options::default()
            .set("shared_preload_libraries", "pg_stat_statements")
            .set("autovacuum", "off")
            .set("random_page_cost", "1.1")
            .set("jit", "off");
        let cluster = Cluster::start(&options).await.unwrap();
        let admin = session(&cluster, "postgres").await;
        let role = "create role erpscope login; grant pg_monitor, pg_read_all_data to erpscope";
        admin.batch_execute(role).await.unwrap();
        many_templates(&cluster, &admin).await;
        many_tables(&cluster, &admin).await;
    });
}

async fn session(cluster: &Cluster, datname: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(&cluster.url(datname), NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

async fn database(cluster: &Cluster, admin: &Client, datname: &str) -> Client {
    admin.batch_execute(&format!("create database {datname}")).await.unwrap();
    let client = session(cluster, datname).await;
    client.batch_execute("create extension hypopg").await.unwrap();
    client
}

fn server(cluster: &Cluster, datname: &str) -> Server {
    let url = format!("postgres://erpscope@127.0.0.1:{}/{datname}", cluster.port());
    let flags = Flags { url: Some(url), ..Flags::default() };
    let sources = Sources { file: None, env: BTreeMap::new(), flags };
    load(&sources).unwrap().config.servers.remove(0)
}

async fn many_templates(cluster: &Cluster, admin: &Client) {
    let client = database(cluster, admin, "erp").await;
    for batch in erp::tables() {
        client.batch_execute(&batch).await.unwrap();
    }
    client.batch_execute("analyze").await.unwrap();
    drop(client);
    let statements = erp::statements();
    println!("{} templates over {} tables:", statements.len(), erp::GROUPS * erp::KINDS);
    advised(cluster, admin, "erp", Workload { statements, days: 7.0 }).await;
}

async fn advised(cluster: &Cluster, admin: &Client, datname: &str, workload: Workload) {
    let server = server(cluster, datname);
    let asking = erpscope::pg::connect(&server, datname).await.unwrap();
    let planning = erpscope::pg::connect_to_plan(&server, datname).await.unwrap();
    let limits = Limits { bytes: 1e11, number: 200 };
    let request = Request {
        datname: datname.to_owned(),
        effort: Effort {
            limits,
            lean: true,
            judge: Judge::Visits,
            sizes_of_hypopg: false,
            calls: 20_000,
            planning_ms: 30_000.0,
        },
        allowed: Allowed { values_of: vec!["state".to_owned()] },
        writes: None,
        remembered: None,
        unused_days: 31.0,
    };
    let (busy, ours) = (active(admin, datname).await, cpu());
    forget_peak();
    let began = Instant::now();
    let erp = Erp::new(Vec::new());
    let advice = advise(&asking, planning, &workload, &erp, &request).await.unwrap();
    let elapsed = began.elapsed().as_secs_f64();
    let used = cpu() - ours;
    drop(asking);
    println!("  seconds from beginning to end      {elapsed:>10.1}");
    println!("  of our processor                   {used:>10.1}");
    println!("  of the database, busy for us       {:>10.1}", settled(admin, datname, busy).await);
    println!("  of that, planning                  {:>10.1}", advice.planning_ms / 1e3);
    println!("  questions to the planner           {:>10}", advice.what_if_calls);
    println!("  MiB of ours at most                {:>10.0}", peak_mib());
    println!("  share of time understood           {:>10.4}", advice.understood_share);
    println!("  indexes suggested                  {:>10}", advice.suggestions.len());
    for note in &advice.notes {
        println!("  {note}");
    }
}

/// Seconds that sessions of a database were busy.
async fn active(admin: &Client, datname: &str) -> f64 {
    let sql = "select active_time / 1000 from pg_stat_database where datname = $1";
    admin.query_one(sql, &[&datname]).await.unwrap().get(0)
}

/// The same since then, once a session that has ended has told it.
async fn settled(admin: &Client, datname: &str, before: f64) -> f64 {
    let sessions = "select count(*) from pg_stat_activity where datname = $1";
    while admin.query_one(sessions, &[&datname]).await.unwrap().get::<_, i64>(0) > 0 {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    active(admin, datname).await - before
}

async fn many_tables(cluster: &Cluster, admin: &Client) {
    let client = database(cluster, admin, "wide").await;
    for from in (0..TABLES).step_by(100) {
        let of = |at: usize| {
            format!(
                "create table t{at} (id int primary key, a int, b int, c text, d timestamptz, e numeric);
                 create index on t{at} (a); create index on t{at} (b, c);
                 insert into t{at} select i, i, i, 'c', now(), i from generate_series(1, 20) i;"
            )
        };
        let batch: String = (from..TABLES.min(from + 100)).map(of).collect();
        client.batch_execute(&batch).await.unwrap();
    }
    client.batch_execute("analyze").await.unwrap();
    drop(client);
    let server = server(cluster, "wide");
    let asking = erpscope::pg::connect(&server, "wide").await.unwrap();
    let relations: BTreeSet<(String, String)> =
        (0..TABLES).map(|at| ("public".to_owned(), format!("t{at}"))).collect();
    let ours = cpu();
    forget_peak();
    let began = Instant::now();
    let catalog = catalog::read(asking.client(), &relations).await.unwrap();
    let indexes: usize = catalog.tables.values().map(|table| table.indexes.len()).sum();
    println!("catalog of {} tables with {indexes} indexes:", catalog.tables.len());
    println!("  seconds from beginning to end      {:>10.1}", began.elapsed().as_secs_f64());
    println!("  of our processor                   {:>10.1}", cpu() - ours);
    println!("  MiB of ours at most                {:>10.0}", peak_mib());
    drop(catalog);
    drop(asking);
    let statements =
        (0..TABLES / 5).map(|at| erp::statement(&format!("select c from t{at} where e = $1"), 1.0));
    let workload = Workload { statements: statements.collect(), days: 7.0 };
    println!("{} templates over that:", workload.statements.len());
    advised(cluster, admin, "wide", workload).await;
}

/// Seconds of processor time that this process has used.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields = stat.rsplit_once(')').unwrap().1.split_whitespace();
    let ticks: f64 = fields.skip(11).take(2).map(|ticks| ticks.parse::<f64>().unwrap()).sum();
    ticks / 100.0
}

/// Begins to look for the most memory anew.
fn forget_peak() {
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
}

fn peak_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1024.0
}
