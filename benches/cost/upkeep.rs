//! What the samplers of tables, catalogs and upkeep cost the server, for each 1,000 tables.

use std::sync::Arc;
use std::time::Duration;

use erpscope::config::{Config, Server};
use erpscope::demo::cluster::{Cluster, Options};
use erpscope::erp::{Profiles, Queue};
use erpscope::pg::Session;
use erpscope::sample::{
    catalog, index_usage, io, queues, replication, settings, table_usage, usage, vacuum,
};

use crate::rig::{Cpu, median, server_of, session};

const ROUNDS: usize = 9;
const TABLES: u32 = 5_000;
const PATIENCE: Duration = Duration::from_secs(60);

pub async fn run() {
    let options = Options::default().set("autovacuum", "off").set("shared_buffers", "256MB");
    let cluster = Cluster::start(&options).await.unwrap();
    let server = erp(&cluster).await;
    let config = Config::of(vec![server.clone()]).unwrap();
    let own = erpscope::pg::connect(&server, "postgres").await.unwrap();
    let client = own.client();
    let number = async |sql: &str| client.query_one(sql, &[]).await.unwrap();
    let dbid: u32 = number("select oid from pg_database where datname = 'postgres'").await.get(0);
    let backend: i32 = number("select pg_backend_pid()").await.get(0);
    let vacuum = vacuum::Reader::prepare(client).await.unwrap();
    let replication = replication::Reader::prepare(client).await.unwrap();
    let io = io::Reader::prepare(client).await.unwrap();
    let of = Cost { backend };
    let usage = of.each(async || drop(usage::read(&own, dbid, &[], PATIENCE).await.unwrap())).await;
    let tables = table_usage::read(client).await.unwrap();
    let of_tables = of.each(async || drop(table_usage::read(client).await.unwrap())).await;
    let of_indexes =
        of.each(async || drop(index_usage::read(client, &mut tables.clone()).await.unwrap())).await;
    let catalog =
        of.each(async || drop(catalog::read(&own, dbid, &[], PATIENCE).await.unwrap())).await;
    let vacuum = of.each(async || drop(vacuum.read(client).await.unwrap())).await;
    let replication = of.each(async || drop(replication.read(client).await.unwrap())).await;
    let io = of.each(async || drop(io.read(client).await.unwrap())).await;
    let wanted = of_odoo();
    let looks = Arc::default();
    let read =
        async || queues::read(&own, dbid, &[], |_| wanted.clone(), &looks, PATIENCE).await.unwrap();
    let seen = read().await;
    let counted = seen.databases.first().map_or(0, |database| database.queues.len());
    assert_eq!(counted, 4, "{seen:?}");
    let queues = of.mean(async || drop(read().await)).await;
    let tables: Vec<&str> = wanted.iter().map(|queue| queue.table.as_str()).collect();
    let columns = include_str!("../../src/sample/queues_columns.sql");
    let columns = of.each(async || drop(client.query(columns, &[&tables]).await.unwrap())).await;
    let settings = settings_of(&cluster, &own).await;
    println!(
        "tables, catalogs and upkeep: {TABLES} tables, each with 3 indexes, a sequence and a foreign key"
    );
    let upkeep = &config.upkeep;
    let mut all = 0.0;
    for (name, once, interval, by_table) in [
        ("usage", usage, config.usage.interval, true),
        ("catalog", catalog, upkeep.catalog_interval, true),
        ("vacuum", vacuum, upkeep.interval, false),
        ("replication", replication, upkeep.interval, false),
        ("io", io, upkeep.interval, false),
        ("queues", queues, upkeep.queues_interval, false),
        ("settings", settings, upkeep.settings_interval, false),
    ] {
        let thousands = if by_table { f64::from(TABLES) / 1_000.0 } else { 1.0 };
        let minute = once / thousands * 60.0 / interval.as_secs_f64();
        all += minute;
        println!("  {name:<12} {once:8.2} ms once, every {interval:?}: {minute:6.2} ms a minute");
    }
    println!("  of `usage`, {of_tables:.1} ms are for tables, {of_indexes:.1} for indexes");
    println!("  of `queues`, {columns:.2} ms are the look for their columns");
    println!("  all, for 1,000 tables    {all:6.2} ms a minute   (goal: at most 15)");
}

