//! The index page: how the servers are, what is heaviest, and where to go on.

use std::sync::Arc;

use askama::Template;

use crate::state::{Connection, ServerSnapshot, Snapshot};
use crate::track::lock_tree::Blocker;
use crate::track::reports::SlowTransaction;

/// Root blockers and slow transactions of a server on the page.
const ROWS: usize = 5;
/// Statements on the page.
const HEAVIEST: usize = 10;

#[derive(Template)]
#[template(path = "page.html")]
struct Page<'a> {
    version: &'a str,
    servers: Vec<ServerRow<'a>>,
    roots: Vec<RootRow<'a>>,
    slow: Vec<SlowRow<'a>>,
    heaviest: Vec<StatementRow<'a>>,
}

struct RootRow<'a> {
    server: &'a str,
    tree: &'a Blocker,
    longest: String,
}

struct SlowRow<'a> {
    server: &'a str,
    slow: &'a SlowTransaction,
    state: &'a str,
    seconds: String,
    idle: String,
    query: &'a str,
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
    module: &'a Arc<str>,
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
        roots: roots(snapshot),
        slow: slow(snapshot),
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

fn roots(snapshot: &Snapshot) -> Vec<RootRow<'_>> {
    let mut rows = Vec::new();
    for server in &snapshot.servers {
        for tree in server.activity.tree.roots.iter().take(ROWS) {
            let waits = tree.victims.iter().filter_map(|v| v.waits_for.as_ref()?.seconds);
            let longest = format!("{:.1}", waits.fold(0.0, f64::max));
            rows.push(RootRow { server: &server.name, tree, longest });
        }
    }
    rows
}

/// Those that go on, then those that have ended.
fn slow(snapshot: &Snapshot) -> Vec<SlowRow<'_>> {
    let mut rows = Vec::new();
    for server in &snapshot.servers {
        let view = &server.activity;
        let open = view.open.iter().map(|slow| (slow, slow.state));
        let ended = view.ended.iter().map(|slow| (&**slow, "ended"));
        rows.extend(open.chain(ended).take(ROWS).map(|(slow, state)| {
            SlowRow {
                server: &server.name,
                slow,
                state,
                seconds: format!("{:.1}", slow.seconds),
                idle: format!("{:.0} %", 100.0 * slow.idle_seconds / slow.seconds.max(1e-3)),
                query: slow
                    .statements
                    .first()
                    .and_then(|part| part.query.as_deref())
                    .or(slow.party.query.as_deref())
                    .unwrap_or_default(),
            }
        }));
    }
    rows
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
            module: &shown.module,
            seconds: format!("{:.2}", shown.total.exec_seconds),
            calls: shown.total.calls,
            query: shown.query.as_deref().unwrap_or("(text not read yet)"),
        })
        .collect()
}
