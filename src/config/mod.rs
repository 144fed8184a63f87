//! What people write (`erpscope.toml`, `ERPSCOPE_*`, flags) turned into what the agent runs on.
//!
//! A [`Config`] is complete and valid: every key has its value, every value is typed. It is made by
//! [`load`], which reports every fault it finds at once, each with its key and line.

mod advisor;
mod application;
mod duplicates;
mod duration;
mod fault;
mod finding;
mod history;
mod integration;
mod keys;
mod load;
mod otlp;
mod password;
mod probe;
mod profiles;
mod proxy;
mod rabbitmq;
mod reader;
mod reference;
mod sampling;
mod secret;
mod server;
mod service;
mod url;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::Uri;

use crate::erp::Profiles;
use crate::integration::{Direction, Integrations};

pub use advisor::Hours;
pub use duplicates::Duplicates;
pub use fault::{ConfigErrors, Fault};
pub use finding::{Finding, Mute, RuleTerms};
pub use load::{Flags, Loaded, Sources, load};
pub use password::{PasswordError, password, secret};
pub use rabbitmq::Broker;
pub use reference::{example, reference};
pub use secret::Secret;

/// Everything the agent needs to know, validated.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Where `/metrics` and the rest are served (`listen`, default `127.0.0.1:10187`).
    pub listen: SocketAddr,
    /// What is written to standard error, and how (`[log]`).
    pub log: Log,
    /// Share of one core of database time that all sampling of one server may take
    /// (`budget`, default 0.01). Intervals are stretched to keep it.
    pub budget: f64,
    /// Sampling of pg_stat_statements (`[statements]`).
    pub statements: Statements,
    /// Sampling of pg_stat_database and of facts about the server (`[database]`).
    pub database: Database,
    /// Sampling of sessions (`[activity]`).
    pub activity: Activity,
    /// Sampling of how tables, indexes and functions are used (`[usage]`).
    pub usage: Usage,
    /// Sampling of vacuum, replication, checkpoints, settings and catalogs (`[upkeep]`).
    pub upkeep: Upkeep,
    /// The search for records that are there twice (`[duplicates]`).
    pub duplicates: Duplicates,
    /// What is remembered over restarts (`[history]`).
    pub history: History,
    /// The index advisor inside the agent (`[advisor]`).
    pub advisor: Advisor,
    /// What is told of waits for locks (`[locks]`).
    pub locks: Locks,
    /// What counts as a slow transaction (`[transactions]`).
    pub transactions: Transactions,
    /// The profiles of ERPs: those that come with erpscope and those of the files in `profiles`.
    pub profiles: Profiles,
    /// Applications with thresholds of their own (`[[application]]`), names unique.
    pub applications: Vec<Application>,
    /// The external systems around the ERP (`[[integration]]`), names unique.
    pub integrations: Integrations,
    /// Where spans are received (`[otlp]`).
    pub otlp: Otlp,
    /// Ways through the reverse proxy (`[[proxy]]`).
    pub proxies: Vec<ProxyRoute>,
    /// The forward proxy (`[forward_proxy]`), if it is wanted.
    pub forward_proxy: Option<ForwardProxy>,
    /// Questions to the other side of integrations (`[[probe]]`), names unique.
    pub probes: Vec<Probe>,
    /// RabbitMQs whose queues are watched (`[[rabbitmq]]`), names unique.
    pub brokers: Vec<Broker>,
    /// What is wrong, as rules say (`[finding]`, `[[mute]]`).
    pub finding: Finding,
    /// The servers to watch (`[[server]]`), at least one, names unique.
    pub servers: Vec<Server>,
}

/// `[otlp]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Otlp {
    /// `http`: OTLP over HTTP is received here.
    pub http: Option<SocketAddr>,
    /// `grpc`: OTLP over gRPC is received here.
    pub grpc: Option<SocketAddr>,
    /// `max_body_bytes`: of a request, also when unpacked (default 4 MiB).
    pub max_body: usize,
    /// `max_waiting_bytes`: of all requests that are being read (default 24 MiB).
    pub max_waiting: usize,
    /// `forward`: URL to which all spans are passed on.
    pub forward: Option<String>,
}

