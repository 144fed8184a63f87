//! `erpscope locks`: asks one server who waits for whom, now, without a running agent.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::config::Server;
use crate::erp::{Erps, Profiles};
use crate::export::locks::{Locks, Relations};
use crate::pg::{self, ConnectError, Session};
use crate::recognise::recognise;
use crate::sample::SampleError;
use crate::sample::locks::{self, Sample};

/// Databases in which names of relations are looked up: one more connection each, one at a time.
const MOST_DATABASES: usize = 5;

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
    Seen(Locks),
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
            Self::Seen(locks) => locks.text(),
            Self::Failed { server, error } => format!("{server}: {error}"),
        }
    }

    /// Whether it could be told.
    #[must_use]
    pub fn is_seen(&self) -> bool {
        matches!(self, Self::Seen(_))
    }
}

/// Several servers, to be looked at as often as wanted; one that fails leaves the others alone
/// and is connected to anew the next time.
pub struct Watching {
    profiles: Profiles,
    servers: Vec<(Server, Option<Asking>)>,
}

impl Watching {
    /// Nothing is connected yet.
    #[must_use]
    pub fn new(servers: Vec<Server>, profiles: Profiles) -> Self {
        Self { profiles, servers: servers.into_iter().map(|server| (server, None)).collect() }
    }

    /// Who waits for whom now, in the order of the servers.
    pub async fn look(&mut self) -> Vec<Answer> {
        let mut answers = Vec::with_capacity(self.servers.len());
        for (server, asking) in &mut self.servers {
            answers.push(match look(server, &self.profiles, asking).await {
                Ok(locks) => Answer::Seen(locks),
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
    profiles: &Profiles,
    asking: &mut Option<Asking>,
) -> Result<Locks, LocksError> {
    if let Some(asking) = asking {
        return asking.ask().await;
    }
    asking.insert(Asking::begin(server, profiles).await?).ask().await
}

/// One connection, to ask as often as wanted.
pub struct Asking {
    server: Server,
    session: Session,
    version_num: i32,
    erps: Erps,
}

impl Asking {
    /// Connects, and recognises the ERP of each database.
    pub async fn begin(server: &Server, profiles: &Profiles) -> Result<Self, LocksError> {
        let session = pg::connect(server, &server.dbname).await?;
        let failed = |source: tokio_postgres::Error| LocksError::Sample {
            server: server.name.clone(),
            source: source.into(),
        };
        let client = session.client();
        let row = client
            .query_one("select current_setting('server_version_num')::int", &[])
            .await
            .map_err(failed)?;
        let version_num = row.try_get(0).map_err(failed)?;
        let erps = recognise(server, &session, profiles).await;
        Ok(Self { server: server.clone(), session, version_num, erps })
    }

    /// Who waits for whom now.
    pub async fn ask(&self) -> Result<Locks, LocksError> {
        let failed = |source| LocksError::Sample { server: self.server.name.clone(), source };
        let sample = locks::read(self.session.client(), self.version_num).await.map_err(failed)?;
        let relations = self.relations(&sample).await.map_err(failed)?;
        Ok(Locks::of(&self.server.name, &sample, &relations, &self.erps))
    }

    /// Names of what is waited for. Where a database cannot be entered, oids must do.
    async fn relations(&self, sample: &Sample) -> Result<Relations, SampleError> {
        let mut wanted: BTreeMap<(u32, &str), BTreeSet<u32>> = BTreeMap::new();
        for wait in &sample.waits {
            let datname = sample.sessions.get(&wait.pid).map(|session| session.datname.as_str());
            if let (Some(dbid), Some(oid), Some(datname)) = (wait.database, wait.relation, datname)
            {
                wanted.entry((dbid, datname)).or_default().insert(oid);
            }
        }
        let mut relations = Relations::new();
        for ((dbid, datname), oids) in wanted.into_iter().take(MOST_DATABASES) {
            let oids: Vec<u32> = oids.into_iter().collect();
            let other = if datname == self.session.datname() {
                None
            } else {
                match pg::connect(&self.server, datname).await {
                    Ok(other) => Some(other),
                    Err(_) => continue,
                }
            };
            let client = other.as_ref().unwrap_or(&self.session).client();
            let names = locks::relations(client, &oids).await?;
            relations.extend(names.into_iter().map(|(oid, name)| ((dbid, oid), name)));
        }
        Ok(relations)
    }
}
