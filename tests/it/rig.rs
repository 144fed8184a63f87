//! What the tests stand on: a server, an agent that watches it, and waiting for something to be.

pub mod case;
pub mod odoo;

use std::time::Duration;

use erpscope::agent::Agent;
use erpscope::config::{Config, Password, Server, Sources, Tls, TlsMode, load};
use erpscope::demo::cluster::{Cluster, Options};
use erpscope::state::{ServerSnapshot, Snapshot};
use tokio_postgres::{Client, NoTls};

/// A cluster with the agent's role and pg_stat_statements in database `postgres`.
pub async fn cluster(options: &Options) -> Cluster {
    let cluster = Cluster::start(options).await.unwrap();
    let admin = admin(&cluster).await;
    admin
        .batch_execute("create role erpscope login; grant pg_monitor to erpscope; create extension pg_stat_statements")
        .await
        .unwrap();
    cluster
}

/// A cluster with pg_stat_statements at work and a database `shop` that the agent's role may read, and a
/// superuser's session in that.
pub async fn shop(options: Options) -> (Cluster, Client) {
    let cluster = cluster(&options.set("shared_preload_libraries", "pg_stat_statements")).await;
    let admin = admin(&cluster).await;
    admin.batch_execute("create database shop").await.unwrap();
    admin.batch_execute("grant pg_read_all_data to erpscope").await.unwrap();
    let shop = session(&cluster.url("shop")).await;
    (cluster, shop)
}

/// A superuser's session in database `postgres`.
pub async fn admin(cluster: &Cluster) -> Client {
    session(&cluster.url("postgres")).await
}

pub async fn session(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// A session that names itself.
pub async fn named(cluster: &Cluster, datname: &str, application_name: &str) -> Client {
    let mut config: tokio_postgres::Config = cluster.url(datname).parse().unwrap();
    let (client, connection) =
        config.application_name(application_name).connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// Waits until the server answers a question with true.
pub async fn until_true(client: &Client, question: &str) {
    for _ in 0..600 {
        if client.query_one(question, &[]).await.unwrap().get(0) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("never: {question}");
}

/// How to reach a cluster as `erpscope`.
pub fn server(cluster: &Cluster) -> Server {
    server_of(cluster.port())
}

/// How to reach what listens on a port.
pub fn server_of(port: u16) -> Server {
    Server {
        name: "erp".into(),
        host: "127.0.0.1".into(),
        port,
        user: "erpscope".into(),
        dbname: "postgres".into(),
        erp: None,
        password: Password::None,
        tls: Tls { mode: TlsMode::Prefer, root_cert: None, client: None },
        connect_timeout: Duration::from_secs(5),
        statement_timeout: Duration::from_secs(5),
        lock_timeout: Duration::from_millis(100),
        log: None,
    }
}

/// An agent's config that samples every second.
pub fn config(servers: Vec<Server>) -> Config {
    let mut config = Config::of(servers).unwrap();
    config.listen = ([127, 0, 0, 1], 0).into();
    config.budget = 1.0;
    let second = Duration::from_secs(1);
    config.statements.interval = second;
    config.statements.texts_interval = second;
    config.database.interval = second;
    config.locks.report_after = Duration::from_millis(200);
    config
}

/// With what a config file says of integrations and of how their calls are seen.
pub fn declaring(text: &str, config: Config) -> Config {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    std::io::Write::write_all(&mut file, format!("{text}\n[[server]]\n").as_bytes()).unwrap();
    let sources = Sources { file: Some(file.path().into()), ..Sources::default() };
    let Config { integrations, otlp, proxies, forward_proxy, brokers, .. } =
        load(&sources).unwrap().config;
    Config { integrations, otlp, proxies, forward_proxy, brokers, ..config }
}

/// A running agent and how to ask it.
pub struct Rig {
    pub agent: Agent,
}

impl Rig {
    pub fn start(config: Config) -> Self {
        Self { agent: Agent::start(config).unwrap() }
    }

    pub fn snapshot(&self) -> Snapshot {
        self.agent.board().load().snapshot.clone()
    }

    /// The only server.
    pub fn server(&self) -> Option<ServerSnapshot> {
        self.snapshot().servers.first().cloned()
    }

    /// Waits until the only server is as wanted.
    pub async fn until(
        &self,
        what: &str,
        wanted: impl Fn(&ServerSnapshot) -> bool,
    ) -> ServerSnapshot {
        let mut last = None;
        for _ in 0..600 {
            last = self.server();
            if let Some(server) = last.as_ref().filter(|server| wanted(server)) {
                return server.clone();
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("not within 30 s: {what}\n{last:#?}");
    }

    pub async fn until_up(&self) -> ServerSnapshot {
        self.until("up", ServerSnapshot::is_up).await
    }

    /// Waits for so many more samples of statements that were begun after this call.
    pub async fn samples(&self, more: u64) -> ServerSnapshot {
        let now = self.server().as_ref().map_or(0, runs);
        self.until("more samples", |server| runs(server) > now + more).await
    }

    pub async fn get(&self, path: &str) -> (u16, String) {
        get(&format!("http://{}{path}", self.agent.address())).await
    }

    pub async fn metrics(&self) -> String {
        self.get("/metrics").await.1
    }
}

fn runs(server: &ServerSnapshot) -> u64 {
    use erpscope::sample::{Outcome, Sampler};
    let record = server.samplers.records.get(&Sampler::Statements);
    record.and_then(|record| record.runs.get(&Outcome::Ok)).copied().unwrap_or(0)
}

/// An HTTP client.
pub fn http() -> reqwest::Client {
    // Another test may have been first.
    let _installed = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::new()
}

pub async fn get(url: &str) -> (u16, String) {
    let answer = http().get(url).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

/// The value of one series in exposition text; its labels must all be given, in order.
pub fn value(metrics: &str, series: &str) -> Option<f64> {
    metrics.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
}

/// The sum over all series of a metric whose labels contain `part`.
pub fn sum(metrics: &str, name: &str, part: &str) -> f64 {
    metrics
        .lines()
        .filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with('{')))
        .filter(|line| line.contains(part))
        .filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok())
        .sum()
}