/// `[[proxy]]`: a way on which calls of one integration pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyRoute {
    /// `integration`: its name.
    pub integration: Arc<str>,
    /// As the integration is declared.
    pub direction: Direction,
    /// `listen`: where calls come in; several routes can share it.
    pub listen: SocketAddr,
    /// `path`: the prefix of paths of this route (default `/`); it is cut off.
    pub path: String,
    /// `upstream`: where calls go; what is behind the prefix is added to its path.
    pub upstream: Uri,
    /// `upstream_http2`: HTTP/2 without TLS.
    pub upstream_http2: bool,
    /// `host`: the caller's `host` header is kept (default for inbound), not replaced by the
    /// upstream's (default for outbound).
    pub keeps_host: bool,
    /// `first_byte_timeout`: the answer must begin within it after the last part of the request
    /// was sent (default 60 s).
    pub first_byte_timeout: Duration,
    /// `idle_timeout`: a body breaks off in which nothing came for so long (default 5 min).
    pub idle_timeout: Duration,
    /// `max_in_flight`: calls at once; what is over it is answered with 503 (default 1,000).
    pub max_in_flight: usize,
}

/// `[[probe]]`.
#[derive(Clone, PartialEq, Eq)]
pub struct Probe {
    /// `name`: the label `probe`.
    pub name: Arc<str>,
    /// `integration`: whose other side is asked.
    pub integration: Arc<str>,
    /// `url`: what is asked for.
    pub url: Uri,
    /// `interval` (default 30 s).
    pub interval: Duration,
    /// `timeout`: for all of it (default 5 s).
    pub timeout: Duration,
    /// `method`: GET (default) or HEAD.
    pub method: http::Method,
    /// `expect`: statuses of a good answer (default 200 to 399).
    pub expect: std::ops::RangeInclusive<u16>,
    /// `root_cert`: PEM file of trusted authorities; without it the system's.
    pub root_cert: Option<PathBuf>,
}

/// `[forward_proxy]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForwardProxy {
    /// `listen`: what HTTPS_PROXY names.
    pub listen: SocketAddr,
    /// `ports`: what may be connected to (default 80 and 443).
    pub ports: Vec<u16>,
    /// `connect_timeout` (default 10 s).
    pub connect_timeout: Duration,
}

/// `[log]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// `level`: a `tracing` filter such as `info` or `erpscope=debug` (default `info`).
    pub level: String,
    /// `format`: `text` (default) or `json`.
    pub format: LogFormat,
}

/// How a log line is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// `[statements]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statements {
    /// `interval`: how often counters are read (default 10 s, 1 s to 1 h).
    pub interval: Duration,
    /// `texts_interval`: at most how often texts are read (default 60 s, 1 s to 1 day).
    pub texts_interval: Duration,
    /// `top`: statements shown singly for each server; the rest is in `other`
    /// (default 200, 0 to 5,000).
    pub top: usize,
    /// `text_chars`: a statement's normalised text is cut to this many characters
    /// (default 1,000, 50 to 10,000).
    pub text_chars: usize,
}

/// `[database]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Database {
    /// `interval`: how often pg_stat_database and the server's facts are read (default 15 s,
    /// 1 s to 1 h).
    pub interval: Duration,
    /// `top`: databases shown singly for each server; the rest is in `other` (default 100,
    /// 1 to 1,000).
    pub top: usize,
}

/// `[activity]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Activity {
    /// `interval`: how often sessions are looked at (default 100 ms, 50 ms to 10 s).
    pub interval: Duration,
    /// `series`: series of one metric for each server (default 1,000, 100 to 50,000).
    pub series: usize,
}

/// `[usage]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Usage {
    /// `interval`: how often it is looked at how tables and indexes are used (default 5 min, 1 s to
    /// 1 h).
    pub interval: Duration,
    /// `top`: tables, as many indexes and as many functions shown singly for each server; the
    /// rest is in `other` (default 100, 0 to 5,000).
    pub top: usize,
}

/// `[upkeep]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upkeep {
    /// `interval`: how often vacuum, replication, checkpoints and I/O are looked at (default 60 s,
    /// 1 s to 1 h).
    pub interval: Duration,
    /// `settings_interval`: how often settings are read (default 15 min, 1 s to 1 day).
    pub settings_interval: Duration,
    /// `catalog_interval`: how often catalogs are looked into (default 1 h, 1 s to 1 day).
    pub catalog_interval: Duration,
    /// `queues_interval`: how often queues are looked at (default 60 s, 1 s to 1 day).
    pub queues_interval: Duration,
}

/// `[history]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    /// `path`: the file; without it the history is in memory and ends with the agent.
    pub path: Option<PathBuf>,
    /// `keep`: what is older goes (default 35 days, 1 h to 10 years).
    pub keep: Duration,
    /// `max_size_bytes`: when there is more, the oldest hours go (default 512 MiB, 1 MiB to 1 TiB).
    pub max_size: u64,
    /// `statements`: of one database told apart in one hour (default 2,000, 10 to 50,000).
    pub statements: usize,
    /// `write_interval`: how often what has grown is written (default 5 min, 1 s to 1 h).
    pub write_interval: Duration,
}

