//! The stage: a cluster with the made-up ERP's data and roles.

use std::time::Duration;

use tokio_postgres::{Client, NoTls};

use super::cluster::{self, Cluster, ClusterError, SUPERUSER};
use super::fault::{Fault, Faults};
use crate::config::{Password, Server, Tls, TlsMode};

/// A session tells what it did about once a second at most, unless it is told to (from PostgreSQL 15 on).
const COUNTED: &str = "do $$ begin perform pg_stat_force_next_flush(); exception when undefined_function then null; end $$";

/// The database of the ERP.
pub const DATNAME: &str = "distro";

/// How the stage is set.
#[derive(Clone, Debug)]
pub struct StageOptions {
    /// Folder of PostgreSQL's programs; searched for if not given.
    pub pg_bin: Option<std::path::PathBuf>,
    /// The rows are reproducible by it.
    pub seed: u64,
    /// 1 is about a million rows.
    pub scale: f64,
    /// What is wrong on purpose.
    pub faults: Faults,
}

/// A staged ERP. Dropping it stops the server and removes everything.
pub struct Stage {
    /// Its server.
    pub cluster: Cluster,
    /// How many rows of what there are.
    pub sizes: Sizes,
    /// What is wrong with it.
    pub faults: Faults,
}

/// Why there is no demo.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// No cluster.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// The ERP cannot be made.
    #[error("cannot make the demo's ERP ({step}): {source}")]
    Erp {
        /// What was being made.
        step: &'static str,
        /// Why not.
        source: tokio_postgres::Error,
    },
    /// There is no config.
    #[error(transparent)]
    Config(#[from] crate::config::ConfigErrors),
    /// The agent does not start.
    #[error(transparent)]
    Agent(#[from] crate::agent::StartError),
    /// The systems around the ERP have no place.
    #[error("cannot make a place for the systems around the demo's ERP: {0}")]
    Ports(#[source] std::io::Error),
    /// The advisor could ask nothing.
    #[error(
        "HypoPG is not installed for the demo's PostgreSQL, so nothing can be suggested: install it \
         (Debian and Ubuntu: the package postgresql-NN-hypopg, NN being the server's major version) and try again"
    )]
    NoHypopg,
    /// The advisor has no answer.
    #[error("the advisor cannot advise on the demo's ERP: {0}")]
    Advice(String),
    /// Signals cannot be received.
    #[error("cannot receive signals: {0}")]
    Signals(#[source] std::io::Error),
}

/// Rows of the tables on which the others depend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Parties (customers and suppliers).
    pub parties: i64,
    /// Products.
    pub products: i64,
    /// Sales orders; invoices and entries are as many.
    pub orders: i64,
    /// Stock moves: most of all rows.
    pub moves: i64,
    /// Shipments.
    pub shipments: i64,
    /// Messages.
    pub messages: i64,
}

impl Sizes {
    /// The proportions of a company with 500,000 inventory transactions a month, cut to a part.
    #[must_use]
    pub fn at(scale: f64) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "a few hundred thousand rows")]
        let rows = |full: f64, least: i64| ((full * scale) as i64).max(least);
        Self {
            parties: rows(20_000.0, 200),
            products: rows(8_000.0, 100),
            orders: rows(40_000.0, 400),
            moves: rows(300_000.0, 1_000),
            shipments: rows(40_000.0, 100),
            messages: rows(60_000.0, 300),
        }
    }
}

impl Stage {
    /// Makes the cluster, the tables, the data and the roles; `progress` hears of each step.
    pub async fn set(
        options: &StageOptions,
        mut progress: impl FnMut(&str),
    ) -> Result<Self, DemoError> {
        progress("starting a throw-away PostgreSQL");
        let settings =
            cluster::Options { pg_bin: options.pg_bin.clone(), ..cluster::Options::default() }
                .set("shared_buffers", "256MB")
                .set("max_connections", "60")
                .set("track_activity_query_size", "4096")
                .set("log_min_messages", "warning")
                .set("track_functions", "pl")
                .set("checkpoint_timeout", "30min");
        let cluster = Cluster::start(&settings).await?;
        let sizes = Sizes::at(options.scale);
        let erp = |step| move |source| DemoError::Erp { step, source };
        let admin = administer(&cluster, "postgres").await.map_err(erp("connect"))?;
        admin
            .batch_execute(&format!("create database {DATNAME}"))
            .await
            .map_err(erp("database"))?;
        let client = administer(&cluster, DATNAME).await.map_err(erp("connect"))?;
        progress("loading the ERP's data");
        let schema = include_str!("sql/schema.sql").replace("{seed}", &salted(options.seed));
        client.batch_execute(&schema).await.map_err(erp("tables"))?;
        let faults = options.faults;
        for insert in data(sizes, faults).split(";\n") {
            client.batch_execute(insert).await.map_err(erp("data"))?;
        }
        progress("indexes and statistics");
        client.batch_execute(include_str!("sql/indexes.sql")).await.map_err(erp("indexes"))?;
        for part in faults.parts(include_str!("sql/mended.sql"), false) {
            client.batch_execute(&part).await.map_err(erp("what mends faults"))?;
        }
        // What was inserted is counted before it is analyzed: else it counts as changed since.
        client.batch_execute(COUNTED).await.map_err(erp("counts"))?;
        client.batch_execute("vacuum analyze").await.map_err(erp("statistics"))?;
        plant(&client, faults).await.map_err(erp("faults"))?;
        client.batch_execute(include_str!("sql/roles.sql")).await.map_err(erp("roles"))?;
        let hypopg = "select from pg_available_extensions where name = 'hypopg'";
        if client.query_opt(hypopg, &[]).await.map_err(erp("extensions"))?.is_some() {
            client.batch_execute("create extension hypopg").await.map_err(erp("extensions"))?;
        }
        Ok(Self { cluster, sizes, faults })
    }

