//! State: what is true now. One writer folds events in; everyone else reads an immutable snapshot.

mod event;
mod server;
mod snapshot;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use event::{Event, Failure, Limits, Sampled, Spending, What};
use server::Server;
pub use snapshot::{Connection, Databases, ServerSnapshot, Snapshot};

/// The state of all servers.
#[derive(Debug, Default)]
pub struct State {
    servers: BTreeMap<Arc<str>, Server>,
}

impl State {
    /// Folds one event in. Events of a server that was not added, or was removed, are ignored.
    pub fn apply(&mut self, event: Event) {
        match event.what {
            What::Added(limits) => {
                self.servers
                    .entry(event.server)
                    .and_modify(|server| server.limit(limits))
                    .or_insert_with(|| Server::new(limits));
            }
            What::Removed => {
                self.servers.remove(&event.server);
            }
            what => {
                if let Some(server) = self.servers.get_mut(&event.server) {
                    server.apply(event.at, what);
                }
            }
        }
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
        }
    }
}

#[cfg(test)]
mod tests;
