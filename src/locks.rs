//! `erpscope locks`: asks one server who waits for whom, now, without a running agent.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::Serialize;

use crate::config::Server;
use crate::erp::{Erps, Profiles};
use crate::export::locks::Locks;
use crate::integration::Integrations;
use crate::pg::{self, ConnectError, Session};
use crate::recognise::recognise;
use crate::sample::activity::{Question, Reader};
use crate::sample::relations::RelationKey;
use crate::sample::{SampleError, database, relations};
use crate::track::activity::{Activity, Limits, Taken, View};
use crate::track::incidents::Thresholds;
use crate::track::lock_tree::LockTree;
use crate::track::names::Names;
use crate::track::reports::SlowTransaction;
use crate::track::sessions::Words;
use crate::track::timeline::span;
use crate::track::transactions::SlowAfter;

/// A transaction that has lasted so long is told, too.
const LONG: Duration = Duration::from_secs(1);

/// Why it cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum LocksError {
    /// No connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// A query failed.
    #[error("cannot ask `{server}` who waits for whom: {source}")]
    Sample {
        /// Which server.
        server: String,
        /// Why.
        source: SampleError,
    },
}

/// Of one server: who waits for whom, or why it cannot be told.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Answer {
    /// Who waits for whom.
    Seen {
        /// Which server.
        server: String,
        /// The forest.
        #[serde(flatten)]
        tree: LockTree,
        /// Transactions that have lasted for a second or longer.
        long_transactions: Vec<SlowTransaction>,
    },
    /// Why it cannot be told.
    Failed {
        /// Which server.
        server: String,
        /// What, where, what to do.
        error: String,
    },
}

impl Answer {
    /// For the terminal.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::Seen { server, tree, long_transactions } => {
                Locks { server, is_current: true, tree, long_transactions }.text()
            }
            Self::Failed { server, error } => format!("{server}: {error}"),
        }
    }

    /// Whether it could be told.
    #[must_use]
    pub fn is_seen(&self) -> bool {
        matches!(self, Self::Seen { .. })
    }
}

/// What the config says of ERPs and the systems around them.
#[derive(Clone, Debug, Default)]
pub struct Declared {
    /// The profiles.
    pub profiles: Profiles,
    /// The integrations.
    pub integrations: Arc<Integrations>,
}

/// Several servers, to be looked at as often as wanted; one that fails leaves the others alone
/// and is connected to anew the next time.
pub struct Watching {
    words: Declared,
    servers: Vec<(Server, Option<Asking>)>,
}

impl Watching {
    /// Nothing is connected yet.
    #[must_use]
    pub fn new(servers: Vec<Server>, words: Declared) -> Self {
        Self { words, servers: servers.into_iter().map(|server| (server, None)).collect() }
    }

    /// Who waits for whom now, in the order of the servers.
    pub async fn look(&mut self) -> Vec<Answer> {
        let mut answers = Vec::with_capacity(self.servers.len());
        for (server, asking) in &mut self.servers {
            answers.push(match look(server, &self.words, asking).await {
                Ok(view) => Answer::Seen {
                    server: server.name.clone(),
                    tree: view.tree,
                    long_transactions: view.open,
                },
                Err(error) => {
                    *asking = None;
                    Answer::Failed { server: server.name.clone(), error: error.to_string() }
                }
            });
        }
        answers
    }
}

async fn look(
    server: &Server,
    words: &Declared,
    asking: &mut Option<Asking>,
) -> Result<View, LocksError> {
    if let Some(asking) = asking {
        return asking.ask().await;
    }
    asking.insert(Asking::begin(server, words).await?).ask().await
}

/// One connection, to ask as often as wanted.
pub struct Asking {
    server: Server,
    session: Session,
    reader: Reader,
    datnames: BTreeMap<u32, String>,
    names: Names,
    erps: Erps,
    integrations: Arc<Integrations>,
    activity: Activity,
    first: Option<SystemTime>,
    elapsed: Duration,
}

impl Asking {
    /// Connects, and recognises the ERP of each database.
    pub async fn begin(server: &Server, words: &Declared) -> Result<Self, LocksError> {
        let session = pg::connect(server, &server.dbname).await?;
        let failed =
            |source: SampleError| LocksError::Sample { server: server.name.clone(), source };
        let (reader, sample) = prepare(&session).await.map_err(failed)?;
        let mut names = Names::new(usize::MAX);
        names.learn(&sample, Duration::ZERO);
        let erps = recognise(server, &session, &words.profiles).await;
        Ok(Self {
            server: server.clone(),
            session,
            reader,
            datnames: sample.databases.into_iter().map(|d| (d.dbid, d.datname)).collect(),
            names,
            erps,
            integrations: Arc::clone(&words.integrations),
            activity: Activity::new(limits()),
            first: None,
            elapsed: Duration::ZERO,
        })
    }

    /// Who waits for whom now.
    pub async fn ask(&mut self) -> Result<View, LocksError> {
        let server = self.server.name.clone();
        self.look().await.map_err(|source| LocksError::Sample { server, source })
    }

    async fn look(&mut self) -> Result<View, SampleError> {
        let view = self.read().await?;
        if self.name(&view.wanted).await? {
            return self.read().await;
        }
        Ok(view)
    }

    async fn read(&mut self) -> Result<View, SampleError> {
        let client = self.session.client();
        let question = Question::default();
        let mut sample = self.reader.read(client, &question).await?;
        if sample.waits.is_none() {
            self.reader.look(client, &mut sample, &question).await?;
        }
        // The server's clock is the only one here.
        self.elapsed = span(*self.first.get_or_insert(sample.now), sample.now);
        let words =
            Words { names: &self.names, erps: &self.erps, integrations: &self.integrations };
        let (interval, sighted) = (Duration::ZERO, self.reader.is_sighted());
        let taken = Taken { at: self.elapsed, interval, sighted };
        let told = self.activity.apply(taken, &sample, words);
        Ok(told.view.unwrap_or_default())
    }

    /// Looks up what is waited for. Where a database cannot be entered, oids must do.
    async fn name(&mut self, wanted: &[RelationKey]) -> Result<bool, SampleError> {
        let names = relations::read(&self.session, &self.datnames, wanted).await?;
        self.activity.learn_names(&names, self.elapsed);
        Ok(!names.names.is_empty())
    }
}

/// A picture each time; nothing else is looked at.
fn limits() -> Limits {
    Limits {
        series: 1_000,
        picture_every: Duration::ZERO,
        slow_after: SlowAfter { general: LONG, of_application: BTreeMap::new() },
        report_after: Duration::MAX,
        incident: Thresholds { victims: usize::MAX, after: Duration::MAX },
    }
}

async fn prepare(session: &Session) -> Result<(Reader, database::Sample), SampleError> {
    let client = session.client();
    let reader = Reader::prepare(client).await?;
    let names = database::Reader::prepare(client, reader.version_num()).await?;
    Ok((reader, names.read(client).await?))
}