/// Tables as an ERP's.
async fn erp(cluster: &Cluster) -> Server {
    let admin = session(cluster).await;
    let sql = "create role erpscope login; grant pg_monitor to erpscope;
        create extension pg_stat_statements;
        create table res_partner (id serial primary key)";
    admin.batch_execute(sql).await.unwrap();
    let create = format!(
        "do 'begin for i in 1..{TABLES} loop
           execute format(''create table t%s (id serial primary key, a int unique, b int,
             partner_id int references res_partner); create index on t%s (b)'', i, i);
           if i % 100 = 0 then commit; end if; end loop; end'"
    );
    admin.batch_execute(&create).await.unwrap();
    admin.batch_execute(QUEUES).await.unwrap();
    let grant = "grant select on all tables in schema public to erpscope";
    admin.batch_execute(grant).await.unwrap();
    let grant = "grant select on all sequences in schema public to erpscope";
    admin.batch_execute(grant).await.unwrap();
    admin.batch_execute("analyze").await.unwrap();
    server_of(cluster.port())
}

/// The queues of an Odoo that has been used for years: most rows are done.
const QUEUES: &str = "
    create table queue_job (id serial primary key, state varchar, date_created timestamp, eta timestamp,
      date_started timestamp, retry int, func_string text);
    insert into queue_job (state, date_created, retry, func_string)
      select case when i % 1000 = 0 then 'pending' when i % 1001 = 0 then 'failed' else 'done' end,
        now() - i * interval '1 minute', 0, repeat('x', 200) from generate_series(1, 200000) i;
    create index on queue_job (state);
    create table mail_mail (id serial primary key, state varchar, create_date timestamp,
      scheduled_date timestamp, body text);
    insert into mail_mail (state, create_date, body)
      select case when i % 500 = 0 then 'outgoing' else 'sent' end, now(), repeat('x', 200)
        from generate_series(1, 20000) i;
    create table ir_cron (id serial primary key, active bool, nextcall timestamp);
    insert into ir_cron (active, nextcall) select true, now() - interval '1 minute' from generate_series(1, 60);
    create table outbox (id serial primary key, created_at timestamptz, processed_at timestamptz);
    insert into outbox (created_at, processed_at) select now(), now() from generate_series(1, 50000);
    create index on outbox (created_at) where processed_at is null";

/// Those that its profile declares.
fn of_odoo() -> Vec<Arc<Queue>> {
    let profiles = Profiles::default();
    profiles.words(profiles.get("odoo")).queues().cloned().collect()
}

/// Processor time of our backend.
struct Cost {
    backend: i32,
}

impl Cost {
    /// Milliseconds, the median of several runs after a first one that fills its caches.
    async fn each(&self, run: impl AsyncFn()) -> f64 {
        run().await;
        let mut spent = Vec::with_capacity(ROUNDS);
        for _ in 0..ROUNDS {
            let before = Cpu::of(self.backend);
            run().await;
            spent.push((Cpu::of(self.backend) - before).as_secs_f64() * 1e3);
        }
        median(&mut spent)
    }

    /// Milliseconds, the mean of what does not do the same each time.
    async fn mean(&self, run: impl AsyncFn()) -> f64 {
        let before = Cpu::of(self.backend);
        for _ in 0..TURNS {
            run().await;
        }
        (Cpu::of(self.backend) - before).as_secs_f64() * 1e3 / f64::from(TURNS)
    }
}

/// Turns in which every queue was looked at as often as it is in the long run.
const TURNS: u32 = 60;

/// Milliseconds, the mean: settings are read by a session that ends, whose time its parent counts,
/// in hundredths of a second.
async fn settings_of(cluster: &Cluster, own: &Session) -> f64 {
    const RUNS: u32 = 100;
    let file = std::fs::read_to_string(cluster.data().join("postmaster.pid")).unwrap();
    let parent: i32 = file.lines().next().unwrap().parse().unwrap();
    let before = ended(parent);
    for _ in 0..RUNS {
        settings::read(own).await.unwrap();
    }
    f64::from(ended(parent) - before) * 10.0 / f64::from(RUNS)
}

/// Hundredths of a second that the children of a process took which have ended (proc(5), `cutime`
/// and `cstime`).
fn ended(parent: i32) -> u32 {
    let stat = std::fs::read_to_string(format!("/proc/{parent}/stat")).unwrap();
    let fields = stat.rsplit_once(") ").unwrap().1.split(' ').skip(13).take(2);
    fields.map(|field| field.parse::<u32>().unwrap()).sum()
}
