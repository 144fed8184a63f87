//! The server that is watched, and processes whose time and memory are counted.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::ops::Sub;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use erpscope::config::{Password, Server, Tls, TlsMode};
use erpscope::demo::cluster::{Cluster, Options};
use tokio_postgres::{Client, NoTls};

/// A server as a middling ERP's, with its connections.
pub struct Bench {
    cluster: Cluster,
    admin: Client,
    _sessions: Vec<Client>,
}

impl Bench {
    pub async fn start() -> Self {
        let (cluster, admin) = middling(Options::default().set("max_connections", "1500")).await;
        let mut sessions = Vec::new();
        for _ in 0..100 {
            sessions.push(session(&cluster).await);
        }
        Self { cluster, admin, _sessions: sessions }
    }

    pub async fn machine(&self) -> String {
        let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let models: Vec<&str> = cpuinfo
            .lines()
            .filter_map(|l| l.strip_prefix("model name")?.split_once(": ").map(|(_, m)| m))
            .collect();
        let version: String = self
            .admin
            .query_one("select current_setting('server_version')", &[])
            .await
            .unwrap()
            .get(0);
        format!(
            "{} x {}, PostgreSQL {version}",
            models.len(),
            models.first().unwrap_or(&"unknown processor")
        )
    }

    pub fn port(&self) -> u16 {
        self.cluster.port()
    }

    pub fn server(&self) -> Server {
        server_of(self.cluster.port())
    }

    /// Process ids of the server's processes for a client.
    pub async fn backends(&self, application_name: &str) -> Vec<i32> {
        backends(&self.admin, application_name).await
    }
}

/// A server as a middling ERP's, but for its connections: 6,000 statements, half of them with 2 kB of text, and 1,200 tables.
pub async fn middling(options: Options) -> (Cluster, Client) {
    let options = options.set("pg_stat_statements.max", "10000").set("autovacuum", "off");
    let cluster = Cluster::start(&options).await.unwrap();
    let admin = session(&cluster).await;
    admin.batch_execute("create role erpscope login; grant pg_monitor to erpscope").await.unwrap();
    for from in (0..1_200).step_by(100) {
        let tables: Vec<String> = (from..from + 100)
            .map(|i| format!("create table t{i} (id int primary key, a int unique, b int); create index on t{i} (b)"))
            .collect();
        admin.batch_execute(&tables.join(";")).await.unwrap();
    }
    admin.batch_execute("create extension pg_stat_statements").await.unwrap();
    admin.simple_query("select pg_stat_statements_reset()").await.unwrap();
    for from in (0..6_000).step_by(500) {
        let all: Vec<String> = (from..from + 500).map(statement).collect();
        admin.simple_query(&all.join(";")).await.unwrap();
    }
    (cluster, admin)
}

/// How to reach the server on a port as the agent does.
pub fn server_of(port: u16) -> Server {
    Server {
        name: "bench".into(),
        host: "127.0.0.1".into(),
        port,
        user: "erpscope".into(),
        dbname: "postgres".into(),
        erp: None,
        password: Password::None,
        tls: Tls { mode: TlsMode::Disable, root_cert: None, client: None },
        connect_timeout: Duration::from_secs(5),
        statement_timeout: Duration::from_secs(30),
        lock_timeout: Duration::from_millis(100),
        log: None,
    }
}

