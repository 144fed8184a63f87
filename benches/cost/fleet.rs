//! One agent for many servers: what it takes of the machine that it runs on, and of Prometheus.
//!
//! They are copies of one, small enough for a hundred of them on one machine, with ten connections each.

use std::time::Duration;

use erpscope::demo::cluster::{Cluster, Options};
use tokio_postgres::Client;

use crate::rig::{Child, Cpu, middling, quantile, session};

const MINUTE: Duration = Duration::from_secs(60);
const MOST: usize = 100;
const CONNECTIONS: usize = 10;

pub async fn run() {
    let fleet = Fleet::start().await;
    println!("one agent for many servers, with its defaults, for {} s each", MINUTE.as_secs());
    println!("servers  agent, % of a core  MiB   series  /metrics, kB  scrape p50, ms");
    let mut of_one = None;
    for servers in [1, 10, MOST] {
        let ports: Vec<u16> = fleet.clusters.iter().take(servers).map(Cluster::port).collect();
        let agent = Child::agent_of(&ports, &[]);
        until_all_are_up(&agent, servers).await;
        until_all_is_told(&agent, servers, of_one).await;
        let before = Cpu::of(agent.pid());
        tokio::time::sleep(MINUTE).await;
        let spent = (Cpu::of(agent.pid()) - before).as_secs_f64() / MINUTE.as_secs_f64();
        let text = agent.scrape().await;
        let series = series(&text);
        of_one = of_one.or(Some(series));
        let mut times: Vec<f64> =
            (0..100).map(|_| agent.timed_scrape().0.as_secs_f64() * 1e3).collect();
        println!(
            "{servers:>7} {:>19.2} {:>4.0} {series:>8} {:>13} {:>15.1}",
            100.0 * spent,
            agent.rss_mib(),
            text.len() / 1_000,
            quantile(&mut times, 0.5)
        );
    }
}

struct Fleet {
    clusters: Vec<Cluster>,
    _sessions: Vec<Client>,
}

impl Fleet {
    async fn start() -> Self {
        let options = Options::default().set("shared_buffers", "16MB").set("max_connections", "40");
        let (mut first, admin) = middling(options).await;
        drop(admin);
        first.stop().await.unwrap();
        let (mut clusters, mut sessions) = (Vec::new(), Vec::new());
        for _ in 0..MOST {
            let cluster = first.start_copy().await.unwrap();
            for _ in 0..CONNECTIONS {
                sessions.push(session(&cluster).await);
            }
            clusters.push(cluster);
        }
        Self { clusters, _sessions: sessions }
    }
}

/// Until all servers tell as much as one alone does: where they share a machine, some of them have no time to answer at first,
/// and what is looked at every five minutes comes with the next turn.
async fn until_all_is_told(agent: &Child, servers: usize, of_one: Option<usize>) {
    let mut known = 0;
    for _ in 0..36 {
        tokio::time::sleep(Duration::from_secs(20)).await;
        let series = series(&agent.scrape().await);
        let is_all = match of_one {
            Some(of_one) => series * 100 >= of_one * servers * 98,
            None => series.abs_diff(known) * 200 < series,
        };
        if is_all {
            break;
        }
        known = series;
    }
}

fn series(text: &str) -> usize {
    text.lines().filter(|line| !line.starts_with('#')).count()
}

async fn until_all_are_up(agent: &Child, servers: usize) {
    let mut up = 0;
    for _ in 0..600 {
        let text = agent.scrape_if_there().await.unwrap_or_default();
        up = text.lines().filter(|l| l.starts_with("erpscope_statements_tracked{")).count();
        if up == servers {
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert_eq!(up, servers, "servers that were reached");
}
