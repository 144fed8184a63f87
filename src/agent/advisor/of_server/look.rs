//! Looks what became of suggestions: what the catalog and the history say of them.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::{LATE, NETWORK, OfServer, Ran};
use crate::advise::catalog::Catalog;
use crate::advise::database::{self, RunError};
use crate::advise::ledger::Past;
use crate::agent::advisor::Surroundings;
use crate::agent::advisor::told::failure;
use crate::config;
use crate::history::hour_of;
use crate::pg::{self, ConnectError};
use crate::sample::{Outcome, Sampler};
use crate::state::{Failure, Sampled};
use crate::track::hours::unix;

impl OfServer {
    /// Looks at the catalog of each database with lines that something may still become of.
    pub(super) async fn look(
        &mut self,
        server: &config::Server,
        around: &Surroundings,
    ) -> ControlFlow<()> {
        let open = self.ledger.open();
        if open.is_empty() {
            return ControlFlow::Continue(());
        }
        let began = around.clock.now().elapsed;
        let mut result: Ran = Ok(Sampled::Advice);
        for datname in open {
            let relations = self.ledger.relations(&datname);
            let looking = async {
                let session = pg::connect(server, &datname).await?;
                database::look(&session, &datname, &relations).await
            };
            let limit = server.connect_timeout + server.statement_timeout * 4 + NETWORK;
            match tokio::time::timeout(limit, looking).await {
                Ok(Ok(catalog)) => {
                    let now = unix(around.clock.now().wall);
                    let past = self.past(&datname, &catalog, now, around);
                    let changes = self.fold(&datname, now, &catalog, None, past.as_ref());
                    if !changes.is_empty() {
                        self.tell(around, changes).await?;
                    }
                }
                Ok(Err(RunError::Connect(ConnectError::NoDatabase { .. }))) => {
                    let now = unix(around.clock.now().wall);
                    let changes = self.ledger.without(&datname, now);
                    self.tell(around, changes).await?;
                }
                Ok(Err(error)) => result = Err(failure(&error)),
                Err(_) => {
                    let message = format!("no answer from `{datname}` within {limit:?}");
                    result = Err(Failure { outcome: Outcome::Timeout, message });
                }
            }
        }
        let took = around.clock.now().elapsed.saturating_sub(began);
        let interval = around.config.look_interval;
        self.ran(Sampler::Ledger, (took, took), interval, result, around).await
    }

    /// What the history says of applied suggestions, once for each hour that is whole.
    pub(super) fn past(
        &mut self,
        datname: &Arc<str>,
        catalog: &Catalog,
        now: i64,
        around: &Surroundings,
    ) -> Option<Past> {
        let hour = hour_of(now - LATE);
        let watched = self.ledger.watched(datname, catalog, now);
        if watched.is_empty() || self.measured.get(datname) == Some(&hour) {
            return None;
        }
        let place = self.place(datname);
        let asked = around.history.ask(move |reader| Past::read(reader, &place, &watched, now));
        match asked.and_then(|answer| answer) {
            Ok(past) => {
                self.measured.insert(Arc::clone(datname), hour);
                Some(past)
            }
            Err(error) => {
                tracing::warn!(server = %self.name, datname = &**datname, "{error}");
                None
            }
        }
    }
}
