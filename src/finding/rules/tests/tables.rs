//! Tables, their indexes and references, and what vacuum makes of them.

use super::*;

#[test]
fn the_check_of_a_reference_of_a_table_to_itself_is_told_once() {
    let key = |parent: &str| ForeignKey {
        schema: "public".into(),
        table: "line".into(),
        constraint: "line_original_fkey".into(),
        parent_schema: "public".into(),
        parent: parent.into(),
        columns: vec!["original_id".into()],
        on_delete: "n".into(),
        rows: 100_000,
        parent_rows: 100_000,
        bytes: 9,
        is_validated: true,
        is_partitioned: false,
        parent_parts: vec![],
    };
    let with = |parent| {
        let stage = Stage::new().statement("sales", "DELETE FROM line WHERE id IN ($1)", heavy());
        let mut line = read_through("line");
        line.here.n_tup_del = 150;
        let stage = with_tables(stage, vec![line], vec![]);
        let keys = Listed { rows: vec![key(parent)], total: 1 };
        let read = read::Database { unindexed_foreign_keys: keys, ..read::Database::default() };
        with_catalog(stage, read, vec![])
    };
    assert!(with("line").subjects("large_scans").is_empty());
    assert_eq!(with("line").subjects("unindexed_foreign_keys"), ["line (original_id)"]);
    assert_eq!(with("head").subjects("large_scans"), ["line"]);
}

#[test]
fn a_table_that_is_not_looked_at_singly_has_its_module_all_the_same() {
    let profiles = Profiles::default();
    let words = profiles.words(profiles.get("odoo"));
    let erps =
        crate::erp::Erps::new(BTreeMap::from([("erp".to_owned(), words)]), profiles.words(None));
    let constraint = read::Constraint {
        schema: "public".into(),
        table: "uom_category".into(),
        constraint: "positive".into(),
        kind: "c".into(),
    };
    let unchecked = Listed { rows: vec![constraint], total: 1 };
    let read = read::Database { unvalidated_constraints: unchecked, ..read::Database::default() };
    let mut stage = with_catalog(Stage::new(), read, vec![]);
    stage.server().erps = Arc::new(erps);
    assert_eq!(&*stage.look("unsound_objects")[0].module, "products");
}

#[test]
fn tables_that_vacuum_does_not_reach_and_blocked_vacuums_are_told() {
    let with = |dead, due| {
        let mut behind = table("t", 100_000);
        behind.upkeep.n_dead_tup = dead;
        behind.due.vacuum = due;
        with_tables(Stage::new(), vec![behind], vec![]).subjects("autovacuum_behind")
    };
    assert_eq!(with(90_000, Some(4.0)), ["t"]);
    assert_eq!(with(90_000, None), ["t"]);
    assert!(with(90_000, Some(2.0)).is_empty() && with(900, Some(9.0)).is_empty());
    let running = |is_blocked| {
        let read = sampled::Running {
            dbid: 5,
            relid: None,
            relation: None,
            kind: sampled::Kind::Auto,
            is_for_wraparound: false,
            phase: "scanning heap".into(),
            blocks: 1,
            blocks_scanned: 0,
            index_rounds: 0,
            seconds: 9.0,
            is_blocked,
            blockers: 1,
        };
        let relation = Some(("public".into(), "t".into()));
        let mut stage = Stage::new();
        let view = Arc::make_mut(&mut stage.server().vacuum);
        view.running.push(Running {
            datname: "erp".into(),
            relation,
            module: "sales".into(),
            read,
        });
        stage.subjects("autovacuum_behind")
    };
    assert_eq!(running(true), ["vacuum of t"]);
    assert!(running(false).is_empty());
}

#[test]
fn tables_with_old_statistics_are_told_and_those_that_autovacuum_will_reach_not() {
    let with = |changed, due| {
        let mut stale = table("t", 100_000);
        stale.upkeep.n_mod_since_analyze = changed;
        stale.due.analyze = Some(due);
        with_tables(Stage::new(), vec![stale], vec![]).subjects("stale_statistics")
    };
    assert_eq!(with(90_000, 9.0), ["t"]);
    assert!(with(90_000, 1.5).is_empty() && with(900, 9.0).is_empty());
}

/// A line of so many rows refers to a head, which is partitioned if it has parts.
fn lines_of_heads(rows: u64, tables: Vec<Table>, parts: &[&str]) -> Stage {
    let key = ForeignKey {
        schema: "public".into(),
        table: "line".into(),
        constraint: "line_head_fkey".into(),
        parent_schema: "public".into(),
        parent: "head".into(),
        columns: vec!["head_id".into()],
        on_delete: "a".into(),
        rows,
        parent_rows: 9,
        bytes: 9,
        is_validated: true,
        is_partitioned: !parts.is_empty(),
        parent_parts: parts.iter().map(|part| ("public".into(), (*part).into())).collect(),
    };
    let keys = Listed { rows: vec![key], total: 1 };
    let read = read::Database { unindexed_foreign_keys: keys, ..read::Database::default() };
    with_catalog(with_tables(Stage::new(), tables, vec![]), read, vec![])
}

fn deleted_of(name: &str, n_tup_del: u64) -> Table {
    let mut table = table(name, 100);
    table.here.n_tup_del = n_tup_del;
    table
}

