//! `erpscope advise`: asks the servers of the config what indexes they want, without a running agent.

use std::time::Duration;

use serde::Serialize;

use super::advice::Advice;
use super::candidate::Allowed;
use super::database::{self, Bounds, RunError};
use super::source::{self, SourceError};
use crate::config::{Config, Server};
use crate::erp::{Erp, Erps};
use crate::history::Place;
use crate::pg::{self, Session};
use crate::recognise::recognise;

/// Time of planning in one database.
const PLANNING: Duration = Duration::from_secs(30);

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
    /// Days that nothing has used an index before it is suggested to be dropped.
    pub unused_days: u32,
    /// Columns whose values may stand in the predicate of a partial index.
    pub states: Vec<String>,
    /// So may those of the columns that the profile of the ERP lists as states.
    pub erp_states: bool,
}

impl Options {
    /// What may be suggested in a database of this ERP.
    fn allowed(&self, erp: &Erp) -> Allowed {
        let of_erp = erp.states().filter(|_| self.erp_states).map(str::to_owned);
        Allowed { values_of: self.states.iter().cloned().chain(of_erp).collect() }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            server: None,
            datname: None,
            days: 7,
            budget_bytes: 10 << 30,
            max: 20,
            module: None,
            unused_days: database::UNUSED_DAYS,
            states: Vec::new(),
            erp_states: false,
        }
    }
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
) -> Result<Vec<Answer>, RunError> {
    let session = pg::connect(server, &server.dbname).await?;
    let erps = recognise(server, &session, &config.profiles).await;
    let datnames = match &options.datname {
        Some(datname) => vec![datname.clone()],
        None => database::busiest(&session).await?,
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

async fn of_database(
    server: &Server,
    session: &Session,
    erps: &Erps,
    datname: &str,
    config: &Config,
    options: &Options,
) -> Result<Answer, RunError> {
    let mut fault = String::new();
    let remembered = match &config.history.path {
        Some(path) => {
            let place = Place { server: server.name.as_str().into(), datname: datname.into() };
            match source::in_file(session, place, path, options.days).await {
                Err(SourceError::History(error)) => {
                    fault = format!("; the history is left out: {error}");
                    None
                }
                remembered => remembered?,
            }
        }
        None => None,
    };
    let bounds = Bounds {
        budget_bytes: options.budget_bytes,
        max: options.max,
        planning: PLANNING,
        allowed: options.allowed(erps.of(datname)),
        unused_days: options.unused_days,
    };
    let advised =
        database::advise_on(server, erps.of(datname), datname, &bounds, remembered).await?;
    let mut advice = advised.advice;
    if let Some(module) = &options.module {
        advice.suggestions.retain(|suggestion| suggestion.module == *module);
    }
    Ok(Answer::Advised {
        server: server.name.clone(),
        source: advised.source + &fault,
        advice: Box::new(advice),
    })
}