/// `[advisor]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advisor {
    /// `enabled`: whether it runs (default true).
    pub enabled: bool,
    /// `interval`: at most how often each server is advised on (default 6 h, 1 min to 30 days).
    pub interval: Duration,
    /// `first_after`: how long the agent has watched before (default 1 h, 1 min to 7 days).
    pub first_after: Duration,
    /// `hours`: when that may begin, in the server's time zone (default `20:00-06:00`).
    pub hours: Hours,
    /// `look_interval`: how often it is looked whether suggestions were applied (default 5 min,
    /// 10 s to 1 day).
    pub look_interval: Duration,
    /// `days`: of the history (default 7).
    pub days: u32,
    /// `budget_bytes`: of all new indexes of a database (default 10 GiB).
    pub budget_bytes: u64,
    /// `max`: suggestions for a database (default 20, 1 to 200).
    pub max: usize,
    /// `shown`: suggestions of a server that metrics show singly (default 100, 1 to 2,000).
    pub shown: usize,
    /// `state_columns`: those whose values may be named.
    pub state_columns: Vec<String>,
    /// `datnames`: databases; if empty, the ten busiest of each server.
    pub datnames: Vec<String>,
    /// `database_time`: planning time of one run (default 30 s, 1 s to 1 h).
    pub database_time: Duration,
}

/// `[locks]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Locks {
    /// `report_after`: a finished wait of this length is an event (default 1 s).
    pub report_after: Duration,
    /// `incident_victims`: so many victims of one root blocker are an incident (default 3).
    pub incident_victims: usize,
    /// `incident_after`: so long a wait for one root blocker is an incident (default 10 s).
    pub incident_after: Duration,
}

/// `[transactions]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transactions {
    /// `slow_after`: a transaction of this length is a slow one (default 1 s).
    pub slow_after: Duration,
}

/// One `[[application]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Application {
    /// `name`: as the profiles name it, such as `bi-report`.
    pub name: String,
    /// `slow_after`: a transaction of it is a slow one only from this length on, instead of that
    /// of `[transactions]` (10 ms to 1 day).
    pub slow_after: Duration,
}

/// One `[[server]]`: a PostgreSQL server and how to reach it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// `name`: the label `server` everywhere (default `host:port`).
    pub name: String,
    /// `host`: a name or address, or the folder of a Unix socket (begins with `/`).
    pub host: String,
    /// `port` (default 5432).
    pub port: u16,
    /// `user` (default `erpscope`).
    pub user: String,
    /// `dbname`: the database connected to first (default `postgres`).
    pub dbname: String,
    /// `erp`: name of the profile for all its databases; without it each is recognised.
    pub erp: Option<String>,
    /// Where the password comes from.
    pub password: Password,
    /// TLS.
    pub tls: Tls,
    /// `connect_timeout` (default 5 s).
    pub connect_timeout: Duration,
    /// `statement_timeout`: set in every session of ours (default 2 s).
    pub statement_timeout: Duration,
    /// `lock_timeout`: set in every session of ours (default 100 ms).
    pub lock_timeout: Duration,
    /// `log`: its csvlog or jsonlog, a file, a folder, or a path whose last part has a `*`.
    pub log: Option<PathBuf>,
}

/// Where a password comes from. Files and variables are read again at each connection, so a
/// rotated password is taken up without a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Password {
    /// None is sent (trust, peer or certificate authentication).
    None,
    /// Written in the config or URL.
    Inline(Secret),
    /// `password_file`: the first line of this file.
    File(PathBuf),
    /// `password_env`: this environment variable.
    Env(String),
    /// A libpq password file (`PGPASSFILE`, `~/.pgpass`), looked up by host, port, dbname, user.
    PassFile(PathBuf),
}

/// `sslmode`, `sslrootcert`, `sslcert`, `sslkey`, as libpq defines them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// `sslmode`.
    pub mode: TlsMode,
    /// `sslrootcert`: PEM file of trusted authorities; without it the system's.
    pub root_cert: Option<PathBuf>,
    /// `sslcert` and `sslkey`: PEM files of the client's certificate chain and its key.
    pub client: Option<ClientCert>,
}

/// A client certificate and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCert {
    /// PEM file of the chain, the client's own certificate first.
    pub cert: PathBuf,
    /// PEM file of the private key.
    pub key: PathBuf,
}

/// libpq's `sslmode` (`allow` is not offered).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsMode {
    /// Never TLS.
    Disable,
    /// TLS if the server offers it, else plain (default).
    Prefer,
    /// TLS or nothing; the certificate is not checked unless `sslrootcert` is given.
    Require,
    /// TLS, and the certificate must come from a trusted authority.
    VerifyCa,
    /// TLS, trusted, and issued for this host name.
    VerifyFull,
}

#[cfg(test)]
mod tests;
