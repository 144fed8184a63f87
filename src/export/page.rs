//! The index page: how the servers are, what is heaviest, and where to go on.

use std::sync::Arc;

use askama::Template;

use crate::state::{Connection, ServerSnapshot, Snapshot};

/// Statements on the page.
const HEAVIEST: usize = 10;

#[derive(Template)]
#[template(path = "page.html")]
struct Page<'a> {
    version: &'a str,
    servers: Vec<ServerRow<'a>>,
    heaviest: Vec<StatementRow<'a>>,
}

struct ServerRow<'a> {
    name: &'a str,
    state: &'static str,
    notes: Vec<&'a str>,
    version: &'a str,
    connections: String,
    statements: u64,
}

struct StatementRow<'a> {
    server: &'a Arc<str>,
    datname: &'a Arc<str>,
    seconds: String,
    calls: u64,
    query: &'a str,
}

/// The page.
#[must_use]
pub fn page(snapshot: &Snapshot) -> String {
    let page = Page {
        version: env!("CARGO_PKG_VERSION"),
        servers: snapshot.servers.iter().map(server).collect(),
        heaviest: heaviest(snapshot),
    };
    page.render().unwrap_or_else(|error| format!("the page cannot be rendered: {error}"))
}

fn server(server: &ServerSnapshot) -> ServerRow<'_> {
    let facts = server.databases.server.as_ref();
    let (state, mut notes) = match &*server.connection {
        Connection::Starting => ("starting", vec![]),
        Connection::Up { lacking } => ("up", lacking.iter().map(String::as_str).collect()),
        Connection::Down { message, .. } => ("down", vec![message.as_str()]),
    };
    notes.extend(server.samplers.records.values().filter_map(|record| record.failure.as_deref()));
    ServerRow {
        name: &server.name,
        state,
        notes,
        version: facts.map_or("", |facts| &facts.version),
        connections: facts
            .map(|facts| format!("{} of {}", facts.connections, facts.max_connections))
            .unwrap_or_default(),
        statements: server.statements.counts.tracked,
    }
}

fn heaviest(snapshot: &Snapshot) -> Vec<StatementRow<'_>> {
    let mut all: Vec<_> = snapshot
        .servers
        .iter()
        .flat_map(|server| server.statements.shown.iter().map(move |shown| (server, shown)))
        .filter(|(_, shown)| shown.total.calls > 0)
        .collect();
    all.sort_by(|(_, a), (_, b)| b.total.exec_seconds.total_cmp(&a.total.exec_seconds));
    all.truncate(HEAVIEST);
    all.into_iter()
        .map(|(server, shown)| StatementRow {
            server: &server.name,
            datname: &shown.datname,
            seconds: format!("{:.2}", shown.total.exec_seconds),
            calls: shown.total.calls,
            query: shown.query.as_deref().unwrap_or("(text not read yet)"),
        })
        .collect()
}
