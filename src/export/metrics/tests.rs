//! Exposition, from recorded snapshots.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::*;
use crate::integration::{Call, Direction, Source, Told, TraceId};
use crate::sample::Moment;
use crate::sample::statements::Counters;
use crate::state::Connection;
use crate::track::activity::{View as ActivityView, Waiters};
use crate::track::calls::Calls;
use crate::track::statements::{Shown, View};

fn server(name: &str) -> ServerSnapshot {
    let counters = Counters { calls: 3, exec_seconds: 0.25, ..Counters::default() };
    let shown = Shown {
        datname: "we\"ird\\\n".into(),
        usename: "odoo".into(),
        queryid: -7,
        module: "sales".into(),
        query: Some("select ?".into()),
        series: counters,
        total: counters,
        here: counters,
        leaving: false,
    };
    ServerSnapshot {
        name: name.into(),
        erps: Arc::default(),
        connection: Arc::new(Connection::Up { lacking: vec![] }),
        statements: Arc::new(View {
            shown: vec![shown],
            other: vec![(("erp".into(), "unknown".into()), counters)],
            ..View::default()
        }),
        databases: Arc::default(),
        suggestions: Arc::default(),
        samplers: Arc::default(),
        activity: Arc::default(),
        tables: Arc::default(),
        growth: Arc::default(),
        catalog: Arc::default(),
        vacuum: Arc::default(),
        replication: Arc::default(),
        io: Arc::default(),
        settings: Arc::default(),
        queues: Arc::default(),
        duplicates: Arc::default(),
        spending: None,
    }
}

fn page(servers: Vec<ServerSnapshot>, format: Format) -> String {
    let pieces =
        Exposition::default().next(&Snapshot { servers, ..Snapshot::default() }).pieces(format);
    String::from_utf8(pieces.concat()).unwrap()
}

#[test]
fn label_values_are_escaped_and_families_stand_together() {
    let page = page(vec![server("a"), server("b")], Format::Prometheus);
    let calls: Vec<&str> = page
        .lines()
        .skip_while(|l| !l.starts_with("# HELP erpscope_statement_calls_total"))
        .take(6)
        .collect();
    assert_eq!(
        calls,
        [
            "# HELP erpscope_statement_calls_total Executions of a statement.",
            "# TYPE erpscope_statement_calls_total counter",
            r#"erpscope_statement_calls_total{server="a",datname="we\"ird\\\n",usename="odoo",queryid="-7",module="sales"} 3"#,
            r#"erpscope_statement_calls_total{server="a",datname="erp",usename="other",queryid="other",module="unknown"} 3"#,
            r#"erpscope_statement_calls_total{server="b",datname="we\"ird\\\n",usename="odoo",queryid="-7",module="sales"} 3"#,
            r#"erpscope_statement_calls_total{server="b",datname="erp",usename="other",queryid="other",module="unknown"} 3"#,
        ]
    );
}

#[test]
fn openmetrics_names_families_without_their_suffix_and_ends() {
    let page = page(vec![server("a")], Format::OpenMetrics);
    assert!(
        page.contains("# TYPE erpscope_statement_calls counter\nerpscope_statement_calls_total{")
    );
    assert!(page.contains("# TYPE erpscope_statement info\nerpscope_statement_info{"));
    assert!(page.ends_with("# EOF\n"));
}

#[test]
fn what_has_not_changed_is_not_rendered_again() {
    let first = Snapshot { servers: vec![server("a"), server("b")], ..Snapshot::default() };
    let rendered = Exposition::default().next(&first);
    let mut second = first.clone();
    second.servers[0].connection = Arc::default();
    let next = rendered.next(&second);
    let blocks = |e: &Exposition, server: usize| e.servers[server].signals.clone();
    let same: Vec<bool> = blocks(&rendered, 0)
        .iter()
        .zip(blocks(&next, 0).iter())
        .map(|(a, b)| Arc::ptr_eq(a, b))
        .collect();
    assert_eq!(same, (0..SIGNALS.len()).map(|place| place > 0).collect::<Vec<_>>());
    assert!(
        blocks(&rendered, 1).iter().zip(blocks(&next, 1).iter()).all(|(a, b)| Arc::ptr_eq(a, b))
    );
}

#[test]
fn who_cannot_see_sessions_does_not_say_that_nobody_waits() {
    let gauges = |is_current| {
        let waiters = BTreeMap::from([("erp".into(), Waiters::default())]);
        let view = ActivityView { is_current, waiters, ..ActivityView::default() };
        let page = page(
            vec![ServerSnapshot { activity: Arc::new(view), ..server("a") }],
            Format::Prometheus,
        );
        ["erpscope_lock_waiters", "erpscope_lock_wait_oldest_seconds", "erpscope_lock_depth"]
            .map(|name| page.contains(&format!("\n{name}{{")))
    };
    assert_eq!(gauges(true), [true; 3]);
    assert_eq!(gauges(false), [false; 3]);
}

