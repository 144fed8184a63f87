//! `/api/v1/suggestions`: what the index advisor suggests, what has become of that, how its runs go.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{BadQuery, servers};
use crate::advise::ledger::{Line, OfDatabase, Stage};
use crate::state::Snapshot;

/// The parameters of a request.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SuggestionsQuery {
    /// Only this server.
    pub server: Option<String>,
    /// Only this database.
    pub datname: Option<String>,
    /// Only in this state.
    pub state: Option<String>,
}

/// An answer.
#[derive(Debug, Serialize)]
pub struct SuggestionsPage {
    /// The suggestions: what is to be done first, what is over last.
    pub suggestions: Vec<Arc<Line>>,
    /// The advisor's runs.
    pub databases: Vec<DatabaseJson>,
}

/// The advisor's runs in one database.
#[derive(Debug, Serialize)]
pub struct DatabaseJson {
    server: Arc<str>,
    datname: Arc<str>,
    #[serde(flatten)]
    of: OfDatabase,
}

/// Answers a request.
///
/// # Errors
/// When it names a server that is not watched or a state that there is not.
pub fn suggestions(
    snapshot: &Snapshot,
    query: &SuggestionsQuery,
) -> Result<SuggestionsPage, BadQuery> {
    let state = match &query.state {
        None => None,
        Some(name) => {
            Some(Stage::ALL.into_iter().find(|stage| stage.name() == name).ok_or_else(|| {
                BadQuery::State(name.clone(), Stage::ALL.map(Stage::name).join(", "))
            })?)
        }
    };
    let wanted = |datname: &str| query.datname.as_deref().is_none_or(|name| name == datname);
    let servers = servers(snapshot, query.server.as_deref())?;
    let lines = servers.iter().flat_map(|server| &server.suggestions.lines);
    let databases = servers.iter().flat_map(|server| {
        let of = server.suggestions.databases.iter();
        of.filter(|(datname, _)| wanted(datname)).map(|(datname, of)| DatabaseJson {
            server: Arc::clone(&server.name),
            datname: Arc::clone(datname),
            of: of.clone(),
        })
    });
    Ok(SuggestionsPage {
        suggestions: lines
            .filter(|line| wanted(&line.datname))
            .filter(|line| state.is_none_or(|state| line.state == state))
            .cloned()
            .collect(),
        databases: databases.collect(),
    })
}
