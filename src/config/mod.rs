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
mod log;
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

use crate::erp::Profiles;
use crate::integration::Integrations;

pub use advisor::{Advisor, Hours};
pub use application::Application;
pub use duplicates::Duplicates;
pub use fault::{ConfigErrors, Fault};
pub use finding::{Finding, Mute, RuleTerms};
pub use history::History;
pub use load::{Flags, Loaded, Sources, load};
pub use log::{Log, LogFormat};
pub use otlp::Otlp;
pub use password::{Password, PasswordError, password, secret};
pub use probe::Probe;
pub use proxy::{ForwardProxy, ProxyRoute};
pub use rabbitmq::Broker;
pub use reference::{example, reference};
pub use sampling::{Activity, Database, Locks, Statements, Transactions, Upkeep, Usage};
pub use secret::Secret;
pub use server::{ClientCert, Server, Tls, TlsMode};

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

#[cfg(test)]
mod tests;
