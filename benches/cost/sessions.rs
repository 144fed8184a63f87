//! What looking at sessions ten times a second costs the server, calm and in an incident.

use std::time::{Duration, Instant};

use erpscope::demo::cluster::{Cluster, Options};
use tokio_postgres::Client;

use crate::rig::{Child, Cpu, backends, median, session};

/// Rounds of measuring, and how long each is.
const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_secs(8);

/// What a session does, and no more.
const FLOOR: &str = "select a.pid, a.datid, a.application_name, a.state, a.wait_event_type, a.wait_event, \
    a.xact_start, a.query_start, a.state_change from pg_stat_get_activity(null) a where a.state <> 'idle'";

/// A server with so many connections: eight of ten are idle, one is idle in transaction, one
/// executes. `waiters` of them wait for one row.
struct Crowd {
    cluster: Cluster,
    admin: Client,
    _idle: Vec<Client>,
}

impl Crowd {
    async fn gather(connections: usize, waiters: usize) -> Self {
        let options = Options::default()
            .set("max_connections", "700")
            .set("autovacuum", "off")
            .set("deadlock_timeout", "1h");
        let cluster = Cluster::start(&options).await.unwrap();
        let admin = session(&cluster).await;
        let sql = "create role erpscope login; grant pg_monitor to erpscope; \
                   create extension pg_stat_statements; \
                   create table stock_quant (id int primary key, n int); \
                   insert into stock_quant values (1, 0)";
        admin.batch_execute(sql).await.unwrap();
        let mut idle = Vec::new();
        for index in 0..connections {
            let client = session(&cluster).await;
            if index == 0 {
                client.batch_execute("begin; update stock_quant set n = 1").await.unwrap();
            } else if index <= waiters {
                keep_busy(client, "update stock_quant set n = 2 where id = 1");
                continue;
            } else if index % 10 == 8 {
                client.batch_execute("begin; select * from stock_quant").await.unwrap();
            } else if index % 10 == 9 {
                keep_busy(client, "select pg_sleep(3600)");
                continue;
            }
            idle.push(client);
        }
        Self { cluster, admin, _idle: idle }
    }

    /// With a budget that nothing exceeds, it looks ten times a second; `budget` gives another.
    async fn measure(&self, what: &str, budget: &str, goal: f64) {
        let agent = Child::agent(self.cluster.port(), &[budget]);
        agent.until_up().await;
        // Until everything that is done once is done.
        tokio::time::sleep(ROUND).await;
        let pids = backends(&self.admin, "erpscope").await;
        let (mut database, mut own) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let before = (Cpu::sum(&pids), Cpu::of(agent.pid()));
            tokio::time::sleep(ROUND).await;
            let share = |spent: Duration| 100.0 * spent.as_secs_f64() / ROUND.as_secs_f64();
            database.push(share(Cpu::sum(&pids) - before.0));
            own.push(share(Cpu::of(agent.pid()) - before.1));
        }
        let metrics = agent.scrape().await;
        let floor = self.floor().await;
        println!("{what}");
        println!(
            "  database's processor     {:6.3} % of a core   (goal: at most {goal})",
            median(&mut database)
        );
        println!("  nine columns, plainly    {floor:6.3} % of a core   in the same run, at 100 ms");
        println!("  agent's                  {:6.3} % of a core", median(&mut own));
        println!("  agent's memory           {:6.1} MiB", agent.rss_mib());
        for sampler in ["activity", "blockers"] {
            let part = format!("sampler=\"{sampler}\"}} ");
            let interval = metrics.lines().find_map(|line| {
                let rest = line.strip_prefix("erpscope_sampler_interval_seconds")?;
                rest.split_once(&part).map(|(_, value)| value.to_owned())
            });
            if let Some(seconds) = interval.and_then(|value| value.parse::<f64>().ok()) {
                println!("  {sampler:<8} every           {:6.0} ms", seconds * 1e3);
            }
        }
    }
}

impl Crowd {
    /// The least that can be asked, ten times a second: what its backend takes.
    async fn floor(&self) -> f64 {
        let client = session(&self.cluster).await;
        let floor = client.prepare(FLOOR).await.unwrap();
        let pid: i32 = client.query_one("select pg_backend_pid()", &[]).await.unwrap().get(0);
        let mut shares = Vec::new();
        for _ in 0..ROUNDS {
            let (before, began) = (Cpu::of(pid), Instant::now());
            while began.elapsed() < ROUND / 2 {
                client.query(&floor, &[]).await.unwrap();
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            let spent = (Cpu::of(pid) - before).as_secs_f64();
            shares.push(100.0 * spent / began.elapsed().as_secs_f64());
        }
        median(&mut shares)
    }
}

fn keep_busy(client: Client, sql: &'static str) {
    tokio::spawn(async move { client.batch_execute(sql).await });
}

pub async fn run() {
    const TEN_HERTZ: &str = "budget = 0.2";
    let crowd = Crowd::gather(100, 0).await;
    crowd.measure("sessions of 100 connections", TEN_HERTZ, 0.5).await;
    let crowd = Crowd::gather(500, 0).await;
    crowd.measure("sessions of 500 connections", TEN_HERTZ, 1.5).await;
    let incident = Crowd::gather(500, 200).await;
    incident.measure("200 of 500 wait for one row, default budget", "budget = 0.01", 3.0).await;
}
