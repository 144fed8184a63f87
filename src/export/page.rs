//! The index page: how the servers are, what is heaviest, and where to go on.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::advise::ledger::Line;
use crate::integration::Direction;
use crate::state::{Connection, ServerSnapshot, Snapshot};
use crate::track::calls::OfView;
use crate::track::findings::Finding;
use crate::track::lock_tree::Blocker;
use crate::track::reports::SlowTransaction;

/// Root blockers and slow transactions of a server on the page.
const ROWS: usize = 5;
/// Calls on the page.
const CALLS: usize = 10;
/// Findings on the page.
const FINDINGS: usize = 12;
/// Statements on the page.
const HEAVIEST: usize = 10;
/// Suggestions on the page.
const SUGGESTIONS: usize = 10;

#[derive(Template)]
#[template(path = "page.html")]
struct Page<'a> {
    version: &'a str,
    servers: Vec<ServerRow<'a>>,
    findings: Vec<FindingRow<'a>>,
    findings_notes: Vec<String>,
    roots: Vec<RootRow<'a>>,
    slow: Vec<SlowRow<'a>>,
    integrations: Vec<IntegrationRow<'a>>,
    calls: Vec<CallRow<'a>>,
    suggestions: Vec<SuggestionRow<'a>>,
    heaviest: Vec<StatementRow<'a>>,
}

struct FindingRow<'a> {
    finding: &'a Finding,
    severity: &'static str,
    cost: String,
}

struct SuggestionRow<'a> {
    server: &'a str,
    line: &'a Line,
    state: &'a str,
    saves: String,
    size: String,
    brought: String,
    ddl: &'a str,
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

struct IntegrationRow<'a> {
    name: &'a str,
    path: String,
    kind: &'a str,
    direction: &'a str,
    calls: u64,
    failed: u64,
    p50: String,
    p99: String,
    active: String,
    blocked: String,
    blocking: String,
    breaches: u64,
}

struct CallRow<'a> {
    at: String,
    summary: &'a str,
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
        findings: findings(snapshot),
        findings_notes: findings_notes(snapshot),
        roots: roots(snapshot),
        slow: slow(snapshot),
        integrations: snapshot.calls.integrations.iter().map(|of| row(snapshot, of)).collect(),
        calls: calls(snapshot),
        suggestions: suggestions(snapshot),
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

fn findings(snapshot: &Snapshot) -> Vec<FindingRow<'_>> {
    let cost = |finding: &Finding| finding.candidate.cost_seconds_per_day;
    snapshot
        .findings
        .told()
        .take(FINDINGS)
        .map(|finding| FindingRow {
            finding,
            severity: finding.candidate.severity.name(),
            cost: cost(finding).map_or_else(String::new, |cost| format!("{cost:.0}")),
        })
        .collect()
}

/// What is not on the page, and rules that do not look although they should.
fn findings_notes(snapshot: &Snapshot) -> Vec<String> {
    let view = &snapshot.findings;
    let more = view.told().count().saturating_sub(FINDINGS) + view.left_out;
    let more = (more > 0).then(|| format!("and {more} more, at /api/v1/findings"));
    let off = view.rules.iter().filter_map(|rule| {
        Some(format!("the rule {} is off: {}", rule.id, rule.detail.as_deref()?))
    });
    let over = view.expired_mutes.iter().map(|mute| format!("a mute is over: {mute}"));
    more.into_iter().chain(off).chain(over).collect()
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

fn row<'a>(snapshot: &Snapshot, of: &'a OfView) -> IntegrationRow<'a> {
    let prints = || snapshot.servers.iter().map(|server| &server.activity.footprints);
    let seconds = |time: Duration| format!("{:.1}", time.as_secs_f64());
    let active = prints().flat_map(|p| p.active.iter()).filter(|(k, _)| k.integration == of.name);
    let blocked = prints().flat_map(|p| p.blocked.iter()).filter(|(k, _)| k.integration == of.name);
    let breaches =
        prints().flat_map(|p| p.breaches.iter()).filter(|(k, _)| k.integration == of.name);
    let percentile = |which: usize| {
        let all = of.percentiles.and_then(|all| all.get(which).copied());
        all.map_or_else(String::new, |seconds| format!("{seconds:.3}"))
    };
    IntegrationRow {
        name: &of.name,
        path: utf8_percent_encode(&of.name, NON_ALPHANUMERIC).to_string(),
        kind: of.declared.as_ref().map_or("", |declared| declared.kind.0),
        direction: of.direction().map_or("", Direction::name),
        calls: of.calls(),
        failed: of.failed(),
        p50: percentile(0),
        p99: percentile(2),
        active: seconds(active.map(|(_, time)| *time).sum()),
        blocked: seconds(blocked.map(|(_, time)| *time).sum()),
        blocking: seconds(prints().filter_map(|p| p.blocking.get(&of.name)).sum()),
        breaches: breaches.map(|(_, count)| *count).sum(),
    }
}

/// The last of all integrations.
fn calls(snapshot: &Snapshot) -> Vec<CallRow<'_>> {
    let mut all: Vec<_> = snapshot.calls.integrations.iter().flat_map(|of| &of.notable).collect();
    all.sort_by_key(|call| std::cmp::Reverse(call.started));
    all.truncate(CALLS);
    all.into_iter()
        .map(|call| CallRow {
            at: humantime::format_rfc3339_seconds(call.started).to_string(),
            summary: &call.summary,
        })
        .collect()
}

/// Those that are not over: what is to be done first.
fn suggestions(snapshot: &Snapshot) -> Vec<SuggestionRow<'_>> {
    let all = snapshot.servers.iter().flat_map(|server| {
        server.suggestions.singly().take(SUGGESTIONS).map(move |line| (&*server.name, &**line))
    });
    all.map(|(server, line)| {
        let measured = line.measured.as_ref().map(|measured| &measured.helped);
        SuggestionRow {
            server,
            line,
            state: line.state.name(),
            saves: format!("{:.1}", line.saved_seconds_per_day),
            size: format!("{:.1}", line.size_bytes / 1e6),
            brought: measured.map_or_else(String::new, |measured| {
                format!("{:.2} times as fast (p = {:.4})", measured.speedup, measured.p_value)
            }),
            ddl: line.ddl.first().map_or("", String::as_str),
        }
    })
    .collect()
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
