//! `/readyz`: whether the agent sees, and which of its parts do not.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use crate::state::{Connection, ServerSnapshot, Snapshot};

/// The state of every part.
#[derive(Debug, Serialize)]
pub struct Health {
    /// At least one server is connected and its samplers have run.
    pub ready: bool,
    /// By name.
    pub servers: BTreeMap<Arc<str>, ServerHealth>,
    /// Rules that are off although they are wanted, and why.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub rules_off: BTreeMap<&'static str, String>,
}

/// The state of one server.
#[derive(Debug, Serialize)]
pub struct ServerHealth {
    /// `starting`, `up` or `down`.
    pub connection: &'static str,
    /// Why it is down.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// What is missing for full sight.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lacking: Vec<String>,
    /// By sampler: `ok`, or why its last run failed.
    pub samplers: BTreeMap<&'static str, String>,
    /// By database: why the index advisor brought nothing there, or what it lacks.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub advisor: BTreeMap<Arc<str>, Vec<String>>,
}

/// The state of every part.
#[must_use]
pub fn health(snapshot: &Snapshot) -> Health {
    Health {
        ready: snapshot.servers.iter().any(|s| s.is_up() && !s.samplers.records.is_empty()),
        servers: snapshot.servers.iter().map(|s| (Arc::clone(&s.name), server(s))).collect(),
        rules_off: snapshot
            .findings
            .rules
            .iter()
            .filter_map(|rule| Some((rule.id, rule.detail.clone()?)))
            .collect(),
    }
}

fn server(server: &ServerSnapshot) -> ServerHealth {
    let (connection, message, lacking) = match &*server.connection {
        Connection::Starting => ("starting", None, Vec::new()),
        Connection::Up { lacking } => ("up", None, lacking.clone()),
        Connection::Down { message, .. } => ("down", Some(message.clone()), Vec::new()),
    };
    let samplers = server
        .samplers
        .records
        .iter()
        .map(|(sampler, record)| {
            (sampler.name(), record.failure.clone().unwrap_or_else(|| "ok".to_owned()))
        })
        .collect();
    let advisor = server
        .suggestions
        .databases
        .iter()
        .map(|(datname, of)| {
            let lines = of.failure.iter().chain(&of.notes).cloned().collect::<Vec<String>>();
            (Arc::clone(datname), lines)
        })
        .filter(|(_, lines)| !lines.is_empty())
        .collect();
    ServerHealth { connection, message, lacking, samplers, advisor }
}
