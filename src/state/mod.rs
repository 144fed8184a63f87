//! State: what is true now. One writer folds events in; everyone else reads an immutable snapshot.

mod event;
mod journal;
mod server;
mod snapshot;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use event::{Event, Failure, Limits, Sampled, Spending, What};
pub use journal::{Entry, Journal};
use server::Server;
pub use snapshot::{Connection, Databases, ServerSnapshot, Snapshot};

use crate::sample::Moment;
use crate::track::reports::Report;

/// The state of all servers.
#[derive(Debug, Default)]
pub struct State {
    servers: BTreeMap<Arc<str>, Server>,
    journal: Arc<Journal>,
}

impl State {
    /// Folds one event in; returns what somebody should know. Events of a server that was not
    /// added, or was removed, are ignored.
    pub fn apply(&mut self, event: Event) -> Vec<Arc<Entry>> {
        match event.what {
            What::Added(limits) => {
                self.servers
                    .entry(event.server)
                    .and_modify(|server| server.limit(limits.clone()))
                    .or_insert_with(|| Server::new(limits));
            }
            What::Removed => {
                self.servers.remove(&event.server);
            }
            what => {
                if let Some(server) = self.servers.get_mut(&event.server) {
                    let reports = server.apply(event.at, what);
                    return self.enter(event.at, &event.server, reports);
                }
            }
        }
        Vec::new()
    }

    fn enter(&mut self, at: Moment, server: &Arc<str>, reports: Vec<Report>) -> Vec<Arc<Entry>> {
        if reports.is_empty() {
            return Vec::new();
        }
        let journal = Arc::make_mut(&mut self.journal);
        reports.into_iter().map(|report| journal.add(at.wall, server, report)).collect()
    }

    /// What is true now. Parts that have not changed are shared with earlier snapshots.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            servers: self
                .servers
                .iter()
                .map(|(name, server)| server.snapshot(Arc::clone(name)))
                .collect(),
            journal: Arc::clone(&self.journal),
        }
    }
}

#[cfg(test)]
mod tests;
