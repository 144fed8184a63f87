//! `erpscope advise`: asks the servers of the config what indexes they want, without a running agent.

use serde::Serialize;

use super::advice::{Advice, AdviceError, Request, advise};
use super::advisor::{Effort, Judge};
use super::candidate::Allowed;
use super::select::Limits;
use super::source::{self, SourceError};
use crate::config::{Config, Server};
use crate::erp::Erps;
use crate::pg::{self, ConnectError, ProbeError, Session};
use crate::recognise::recognise;

/// Questions to the planner of one database.
const CALLS: u64 = 20_000;

/// Milliseconds of planning in one database.
const PLANNING_MS: f64 = 30_000.0;

/// What is wanted.
#[derive(Clone, Debug)]
pub struct Options {
    /// Of this server of the config alone.
    pub server: Option<String>,
    /// Of this database alone.
    pub datname: Option<String>,
    /// Days of the history.
    pub days: u32,
    /// Bytes that all new indexes of a database may take.
    pub budget_bytes: u64,
    /// Their number.
    pub max: usize,
    /// Of tables of this business module alone.
    pub module: Option<String>,
    /// Columns whose values may stand in the predicate of a partial index.
    pub states: Vec<String>,
}

/// Of one database: what is advised, or why nothing can be.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Answer {
    /// What is advised.
    Advised {
        /// Which server.
        server: String,
        /// Where the workload comes from.
        source: String,
        /// The advice.
        #[serde(flatten)]
        advice: Box<Advice>,
    },
    /// Why nothing is.
    Failed {
        /// Which server.
        server: String,
        /// Which database, if it came so far.
        datname: Option<String>,
        /// What, where, what to do.
        error: String,
    },
}

#[derive(Debug, thiserror::Error)]
enum CommandError {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error(transparent)]
    Probe(#[from] ProbeError),
    #[error("cannot list the databases: {0}")]
    Databases(#[from] tokio_postgres::Error),
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(transparent)]
    Advice(#[from] AdviceError),
}

/// Of every database that is wanted, one after the other.
pub async fn ask(config: &Config, options: &Options) -> Vec<Answer> {
    let mut answers = Vec::new();
    let wanted = |server: &&Server| options.server.as_ref().is_none_or(|name| *name == server.name);
    for server in config.servers.iter().filter(wanted) {
        match of_server(server, config, options).await {
            Ok(of_databases) => answers.extend(of_databases),
            Err(error) => answers.push(Answer::Failed {
                server: server.name.clone(),
                datname: None,
                error: error.to_string(),
            }),
        }
    }
    answers
}

async fn of_server(
    server: &Server,
    config: &Config,
    options: &Options,
) -> Result<Vec<Answer>, CommandError> {
    let session = pg::connect(server, &server.dbname).await?;
    let erps = recognise(server, &session, &config.profiles).await;
    let datnames = match &options.datname {
        Some(datname) => vec![datname.clone()],
        None => databases(&session).await?,
    };
    let mut answers = Vec::new();
    for datname in datnames {
        let answer = of_database(server, &session, &erps, &datname, config, options).await;
        answers.push(answer.unwrap_or_else(|error| Answer::Failed {
            server: server.name.clone(),
            datname: Some(datname),
            error: error.to_string(),
        }));
    }
    Ok(answers)
}

async fn databases(session: &Session) -> Result<Vec<String>, tokio_postgres::Error> {
    let rows = session.client().query(include_str!("databases.sql"), &[]).await?;
    rows.iter().map(|row| row.try_get(0)).collect()
}

async fn of_database(
    server: &Server,
    session: &Session,
    erps: &Erps,
    datname: &str,
    config: &Config,
    options: &Options,
) -> Result<Answer, CommandError> {
    let can = pg::probe(server, session).await?;
    let history = config.history.path.as_deref().map(|path| (path, options.days));
    let source = source::find(server, session, &can, datname, history).await?;
    let asking = pg::connect(server, datname).await?;
    let planning = pg::connect_to_plan(server, datname).await?;
    let request = Request {
        datname: datname.to_owned(),
        effort: Effort {
            limits: Limits { bytes: options.budget_bytes as f64, number: options.max },
            lean: true,
            sizes_of_hypopg: false,
            judge: Judge::Visits,
            calls: CALLS,
            planning_ms: PLANNING_MS,
        },
        allowed: Allowed { values_of: options.states.clone() },
        writes: source.writes,
    };
    let mut advice =
        advise(&asking, planning, &source.workload, erps.of(datname), &request).await?;
    if let Some(module) = &options.module {
        advice.suggestions.retain(|suggestion| suggestion.module == *module);
    }
    Ok(Answer::Advised {
        server: server.name.clone(),
        source: source.from,
        advice: Box::new(advice),
    })
}
