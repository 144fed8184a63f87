//! The JSON API: pictures of a snapshot, and what a request may ask of them.

mod events;
mod findings;
mod health;
mod integrations;
mod locks;
mod modules;
mod statements;
mod suggestions;

pub use events::{EventsPage, EventsQuery, events};
pub use findings::{FactJson, FindingJson, FindingsPage, FindingsQuery, RuleJson, findings};
pub use health::{Health, ServerHealth, health};
pub use integrations::{IntegrationPage, IntegrationsPage, integration, integrations};
pub use locks::{LocksPage, ServerQuery, TransactionsPage, locks, transactions};
pub use modules::{ModuleJson, ModulesPage, modules};
pub use statements::{OtherJson, StatementJson, StatementsPage, StatementsQuery, statements};
pub use suggestions::{DatabaseJson, SuggestionsPage, SuggestionsQuery, suggestions};

use crate::state::{ServerSnapshot, Snapshot};

/// Most statements in one answer.
const MAX_LIMIT: usize = 5_000;

/// A request that cannot be answered.
#[derive(Debug, thiserror::Error)]
pub enum BadQuery {
    /// No such server.
    #[error("no server is called `{0}`; the servers are: {1}")]
    Server(String, String),
    /// No such integration.
    #[error("no integration is called `{0}`; the integrations are: {1}")]
    Integration(String, String),
    /// No such severity.
    #[error("there is no severity `{0}`; there are info, warning and critical")]
    Severity(String),
    /// No such state.
    #[error("no suggestion is `{0}`; the states are: {1}")]
    State(String, String),
    /// Limit out of range.
    #[error("limit is {0}, but must be from 1 to {MAX_LIMIT}")]
    Limit(usize),
}

/// The server of this name, or all.
fn servers<'a>(
    snapshot: &'a Snapshot,
    name: Option<&str>,
) -> Result<Vec<&'a ServerSnapshot>, BadQuery> {
    let Some(name) = name else { return Ok(snapshot.servers.iter().collect()) };
    snapshot.server(name).map(|server| vec![server]).ok_or_else(|| {
        let known: Vec<&str> = snapshot.servers.iter().map(|server| &*server.name).collect();
        BadQuery::Server(name.to_owned(), known.join(", "))
    })
}
