//! Tables and indexes that are mostly empty.

use super::*;
use crate::advise::ledger::{Line, Picture};
use crate::sample::bloat;
use crate::sample::database::CATALOGS;
use crate::sample::table_options::Options;

const MIB: f64 = 1_048_576.0;

fn bloated(bytes: f64, bytes_after: f64) -> Stage {
    let table = bloat::Table {
        schema: "public".into(),
        table: "sale_order".into(),
        bytes: bytes * MIB,
        bytes_after: bytes_after * MIB,
    };
    let bloat = bloat::Sample { tables: vec![table], ..bloat::Sample::default() };
    let read = read::Database { bloat, ..read::Database::default() };
    with_catalog(Stage::new(), read, vec![])
}

fn evidence(stage: &Stage) -> Vec<String> {
    let told = stage.look("bloat");
    told[0].evidence.iter().map(|fact| format!("{}={}", fact.key, fact.value)).collect()
}

#[test]
fn a_table_that_is_mostly_empty_is_told_with_what_it_would_give_back() {
    let told = bloated(500.0, 100.0).look("bloat");
    let [told] = &told[..] else { panic!("{told:?}") };
    assert_eq!((&*told.subject, &*told.module), ("sale_order", "sales"));
    assert_eq!(told.severity, Severity::Info);
    assert_eq!(
        told.summary,
        "sale_order has 500 MiB; its rows would take about 100 MiB: 80.0 % of it is empty"
    );
    let facts = evidence(&bloated(500.0, 100.0));
    assert!(facts.contains(&"bytes_given_back=400 MiB".to_owned()), "{facts:?}");
    assert!(told.sql.iter().all(|sql| !sql.starts_with("vacuum")), "what locks is a comment");
    assert_eq!(bloated(5_000.0, 100.0).look("bloat")[0].severity, Severity::Warning);
    // Nearly: too little, and too small a share.
    assert!(bloated(200.0, 80.0).look("bloat").is_empty());
    assert!(bloated(900.0, 500.0).look("bloat").is_empty());
    // A share that is within the error of the estimate is told by no config.
    assert!(bloated(900.0, 720.0).limit("share", 0.1).look("bloat").is_empty());
    assert_eq!(bloated(900.0, 630.0).limit("share", 0.1).subjects("bloat"), ["sale_order"]);
}

#[test]
fn an_index_that_the_advisor_would_rebuild_is_told_from_so_many_bytes_on() {
    let with = |bytes: f64, action: &str| {
        let json = serde_json::json!({
            "id": "reindex-1", "server": "db", "datname": "erp", "action": action, "state": "suggested",
            "table": "public.sale_order", "module": "sales",
            "ddl": ["reindex index concurrently public.sale_order_name"], "undo": "",
            "saved_seconds_per_day": 0.0, "upkeep_seconds_per_day": 0.0, "size_bytes": bytes * MIB,
            "estimated_speedup": null, "checked_by": "reasoned", "warnings": [],
            "explanation": "It is mostly air.", "suggested_at": "2026-01-31T12:00:00Z",
            "seen_at": "2026-01-31T12:00:00Z", "helps": [], "updated_at": "2026-01-31T12:00:00Z",
        });
        let line: Line = serde_json::from_value(json).unwrap();
        let mut stage = Stage::new();
        Arc::make_mut(&mut stage.server().databases)
            .shown
            .insert("erp".into(), crate::track::databases::Database::default());
        stage.server().suggestions = Arc::new(Picture::of([line].iter(), BTreeMap::new(), 10));
        stage.look("bloat")
    };
    let told = with(200.0, "reindex");
    assert_eq!((&*told[0].subject, &*told[0].module), ("index sale_order_name", "sales"));
    assert_eq!(told[0].sql, ["reindex index concurrently public.sale_order_name"]);
    assert!(with(100.0, "reindex").is_empty() && with(200.0, "drop").is_empty());
}

#[test]
fn why_a_table_is_mostly_empty_is_told_as_far_as_it_is_known() {
    let with = |options: Option<Options>, open: Option<f64>| {
        let mut known = table("sale_order", 1_000);
        known.upkeep.options = options.map(Box::new);
        known.counters.n_tup_upd = 9_000;
        known.counters.n_tup_hot_upd = 900;
        let mut stage = with_tables(bloated(500.0, 100.0), vec![known], vec![]);
        if let Some(seconds) = open {
            let mut slow = slow("report", 7_200.0, 0.0);
            slow.kept_back_seconds = seconds;
            slow.party.datname = Some("erp".into());
            activity(&mut stage).open.push(slow);
        }
        let said = evidence(&stage).into_iter().find(|fact| fact.starts_with("may_come_from"));
        (said, stage.look("bloat")[0].sql.join(" "))
    };
    assert_eq!(with(None, Some(600.0)).0, None);
    let (said, sql) = with(None, Some(7_200.0));
    let open = "may_come_from=a transaction of report that was open for 2.0 h";
    assert_eq!(said.as_deref(), Some(open));
    assert!(
        sql.contains("autovacuum_vacuum_scale_factor = 0.02") && sql.contains("fillfactor = 90")
    );
    let held = |holder: &str| {
        let mut stage = bloated(500.0, 100.0);
        let databases = Arc::make_mut(&mut stage.server().databases);
        databases.horizon = vec![(holder.into(), 5_000_000)];
        evidence(&stage).into_iter().any(|fact| fact.starts_with("may_come_from"))
    };
    assert!(held("replication slot") && !held(CATALOGS), "no rows of users are kept for catalogs");
    let off = Options { autovacuum_enabled: Some(false), ..Options::default() };
    let (said, sql) = with(Some(off), None);
    assert_eq!(said.as_deref(), Some("may_come_from=autovacuum is switched off for this table"));
    assert!(sql.contains("reset (autovacuum_enabled)"), "{sql}");
    let own =
        Options { vacuum_scale_factor: Some(0.01), fillfactor: Some(80.0), ..Options::default() };
    let (_, sql) = with(Some(own), None);
    assert!(!sql.contains("alter table"), "it has its own already: {sql}");
}
