//! What findings tell people to run: it mends what is told, and nothing that works stops by it.

use super::*;
use crate::sample::index_usage::Partitions;

fn number(type_name: &str, sequence: Option<&str>, end: u64) -> Number {
    let column = Column {
        schema: "public".into(),
        table: "t".into(),
        column: "id".into(),
        type_name: type_name.into(),
    };
    Number {
        sequence: sequence.map(|name| ("public".into(), name.into())),
        column: Some(column),
        is_identity: false,
        end,
        used_ratio: 0.95,
        ratio_per_day: None,
    }
}

/// The statements that change something.
fn changes(number: Number) -> Vec<String> {
    let stage = with_catalog(Stage::new(), read::Database::default(), vec![number]);
    let sql = stage.look("numbers_run_out").remove(0).sql;
    sql.into_iter().filter(|sql| sql.starts_with("alter")).collect()
}

const END: u64 = 2_147_483_647;
const COLUMN: &str =
    r#"alter table "public"."t" alter column "id" type bigint; -- rewrites the table under a lock"#;
const SEQUENCE: &str = r#"alter sequence "public"."t_id_seq" as bigint no maxvalue;"#;

#[test]
fn the_sequence_of_a_key_that_runs_out_is_made_a_bigint_with_its_column() {
    assert_eq!(changes(number("integer", Some("t_id_seq"), END)), [COLUMN, SEQUENCE]);
    assert_eq!(changes(number("integer", None, END)), [COLUMN]);
    assert_eq!(changes(number("bigint", Some("t_id_seq"), END)), [SEQUENCE]);
    // Wide enough is the column: not it ends first.
    assert_eq!(changes(number("integer", Some("t_id_seq"), 32_767)), [SEQUENCE]);
    assert_eq!(changes(number("numeric", Some("t_id_seq"), END)), [SEQUENCE]);
    assert!(changes(number("bigint", Some("t_id_seq"), i64::MAX.unsigned_abs())).is_empty());
    let set = changes(number("bigint", Some("t_id_seq"), 99_999));
    assert_eq!(set, [format!("{SEQUENCE} -- unless its end is meant")]);
}

#[test]
fn the_sequence_of_an_identity_goes_with_its_column() {
    let identity = |type_name, end| {
        changes(Number { is_identity: true, ..number(type_name, Some("t_id_seq"), end) })
    };
    assert_eq!(identity("integer", END), [COLUMN]);
    let set = r#"alter sequence "public"."t_id_seq" no maxvalue; -- unless its end is meant"#;
    assert_eq!(identity("integer", 99_999), [set]);
}