    /// How the agent reaches it.
    #[must_use]
    pub fn server(&self) -> Server {
        Server {
            name: "demo".to_owned(),
            host: "127.0.0.1".to_owned(),
            port: self.cluster.port(),
            user: "erpscope".to_owned(),
            dbname: DATNAME.to_owned(),
            erp: None,
            password: Password::None,
            tls: Tls { mode: TlsMode::Disable, root_cert: None, client: None },
            connect_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(2),
            lock_timeout: Duration::from_millis(100),
            log: None,
        }
    }

    /// A session of the superuser.
    pub(super) async fn administer(&self, datname: &str) -> Result<Client, tokio_postgres::Error> {
        administer(&self.cluster, datname).await
    }

    /// How the ERP's sessions come in.
    pub(super) fn door(&self) -> Door {
        Door { port: self.cluster.port() }
    }
}

/// The ERP's way in, for workers, who come back when their session was ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Door {
    port: u16,
}

impl Door {
    /// A session of the ERP.
    pub(super) async fn enter(
        self,
        application_name: &str,
    ) -> Result<Client, tokio_postgres::Error> {
        self.enter_as("erp", application_name).await
    }

    /// A session of another role.
    pub(super) async fn enter_as(
        self,
        role: &str,
        application_name: &str,
    ) -> Result<Client, tokio_postgres::Error> {
        let mut config = tokio_postgres::Config::new();
        config.host("127.0.0.1").port(self.port).user(role).dbname(DATNAME);
        connect(config.application_name(application_name)).await
    }
}

/// The seed as a bigint of SQL, whose lowest bits are free for a salt.
fn salted(seed: u64) -> String {
    seed.wrapping_mul(1 << 7).cast_signed().to_string()
}

/// The faults of the schema and the data.
async fn plant(client: &Client, faults: Faults) -> Result<(), tokio_postgres::Error> {
    for part in faults.parts(include_str!("sql/planted.sql"), true) {
        client.batch_execute(&part).await?;
    }
    if faults.has(Fault::InvalidIndex) {
        // It fails for the parties that were entered twice, as it is to; the server's log need not say so.
        client.batch_execute("set log_min_messages = 'fatal'").await?;
        let unique = "create unique index concurrently party_party_tax_id on party_party (tax_id)";
        let failed = client.batch_execute(unique).await;
        tracing::debug!(?failed, "a unique index that cannot be");
        client.batch_execute("reset log_min_messages").await?;
    }
    Ok(())
}

fn data(sizes: Sizes, faults: Faults) -> String {
    // One in more parties than there are: none.
    let twice = if faults.has(Fault::DuplicateParties) { 50 } else { sizes.parties + 1 };
    include_str!("sql/data.sql")
        .replace("{one_twice_in}", &twice.to_string())
        .replace("{parties}", &sizes.parties.to_string())
        .replace("{products}", &sizes.products.to_string())
        .replace("{orders}", &sizes.orders.to_string())
        .replace("{moves}", &sizes.moves.to_string())
        .replace("{shipments}", &sizes.shipments.to_string())
        .replace("{messages}", &sizes.messages.to_string())
}

async fn administer(cluster: &Cluster, datname: &str) -> Result<Client, tokio_postgres::Error> {
    let mut config = tokio_postgres::Config::new();
    config.host_path(cluster.folder()).port(cluster.port()).user(SUPERUSER).dbname(datname);
    connect(config.application_name("distro-setup")).await
}

async fn connect(config: &tokio_postgres::Config) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = config.connect(NoTls).await?;
    // It ends with its client.
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a connection of the demo ended");
        }
    });
    Ok(client)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_the_largest_scale_no_product_of_two_numbers_leaves_the_integers() {
        let sql = data(Sizes::at(100.0), Faults::default());
        let mut products = 0;
        for (at, _) in sql.match_indices(" * ") {
            let left: String = sql[..at].chars().rev().take_while(char::is_ascii_digit).collect();
            let right: String = sql[at + 3..].chars().take_while(char::is_ascii_digit).collect();
            let left = left.chars().rev().collect::<String>().parse::<i64>();
            if let (Ok(left), Ok(right)) = (left, right.parse::<i64>()) {
                products += 1;
                assert!(left * right <= i64::from(i32::MAX), "{left} * {right}");
            }
        }
        assert!(products > 10, "{products}");
    }

    #[test]
    fn neighbouring_seeds_share_no_salted_number() {
        let salted = |seed| salted(seed).parse::<i64>().unwrap();
        assert_eq!(salted(3) - salted(2), 128);
        assert_eq!(salted(u64::MAX), -128);
    }
}
