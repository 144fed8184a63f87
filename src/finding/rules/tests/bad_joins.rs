//! Bad joins, and those that are nearly bad.

use super::*;
use crate::advise::joins::{BadJoin, Joining, Sign, Terms};
use crate::advise::ledger::{Line, OfDatabase, Picture};
use crate::track::findings::Finding;

/// A stage on which the advisor has told of these bad joins.
fn planned(joins: Vec<BadJoin>, lines: &[Line]) -> Stage {
    let mut stage = Stage::new();
    let of = OfDatabase {
        last_success: Some(1_000_000_000),
        bad_joins: Arc::new(joins),
        ..OfDatabase::default()
    };
    let databases = BTreeMap::from([("erp".into(), of)]);
    stage.server().suggestions = Arc::new(Picture::of(lines.iter(), databases, 10));
    stage
}

fn bad(sign: Sign, columns: &[&str]) -> BadJoin {
    BadJoin {
        sign,
        tables: vec!["line".into(), "head".into()],
        columns: columns.iter().map(|column| (*column).to_owned()).collect(),
        module: "sales".into(),
        seconds_per_day: 100.0,
        statements_total: 1,
        statements: vec![Joining {
            queryid: Some("7".into()),
            query: "select a from line join head on b = c".into(),
            calls_per_day: 1_000.0,
            seconds_per_day: 100.0,
        }],
        sql: vec!["analyze line;".into()],
    }
}

fn wrong(planned_rows: f64, real_rows: f64) -> Sign {
    Sign::WrongEstimate { planned_rows, real_rows }
}

fn unindexed(table_rows: f64, rounds: f64) -> Sign {
    Sign::UnindexedKey { table_rows, wanted_rows: 5.0, rounds }
}

fn cast(table_rows: f64) -> Sign {
    Sign::DifferentTypes {
        table_rows,
        rounds: 1.0,
        column_type: "bigint".into(),
        other_type: Some("text".into()),
        compared_as: "text".into(),
        unusable_index: Some("line_pkey".into()),
    }
}

fn spill(temp_bytes_per_call: f64) -> Sign {
    Sign::HashSpill { expected_bytes: 10e6, memory_bytes: 8e6, temp_bytes_per_call }
}

#[test]
fn each_kind_of_bad_join_is_told_from_its_limit_on_and_not_before() {
    let looped = |looped_rows| Sign::Rescanned { table_rows: 500.0, rounds: 9.0, looped_rows };
    for (sign, nearly, subject) in [
        (wrong(10.0, 1_000.0), wrong(10.1, 1_000.0), "wrong estimate (too few): line, head"),
        (wrong(500.0, 0.0), wrong(99.0, 0.0), "wrong estimate (too many): line, head"),
        (unindexed(10_000.0, 1.0), unindexed(9_999.0, 1.0), "key without an index: line.b"),
        (unindexed(2_000.0, 500.0), unindexed(2_000.0, 499.0), "key without an index: line.b"),
        (cast(10_000.0), cast(9_999.0), "different types: line.b"),
        (looped(1e6), looped(9e5), "read again and again: line, head"),
        (spill(1_048_576.0), spill(1_048_575.0), "hash join on disk: line.b"),
    ] {
        let has_columns = subject.contains("line.b");
        let columns: &[&str] = if has_columns { &["line.b"] } else { &[] };
        let found = planned(vec![bad(sign, columns)], &[]).look("bad_joins");
        assert_eq!(found.len(), 1, "{subject}");
        assert_eq!((&*found[0].subject, &*found[0].module), (subject, "sales"));
        assert_eq!(found[0].cost_seconds_per_day, Some(100.0));
        let nearly = planned(vec![bad(nearly, columns)], &[]).look("bad_joins");
        assert!(nearly.is_empty(), "{nearly:?}");
    }
    let rare = BadJoin { seconds_per_day: 59.0, ..bad(wrong(1.0, 1e6), &[]) };
    assert!(planned(vec![rare], &[]).look("bad_joins").is_empty());
    let found = planned(vec![bad(spill(1e8), &["line.b"])], &[]).look("bad_joins");
    assert_eq!(found[0].sql, ["analyze line;"], "what the advisor has found to run");
}

