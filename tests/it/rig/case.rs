//! A labelled case of the index advisor: a schema, its workload, and the indexes a DBA would make.
//!
//! One case is one file in `tests/data/advise/`; CONTRIBUTING.md says how to write one.

use std::path::Path;

use erpscope::demo::cluster::{Cluster, Options};
use serde::Deserialize;
use tokio_postgres::Client;

use super::{admin, session};

/// One file of `tests/data/advise/`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// The file's name without its ending; the database of the case has it, too.
    #[serde(skip)]
    pub name: String,
    /// What the DBA would say.
    pub why: String,
    /// Extensions which are there before `setup`.
    #[serde(default)]
    pub extensions: Vec<String>,
    /// Plain SQL that makes tables and their rows.
    pub setup: String,
    /// Whether the tables are vacuumed and analyzed when they are there.
    #[serde(default = "yes")]
    pub analyze: bool,
    /// What happened after the workload and before anybody asks for advice.
    pub afterwards: Option<String>,
    /// The statements of a day.
    pub workload: Vec<Statement>,
    /// What is written in a day, where it matters.
    #[serde(default)]
    pub rates: Vec<Rates>,
    /// Alternatives, the best first.
    pub expect: Vec<Expected>,
    /// Why no index is right although one would make the statements cheaper.
    pub refused_for: Option<Refusal>,
}

/// One statement of the workload, as it was sent.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    /// Its text, with literals.
    pub sql: String,
    /// How often it runs.
    pub calls_per_day: u64,
    /// Its time in a day, where that is not what its plan says.
    pub seconds_per_day: Option<f64>,
    /// What PostgreSQL runs within it that its plan does not show. The advisor is not told: this
    /// is to check the label.
    #[serde(default)]
    pub runs_inside: Vec<String>,
}

/// What is written to a table in a day, in rows.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rates {
    /// As in SQL, with quotes where it needs them.
    pub table: String,
    pub inserts: u64,
    pub updates: u64,
    /// Of the updates, those which wrote no index.
    pub hot_updates: u64,
    pub deletes: u64,
}

/// One acceptable answer.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// All that is to be created.
    pub indexes: Vec<String>,
    /// Whether the columns of INCLUDE belong to the answer.
    #[serde(default)]
    pub include_matters: bool,
}

/// Why a gain is not worth its index.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Refusal {
    /// Writing it costs more than reading gains.
    Writes,
    /// It would end HOT updates.
    Hot,
    /// The statements run too seldom.
    Rarity,
    /// The statements are fast as they are.
    Small,
    /// The table is gone when its session or its transaction ends.
    Temporary,
}

impl Statement {
    /// Whether it or what runs inside it leaves dead rows.
    pub fn writes(&self) -> bool {
        self.runs_inside.iter().chain([&self.sql]).any(|sql| {
            ["insert", "update", "delete"].iter().any(|word| sql.to_lowercase().starts_with(word))
        })
    }
}

fn yes() -> bool {
    true
}

impl Case {
    /// All cases, in the order of their names.
    pub fn all() -> Vec<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/advise");
        let mut files: Vec<_> =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files.iter().map(|file| Self::read(file)).collect()
    }

    fn read(file: &Path) -> Self {
        let text = std::fs::read_to_string(file).unwrap();
        let case: Self =
            toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        Self { name: file.file_stem().unwrap().to_str().unwrap().to_owned(), ..case }
    }

    /// Whether the right answer is to create nothing.
    pub fn wants_nothing(&self) -> bool {
        self.expect.iter().any(|expected| expected.indexes.is_empty())
    }

    /// A server such as an ERP has: solid-state disks, plans that are the same every time.
    pub fn server() -> Options {
        Options::default()
            .set("autovacuum", "off")
            // A vacuum soon after an asynchronous commit finds no page that all may see.
            .set("synchronous_commit", "on")
            .set("jit", "off")
            .set("max_parallel_workers_per_gather", "0")
            .set("random_page_cost", "1.1")
            .set("work_mem", "32MB")
            .set("shared_buffers", "512MB")
    }

    /// Makes the database of this case. Temporary tables live as long as the session does.
    pub async fn load(&self, cluster: &Cluster) -> Client {
        let create = format!("create database \"{}\"", self.name);
        admin(cluster).await.batch_execute(&create).await.unwrap();
        let client = session(&cluster.url(&self.name)).await;
        for extension in &self.extensions {
            let create = format!("create extension {extension}");
            client.batch_execute(&create).await.unwrap();
        }
        if let Err(error) = client.batch_execute(&self.setup).await {
            panic!("{}: setup: {error:?}", self.name);
        }
        if self.analyze {
            on_each_table(&client, "vacuum (analyze)").await;
        }
        client
    }
}

/// Runs a command on each table of the user's own: those of the catalog take longer than a case.
pub async fn on_each_table(client: &Client, command: &str) {
    let sql = "select oid::regclass::text from pg_class
        where relkind in ('r', 'p', 'm') and oid >= 16384";
    let tables: Vec<String> =
        client.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect();
    if !tables.is_empty() {
        client.batch_execute(&format!("{command} {}", tables.join(", "))).await.unwrap();
    }
}
