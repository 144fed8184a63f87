//! `/api/v1/events`: what somebody should know, in order, to be asked for again and again.

use serde::{Deserialize, Serialize};

use super::{BadQuery, servers};
use crate::state::{Entry, Snapshot};

/// The parameters of a request.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EventsQuery {
    /// Only events after this `seq`.
    pub since: u64,
    /// Only of this server.
    pub server: Option<String>,
    /// Only of this kind.
    pub kind: Option<String>,
}

/// An answer.
#[derive(Debug, Serialize)]
pub struct EventsPage<'a> {
    /// The events, the oldest first.
    events: Vec<&'a Entry>,
    /// What to give as `since` the next time. It counts up from the agent's start: if it is less
    /// than what was asked for, the agent has started anew.
    next: u64,
    /// Events after `since` that are kept no more.
    missed: u64,
}

/// The events after `since`.
///
/// # Errors
/// When it names a server that is not watched.
pub fn events<'a>(snapshot: &'a Snapshot, query: &EventsQuery) -> Result<EventsPage<'a>, BadQuery> {
    let journal = &snapshot.journal;
    servers(snapshot, query.server.as_deref())?;
    // A `since` of an earlier life of the agent: everything is new.
    let since = if query.since > journal.last() { 0 } else { query.since };
    let events = journal
        .since(since)
        .map(AsRef::as_ref)
        .filter(|entry| {
            query.server.as_deref().is_none_or(|server| entry.server.as_deref() == Some(server))
        })
        .filter(|entry| query.kind.as_deref().is_none_or(|kind| entry.report.kind() == kind))
        .collect();
    Ok(EventsPage { events, next: journal.last(), missed: journal.missed(since) })
}
