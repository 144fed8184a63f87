//! An integration has written what it does not own.

use std::sync::Arc;

use serde::Serialize;

use super::Party;
use crate::erp::OTHER;
use crate::track::footprints::Breach;

/// A boundary breach, told when it is seen first, and once an hour while it goes on.
#[derive(Clone, Debug, Serialize)]
pub struct BoundaryBreach {
    /// Who writes.
    pub integration: Arc<str>,
    /// What it does not own.
    pub table: Arc<str>,
    /// The business module of that.
    pub module: Arc<str>,
    /// `samples`, or `statements` for one that pg_stat_statements has counted.
    pub source: &'static str,
    /// Whose session, and its statement.
    #[serde(flatten)]
    pub party: Party,
}

impl BoundaryBreach {
    /// Tells of a breach.
    #[must_use]
    pub fn of(breach: &Breach) -> Self {
        let party = match (breach.pid, &breach.who) {
            (Some(pid), Some(who)) => {
                Party::of(pid, who, &breach.statement, breach.origin.as_deref())
            }
            _ => Party {
                pid: None,
                datname: Some(Arc::clone(&breach.datname)),
                usename: Some(Arc::clone(&breach.usename)),
                application: OTHER.into(),
                integration: Some(Arc::clone(&breach.integration)),
                trace_id: None,
                route: None,
                application_name: None,
                client_addr: None,
                query: breach.statement.text.clone(),
                queryid: breach.statement.queryid.map(|id| id.to_string()),
            },
        };
        Self {
            integration: Arc::clone(&breach.integration),
            table: Arc::clone(&breach.changed.table),
            module: Arc::clone(&breach.changed.module),
            source: if breach.pid.is_some() { "samples" } else { "statements" },
            // The integration stands in its own field.
            party: Party { integration: None, ..party },
        }
    }
}