#[test]
fn what_refers_to_a_key_that_becomes_a_bigint_is_asked_for() {
    let stage = |number| with_catalog(Stage::new(), read::Database::default(), vec![number]);
    let sql = stage(number("integer", None, END)).look("numbers_run_out").remove(0).sql;
    let ask = sql.last().unwrap();
    assert!(ask.starts_with("select c.conrelid::regclass"), "{ask}");
    assert!(ask.contains(r#"c.confrelid = '"public"."t"'::regclass"#), "{ask}");
    let sql = stage(number("bigint", Some("s"), END)).look("numbers_run_out").remove(0).sql;
    assert_eq!(sql.len(), 1, "the column stays what it is");
}

#[test]
fn no_more_work_mem_is_advised_than_a_machine_can_give_nor_for_what_does_not_use_it() {
    let sql = |text: &str, mib: u64| {
        let spilling = Counters { temp_written: 100 * mib * 128, ..work(100, 100, 9.0, 0) };
        let stage = Stage::new().statement("sales", text, spilling);
        stage.look("temp_spills").remove(0).sql
    };
    let select = "select a from t order by a";
    let set = |mib| [format!("set local work_mem = '{mib}MB'; -- in the transaction that runs it")];
    assert_eq!(sql(select, 20), set(60));
    assert_eq!(sql(select, 341), set(1_023));
    assert!(sql(select, 342).is_empty() && sql(select, 20_480).is_empty());
    assert_eq!(sql("(SELECT a FROM t) union select b from t", 20), set(60));
    assert_eq!(sql("with x as (select 1) insert into t select * from x", 20), set(60));
    for utility in ["create index on t (a)", "reindex table t", "alter table t add primary key (a)"]
    {
        assert!(sql(utility, 20).is_empty(), "{utility}");
    }
}

fn set_to(name: &str, value: &str, unit: &str) -> Stage {
    let setting = Setting {
        name: name.into(),
        value: Some(value.into()),
        unit: unit.into(),
        source: "configuration file".into(),
        is_default: false,
        pending_restart: false,
    };
    let mut stage = Stage::new();
    let view = Arc::make_mut(&mut stage.server().settings);
    (view.at, view.sample.settings) = (Some(at(0)), vec![setting]);
    stage
}

#[test]
fn a_setting_that_depends_on_the_machine_is_advised_in_words() {
    let fsync = &set_to("fsync", "off", "").look("settings")[0];
    assert_eq!(fsync.sql, ["alter system set fsync = on;"]);
    let buffers = &set_to("shared_buffers", "16384", "8kB").look("settings")[0];
    assert!(buffers.sql.is_empty(), "{buffers:?}");
    let mut stage = set_to("max_connections", "2000", "");
    stage.before = stage.now.clone();
    stage.facts().connections = 700;
    let many = &stage.look("settings")[0];
    let better = many.evidence.iter().find(|fact| fact.key == "better").unwrap();
    assert!(many.sql.is_empty() && better.value.to_string().contains("of late 700"), "{many:?}");
    stage.facts().in_recovery = true;
    assert!(stage.look("settings").is_empty(), "its primary has as many");
}

#[test]
fn days_until_wraparound_are_those_of_transactions_alone() {
    let with = |xids, mxids| {
        let mut stage = Stage::new();
        let view = Arc::make_mut(&mut stage.server().vacuum);
        view.ages.insert("erp".into(), Age { xids, mxids });
        view.xids_per_second = Some(100.0);
        stage.look("wraparound").remove(0)
    };
    let has_days = |found: &Candidate| found.evidence.iter().any(|fact| fact.key == "days_left");
    let transactions = with(1_700_000_000, 5);
    assert!(has_days(&transactions) && transactions.summary.contains("transaction numbers"));
    assert!(transactions.sql[0].contains("order by 2 desc"), "{transactions:?}");
    let multixacts = with(5, 1_700_000_000);
    assert!(!has_days(&multixacts) && multixacts.summary.contains("multixact numbers"));
    assert!(multixacts.sql[0].contains("order by 3 desc"), "{multixacts:?}");
}

#[test]
fn an_index_of_a_partitioned_table_is_never_dropped_alone_or_concurrently() {
    let mut written = table("t", 100_000);
    written.counters.n_tup_ins = 5_000;
    let with = |partitions, is_valid| {
        let index = Index { is_valid, partitions, ..index(0) };
        with_tables(Stage::new(), vec![written.clone()], vec![index])
    };
    let unused = with(Partitions::None, true).look("unused_indexes").remove(0).sql;
    assert_eq!(unused, [r#"drop index concurrently "public"."t_a";"#]);
    for partitions in [Partitions::Part, Partitions::Whole] {
        assert!(with(partitions, true).look("unused_indexes").is_empty(), "{partitions:?}");
    }
    let invalid = |partitions| with(partitions, false).look("unsound_objects").remove(0).sql;
    assert_eq!(invalid(Partitions::None).len(), 2);
    assert_eq!(invalid(Partitions::Part), [r#"reindex index concurrently "public"."t_a";"#]);
    let whole = invalid(Partitions::Whole);
    assert!(whole.len() == 1 && whole[0].starts_with(r#"drop index "public"."t_a"; -- "#));
}