#[test]
fn a_trace_id_stands_behind_its_bucket_for_who_asks_for_openmetrics() {
    let mut calls = Calls::default();
    let at =
        Moment { wall: SystemTime::UNIX_EPOCH + Duration::from_secs(9), elapsed: Duration::ZERO };
    let call = Call {
        integration: "shop".into(),
        direction: Direction::Inbound,
        operation: "GET /".into(),
        began: SystemTime::UNIX_EPOCH,
        length: Duration::from_millis(200),
        fault: None,
        trace: TraceId::new(&[1; 16]),
        source: Source::Span,
    };
    calls.apply(at, Told { calls: vec![call], ..Told::default() });
    let snapshot = Snapshot { calls: Arc::new(calls.view()), ..Snapshot::default() };
    let rendered = Exposition::default().next(&snapshot);
    let text = |format| String::from_utf8(rendered.pieces(format).concat()).unwrap();
    let bucket = r#"erpscope_integration_call_seconds_bucket{integration="shop",direction="inbound",operation="GET /",le="0.25"} 1"#;
    let exemplar = format!("{bucket} # {{trace_id=\"{}\"}} 0.2 9.000\n", "01".repeat(16));
    assert!(text(Format::OpenMetrics).contains(&exemplar));
    assert!(text(Format::Prometheus).contains(&format!("{bucket}\n")));
    assert!(!text(Format::Prometheus).contains("trace_id"));
}

#[test]
fn every_metric_is_declared_once_and_named_by_the_conventions() {
    let mut names = HashSet::new();
    let of_servers = of_servers().map(|m| (m.name, m.help, m.kind));
    for (name, help, kind) in of_servers.chain(around().map(|m| (m.name, m.help, m.kind))) {
        assert!(names.insert(name), "{name} is declared twice");
        assert_eq!(kind == Kind::Counter, name.ends_with("_total"), "{name}");
        assert_eq!(kind == Kind::Info, name.ends_with("_info"), "{name}");
        assert!(help.ends_with('.'), "{name}: {help}");
        assert!(!help.contains(['\n', '\\', '|']), "{name}: {help}");
    }
}

#[test]
fn docs_metrics_md_is_what_the_declarations_say() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/metrics.md");
    let expected = reference();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &expected).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == expected, "docs/metrics.md is stale: UPDATE_DOCS=1 cargo test --lib docs");
}

/// A line of the ledger that saves so much.
fn line(id: &str, state: &str, saves: f64) -> Arc<crate::advise::ledger::Line> {
    let json = serde_json::json!({
        "id": id, "server": "a", "datname": "shop", "action": "create", "state": state,
        "table": "public.sale", "module": "sales", "ddl": ["create index on sale (\"a\nb\")"],
        "undo": "", "saved_seconds_per_day": saves, "upkeep_seconds_per_day": 0.5,
        "size_bytes": 8192.0, "estimated_speedup": null, "checked_by": "what-if", "warnings": [],
        "explanation": "", "suggested_at": "2026-01-31T12:00:00Z",
        "seen_at": "2026-01-31T12:00:00Z", "helps": [], "updated_at": "2026-01-31T12:00:00Z",
    });
    Arc::new(serde_json::from_value(json).unwrap())
}

#[test]
fn suggestions_are_shown_singly_up_to_a_number_and_all_are_counted() {
    let lines = [("x", "suggested", 1.0), ("y", "suggested", 9.0), ("z", "gone", 99.0)];
    let lines: Vec<_> = lines.map(|(id, state, saves)| line(id, state, saves)).into();
    let picture =
        crate::advise::ledger::Picture::of(lines.iter().map(|line| &**line), BTreeMap::new(), 1);
    let page = page(
        vec![ServerSnapshot { suggestions: Arc::new(picture), ..server("a") }],
        Format::Prometheus,
    );
    let rows = |name: &str| {
        let name = format!("{name}{{");
        page.lines().filter(|line| line.starts_with(&name)).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(
        rows("erpscope_index_suggestions"),
        [
            r#"erpscope_index_suggestions{server="a",datname="shop",action="create",state="suggested"} 2"#,
            r#"erpscope_index_suggestions{server="a",datname="shop",action="create",state="gone"} 1"#,
        ]
    );
    assert_eq!(
        rows("erpscope_index_suggestion_info"),
        [
            r#"erpscope_index_suggestion_info{server="a",datname="shop",id="y",action="create",table="public.sale",module="sales",ddl="create index on sale (\"a\nb\")",state="suggested"} 1"#
        ]
    );
    assert_eq!(
        rows("erpscope_index_suggestion_saved_seconds_per_day"),
        [r#"erpscope_index_suggestion_saved_seconds_per_day{server="a",datname="shop",id="y"} 9"#]
    );
}
