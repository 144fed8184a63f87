//! `/api/v1/locks`: who blocks whom now; `/api/v1/transactions`: slow ones, open and of late.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{BadQuery, servers};
use crate::export::locks::Locks;
use crate::state::Snapshot;
use crate::track::reports::SlowTransaction;

/// The parameters of a request.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServerQuery {
    /// Only this server.
    pub server: Option<String>,
}

/// Who blocks whom, by server.
#[derive(Debug, Serialize)]
pub struct LocksPage<'a> {
    servers: Vec<Locks<'a>>,
}

/// The wait forests.
///
/// # Errors
/// When it names a server that is not watched.
pub fn locks<'a>(snapshot: &'a Snapshot, query: &ServerQuery) -> Result<LocksPage<'a>, BadQuery> {
    let servers = servers(snapshot, query.server.as_deref())?;
    let locks = servers.iter().map(|s| Locks {
        server: &s.name,
        is_current: s.activity.is_current,
        tree: &s.activity.tree,
        long_transactions: &s.activity.open,
    });
    Ok(LocksPage { servers: locks.collect() })
}

/// Slow transactions, by server.
#[derive(Debug, Serialize)]
pub struct TransactionsPage<'a> {
    servers: Vec<Transactions<'a>>,
}

#[derive(Debug, Serialize)]
struct Transactions<'a> {
    server: &'a str,
    /// Slow already and not yet ended, the longest first; counts are those so far.
    open: &'a [SlowTransaction],
    /// Ended of late, the last first.
    ended: &'a [Arc<SlowTransaction>],
}

/// Slow transactions.
///
/// # Errors
/// When it names a server that is not watched.
pub fn transactions<'a>(
    snapshot: &'a Snapshot,
    query: &ServerQuery,
) -> Result<TransactionsPage<'a>, BadQuery> {
    let servers = servers(snapshot, query.server.as_deref())?;
    let of = |server: &&'a crate::state::ServerSnapshot| Transactions {
        server: &server.name,
        open: &server.activity.open,
        ended: &server.activity.ended,
    };
    Ok(TransactionsPage { servers: servers.iter().map(of).collect() })
}