#[test]
fn foreign_keys_without_an_index_are_told_only_where_parents_are_deleted() {
    let with = |rows, deleted| {
        let stage = lines_of_heads(rows, vec![deleted_of("head", deleted)], &[]);
        stage.look("unindexed_foreign_keys").pop()
    };
    let found = with(50_000, 150).unwrap();
    assert_eq!(&*found.subject, "line (head_id)");
    assert!(found.summary.starts_with("each of at least 150 deletes a day from head"), "{found:?}");
    assert_eq!(found.sql, ["create index concurrently on \"public\".\"line\" (\"head_id\");"]);
    assert_eq!(with(50_000, 50), None, "50 in an hour need not be more in a day");
    assert!(with(50_000, 0).is_none() && with(500, 150).is_none());
}

#[test]
fn what_is_deleted_in_a_night_of_the_last_week_counts_for_a_day_of_it() {
    let with = |days: u64, rows: u64| {
        let mut stage = lines_of_heads(50_000, vec![deleted_of("head", 0)], &[]);
        let over = Duration::from_secs(days * 86_400);
        let mut deleted = Deleted::default();
        deleted.over = over;
        deleted.add("public".into(), "head".into(), rows);
        deleted.add("other".into(), "head".into(), 90_000);
        let place = Place { server: "db".into(), datname: "erp".into() };
        stage.deletes.insert(place, deleted);
        let found = stage.look("unindexed_foreign_keys").pop();
        found.map(|found| found.summary)
    };
    let told = |many: &str| {
        Some(format!("each of {many} deletes a day from head reads the 50000 rows of line"))
    };
    assert_eq!((with(7, 1_050), with(7, 600)), (told("150"), None));
    assert_eq!(with(0, 120), told("at least 120"), "it does not know a day yet");
}

#[test]
fn what_is_deleted_from_the_parts_of_a_parent_is_deleted_from_it() {
    let parts = vec![deleted_of("head_1", 60), Table { oid: 2, ..deleted_of("head_2", 70) }];
    let stage = lines_of_heads(50_000, parts, &["head_1", "head_2"]);
    let found = stage.look("unindexed_foreign_keys").pop().unwrap();
    assert!(found.summary.contains("at least 130 deletes a day from head"), "{found:?}");
    // PostgreSQL makes no index concurrently on a partitioned table.
    assert!(found.sql[0].starts_with("create index on \"public\".\"line\""), "{found:?}");
}

#[test]
fn rows_deleted_before_the_window_began_are_not_of_it() {
    let with = |then: u64, now: u64| {
        let head = |n_tup_del| {
            let mut head = deleted_of("head", 9_000);
            head.counters.n_tup_del = n_tup_del;
            lines_of_heads(50_000, vec![head], &[])
        };
        let mut stage = head(now);
        stage.before = head(then).now;
        stage.subjects("unindexed_foreign_keys").len()
    };
    assert_eq!((with(5_000, 5_020), with(5_000, 5_200)), (0, 1));
    assert_eq!((with(5_000, 120), with(5_000, 20)), (1, 0), "the statistics were reset");
}

#[test]
fn indexes_that_are_invalid_or_unused_are_told_and_unique_and_used_ones_not() {
    let mut written = table("t", 100_000);
    written.counters.n_tup_ins = 5_000;
    let with = |index| with_tables(Stage::new(), vec![written.clone()], vec![index]);
    assert_eq!(with(index(0)).subjects("unused_indexes"), ["index t_a"]);
    assert!(with(index(1)).subjects("unused_indexes").is_empty());
    let mut young = with(index(0));
    young.facts().start_time = at(0).wall;
    assert!(young.subjects("unused_indexes").is_empty());
    assert_eq!(young.limit("days", 0.0).subjects("unused_indexes"), ["index t_a"]);
    assert!(with(Index { enforces: true, ..index(0) }).subjects("unused_indexes").is_empty());
    assert!(with(Index { bytes: 8_192, ..index(0) }).subjects("unused_indexes").is_empty());
    let invalid = with(Index { is_valid: false, ..index(0) });
    assert_eq!(invalid.subjects("unsound_objects"), ["index t_a"]);
    assert!(invalid.subjects("unused_indexes").is_empty());
    assert!(with(index(0)).subjects("unsound_objects").is_empty());
}

#[test]
fn an_index_is_not_called_unused_for_longer_than_it_was_counted_or_is_there() {
    let mut written = table("t", 100_000);
    written.counters.n_tup_ins = 5_000;
    let with = |index| with_tables(Stage::new(), vec![written.clone()], vec![index]);
    let ago = |days: u64| Some(at(3_600).wall - Duration::from_secs(days * 86_400));
    let days = |stage: &Stage| {
        let found = stage.look("unused_indexes");
        let fact = found.first()?.evidence.iter().find(|fact| fact.key == "days_counted")?;
        Some(fact.value.to_string())
    };
    let crashed = |days| {
        let mut stage = with(index(0));
        Arc::make_mut(&mut stage.server().io).archiver_reset = ago(days);
        stage
    };
    assert_eq!(days(&crashed(6)), None, "a crash emptied the statistics");
    assert_eq!(days(&crashed(8)).as_deref(), Some("8.00"));
    let made = |days| with(Index { since: ago(days), ..index(0) });
    assert_eq!(days(&made(0)), None, "it was made today");
    assert_eq!(days(&made(9)).as_deref(), Some("9.00"));
}