#[test]
fn what_the_config_calls_bad_is_what_the_command_calls_bad() {
    let limits = &crate::config::Config::of(vec![]).unwrap().finding.rules["bad_joins"].limits;
    let terms = Terms {
        seconds_per_day: limits["seconds_per_day"],
        times: limits["times"],
        rows: limits["rows"],
        looped_rows: limits["looped_rows"],
        temp_bytes: limits["temp_bytes"],
    };
    assert_eq!(terms, Terms::default());
}

#[test]
fn before_the_advisors_first_turn_the_rule_for_joins_does_not_look_and_between_turns_it_does() {
    let rule = crate::finding::RULES.iter().find(|rule| rule.about.id == "bad_joins").unwrap();
    let looks = |stage: &Stage| {
        let mut past = crate::finding::Past::default();
        past.remember(at(0), &stage.before, Duration::from_secs(3_600));
        let scene = crate::finding::Scene::new(at(3_600), &stage.now, &past, Duration::ZERO);
        let limits = &crate::config::Config::of(vec![]).unwrap().finding.rules["bad_joins"].limits;
        rule.look(&scene, limits).unwrap().len()
    };
    assert_eq!(looks(&Stage::new()), 0);
    assert_eq!(looks(&planned(vec![], &[])), 1);
}

#[test]
fn a_key_that_large_scans_tells_of_with_its_index_is_not_told_twice() {
    let line: Line = serde_json::from_value(serde_json::json!({
        "id": "create-1", "server": "db", "datname": "erp", "action": "create", "state": "suggested",
        "table": "public.line", "module": "sales",
        "ddl": ["create index concurrently line_b_idx on public.line (b)"], "undo": "",
        "saved_seconds_per_day": 1.0, "upkeep_seconds_per_day": 0.0, "size_bytes": 1.0,
        "estimated_speedup": 2.0, "checked_by": "what-if", "warnings": [], "explanation": "",
        "suggested_at": "2020-01-01T00:00:00Z", "seen_at": "2020-01-01T00:00:00Z",
        "helps": [], "updated_at": "2020-01-01T00:00:00Z"
    }))
    .unwrap();
    let scans = |stage: &mut Stage| {
        let about =
            &crate::finding::RULES.iter().find(|r| r.about.id == "large_scans").unwrap().about;
        let find = "select * from line where order_id = $1";
        let told = Stage::new().statement("sales", find, heavy()).look("large_scans");
        let candidate = Arc::new(told.into_iter().next().unwrap());
        let finding = Finding {
            id: "large_scans-1".into(),
            about,
            server: "db".into(),
            candidate,
            opened: SystemTime::UNIX_EPOCH,
            seen: SystemTime::UNIX_EPOCH,
            is_current: true,
            muted: None,
        };
        Arc::make_mut(&mut stage.now.findings).findings.push(Arc::new(finding));
    };
    let join = || vec![bad(unindexed(1e6, 1.0), &["line.b"])];
    let mut both = planned(join(), std::slice::from_ref(&line));
    assert!(format!("{:?}", both.look("bad_joins")[0].evidence).contains("create-1"));
    scans(&mut both);
    assert!(both.look("bad_joins").is_empty());
    // In a schema of its own, too: other rules call a table by its name alone.
    let elsewhere = BadJoin {
        tables: vec!["sales.line".into()],
        ..bad(unindexed(1e6, 1.0), &["sales.line.b"])
    };
    let of_sales = Line { table: "sales.line".into(), ..line.clone() };
    let mut there = planned(vec![elsewhere], &[of_sales]);
    assert!(format!("{:?}", there.look("bad_joins")[0].evidence).contains("create-1"));
    scans(&mut there);
    assert!(there.look("bad_joins").is_empty());
    // Without the index, or with one that begins otherwise, the column is news.
    let mut alone = planned(join(), &[]);
    scans(&mut alone);
    assert!(format!("{:?}", alone.look("bad_joins")[0].evidence).contains("also_told_by"));
    let ddl = vec!["create index concurrently x on public.line (a, b)".to_owned()];
    let mut other = planned(join(), &[Line { ddl, ..line }]);
    scans(&mut other);
    let told = other.look("bad_joins");
    assert_eq!(told.len(), 1);
    // An index that begins otherwise is no remedy either.
    assert!(!format!("{:?}", told[0].evidence).contains("create-1"), "{told:?}");
}