/// Process ids of the server's processes for a client.
pub async fn backends(admin: &Client, application_name: &str) -> Vec<i32> {
    let sql = "select pid from pg_stat_activity where application_name = $1";
    let rows = admin.query(sql, &[&application_name]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

pub async fn session(cluster: &Cluster) -> Client {
    let (client, connection) =
        tokio_postgres::connect(&cluster.url("postgres"), NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// Statements of different shapes; every second one has 2 kB of text.
fn statement(i: usize) -> String {
    let shape: String = (0..13).map(|bit| if i >> bit & 1 == 1 { "+1" } else { "-1" }).collect();
    if i % 2 == 1 {
        return format!("select 1{shape}");
    }
    let columns: Vec<String> = (0..80).map(|c| format!("{c} as some_column_{i}_{c}")).collect();
    format!("select 1{shape}, {}", columns.join(", "))
}

/// Processor time of a process, user and system.
#[derive(Clone, Copy)]
pub struct Cpu(u64);

impl Cpu {
    /// All threads of a process.
    pub fn of(pid: i32) -> Self {
        let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).expect("the process has ended");
        let nanoseconds = tasks.filter_map(|task| {
            let text = std::fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
            text.split(' ').next()?.parse::<u64>().ok()
        });
        Self(nanoseconds.sum())
    }

    pub fn sum(pids: &[i32]) -> Self {
        Self(pids.iter().map(|pid| Self::of(*pid).0).sum())
    }
}

impl Sub for Cpu {
    type Output = Duration;

    fn sub(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// A process of ours; killed when dropped.
pub struct Child {
    process: std::process::Child,
    url: String,
    client: reqwest::Client,
    _config: Option<tempfile::NamedTempFile>,
}

impl Child {
    pub fn agent(server_port: u16, lines: &[&str]) -> Self {
        Self::agent_of(&[server_port], lines)
    }

    /// An agent of the servers on these ports.
    pub fn agent_of(servers: &[u16], lines: &[&str]) -> Self {
        let port = free_port();
        let mut config = tempfile::NamedTempFile::new().unwrap();
        writeln!(config, "listen = '127.0.0.1:{port}'\n{}", lines.join("\n")).unwrap();
        for (number, port) in servers.iter().enumerate() {
            let host = format!("host = '127.0.0.1'\nport = {port}\nsslmode = 'disable'");
            writeln!(config, "[[server]]\nname = 'erp-{number}'\n{host}").unwrap();
        }
        let mut command = Command::new(env!("CARGO_BIN_EXE_erpscope"));
        command.args(["run", "--log-level", "warn", "--config"]).arg(config.path());
        Self::start(command, port, Some(config))
    }

    pub fn start(mut command: Command, port: u16, config: Option<tempfile::NamedTempFile>) -> Self {
        let process = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let url = format!("http://127.0.0.1:{port}/metrics");
        // This is a new process.
        let _installed = rustls::crypto::ring::default_provider().install_default();
        Self { process, url, client: reqwest::Client::new(), _config: config }
    }

    pub fn pid(&self) -> i32 {
        i32::try_from(self.process.id()).unwrap()
    }

    pub async fn scrape(&self) -> String {
        self.scrape_if_there().await.unwrap()
    }

    pub async fn scrape_if_there(&self) -> Option<String> {
        self.client.get(&self.url).send().await.ok()?.text().await.ok()
    }

    /// A scrape that looks at nothing, as a scraper in another process would: how long until the
    /// last byte was there.
    pub fn timed_scrape(&self) -> (Duration, usize) {
        let address = self.url.trim_start_matches("http://").trim_end_matches("/metrics");
        let mut socket = TcpStream::connect(address).unwrap();
        socket.set_nodelay(true).unwrap();
        let mut buffer = vec![0; 1 << 18];
        let (began, mut bytes) = (Instant::now(), 0);
        socket
            .write_all(b"GET /metrics HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n")
            .unwrap();
        while let Ok(n @ 1..) = socket.read(&mut buffer) {
            bytes += n;
        }
        (began.elapsed(), bytes)
    }

    pub async fn until_up(&self) {
        for _ in 0..300 {
            if let Ok(answer) = self.client.get(&self.url).send().await
                && answer.text().await.is_ok_and(|text| {
                    text.contains("erpscope_statements_tracked{") || text.contains("pg_up 1")
                })
            {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    pub fn rss_mib(&self) -> f64 {
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib: f64 = line.and_then(|l| l.split_whitespace().next()?.parse().ok()).unwrap_or(0.0);
        kib / 1_024.0
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ended = self.process.kill();
        let _reaped = self.process.wait();
    }
}

pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

pub fn median(values: &mut [f64]) -> f64 {
    quantile(values, 0.5)
}

pub fn quantile(values: &mut [f64], q: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index")]
    let at = ((values.len() - 1) as f64 * q).round() as usize;
    values.get(at).copied().unwrap_or(f64::NAN)
}
