//! What statements do: scans, reports, bulk work, spills, reads from the disk.

use super::*;

#[test]
fn large_scans_are_told_by_table_and_those_of_small_tables_or_for_many_rows_never() {
    let find = "select * from line where order_id = $1";
    let found = Stage::new().statement("sales", find, heavy()).look("large_scans");
    assert_eq!((&*found[0].subject, &*found[0].module), ("line", "sales"));
    assert!((found[0].cost_seconds_per_day.unwrap() - 2_400.0).abs() < 1.0);
    for few in [
        work(1_000, 1_000, 100.0, 99_000),
        work(1_000, 500_000, 100.0, 4_000_000),
        work(1_000, 1_000, 2.0, 4_000_000),
    ] {
        assert!(Stage::new().statement("sales", find, few).look("large_scans").is_empty());
    }
    let small = Stage::new().statement("sales", find, heavy());
    assert!(with_tables(small, vec![table("line", 42)], vec![]).look("large_scans").is_empty());
}

#[test]
fn a_large_scan_is_of_the_table_of_which_most_is_read_from_end_to_end() {
    let total = "update head set sum = (select sum(a) from line where head_id = $1) where id = $1";
    let stage = Stage::new().statement("sales", total, heavy());
    let mut line = table("line", 100_000);
    line.here.seq_tup_read = 100_000_000;
    line.bytes = 30 << 20;
    let stage = with_tables(stage, vec![table("head", 100_000), line], vec![]);
    assert_eq!(stage.subjects("large_scans"), ["line"]);
    let delete = Stage::new().statement("sales", "delete from head where id = $1", heavy());
    let by_index = with_tables(delete, vec![table("head", 100_000)], vec![]);
    assert!(by_index.subjects("large_scans").is_empty());
}

#[test]
fn a_scan_of_another_statement_and_the_upkeep_of_indexes_are_no_large_scans() {
    let look = |text: &str, blocks: u64, tables: Vec<Table>| {
        let stage = Stage::new().statement("sales", text, work(1_000, 1_000, 100.0, blocks));
        with_tables(stage, tables, vec![]).subjects("large_scans")
    };
    let line = || vec![read_through("line")];
    let by_account = "select id from line where account_id in ($1) and reconciled = $2";
    assert_eq!(look(by_account, 4_000_000, line()), ["line"]);
    assert!(look(by_account, 560_000, line()).is_empty(), "an index leads to some of its blocks");
    let small = || vec![Table { bytes: 100 * 8_192, indexes: 25, ..read_through("line") }];
    let insert = "insert into line (account_id) values ($1)";
    assert!(look(insert, 150_000, small()).is_empty(), "it reads nothing of it");
    let report =
        "select p.name, sum(l.amount) from line l join product p on p.id = l.product_id group by 1";
    let product = Table { bytes: 28 * 8_192, ..read_through("product") };
    assert!(look(report, 6_000_000, vec![product]).is_empty(), "that is little of what it reads");
    let update = "update line set state = $1 where move_id in ($2)";
    assert!(look(update, 140_000, small()).is_empty(), "25 indexes have to be written");
    assert_eq!(look(update, 240_000, small()), ["line"]);
}

#[test]
fn what_erpscope_has_read_to_count_keys_is_no_large_scan_of_a_table_that_is_looked_at_since() {
    let line = read_through("line");
    let rows = line.here.seq_tup_read;
    let look = |counted: u64| {
        let find = "select * from line where order_id = $1";
        let mut stage = Stage::new().statement("sales", find, heavy());
        let read = BTreeMap::from([(("erp".into(), "line".to_owned()), counted)]);
        stage.server().duplicates = Arc::new(KeysView { read, ..KeysView::default() });
        with_tables(stage, vec![line.clone()], vec![]).subjects("large_scans")
    };
    assert_eq!(look(0), ["line"]);
    assert!(look(rows).is_empty(), "all {rows} rows were read by us");
}

#[test]
fn what_comes_back_to_the_picture_is_charged_with_what_it_took_since_alone() {
    let find = "select * from line where order_id = $1";
    let mut stage = Stage::new().statement("sales", find, heavy());
    // Another was there when the window began: this one was not.
    let other = Stage::new().statement("sales", "select 1", heavy());
    let mut before = (*other.now.servers[0].statements).clone();
    before.shown[0].queryid = 99;
    stage.before.servers[0].statements = Arc::new(before);
    let shown = &mut Arc::make_mut(&mut stage.server().statements).shown[0];
    shown.total.exec_seconds = 16_200.0;
    shown.series = shown.total;
    let found = stage.look("large_scans");
    let cost = found[0].cost_seconds_per_day.unwrap();
    assert!((cost - 2_400.0).abs() < 1.0, "100 s of this hour, not the 16,200 of all nights");
}

#[test]
fn a_function_that_comes_back_to_the_picture_is_charged_with_what_it_took_since_alone() {
    let counters = |total_seconds| function_usage::Counters {
        calls: 9,
        total_seconds,
        self_seconds: total_seconds,
    };
    let mut stage = with_tables(Stage::new(), vec![], vec![]);
    let function = Function {
        oid: 3,
        schema: "public".into(),
        function: "x_check".into(),
        is_shown: true,
        counters: counters(90_000.0),
        growth: counters(0.0),
        series: counters(16_200.0),
        here: counters(100.0),
    };
    let tables = Arc::make_mut(&mut stage.server().tables);
    Arc::make_mut(tables.databases.get_mut("erp").unwrap()).functions.push(function);
    let found = stage.look("customization").pop().unwrap();
    assert_eq!(&*found.subject, "function x_check");
    assert!((found.cost_seconds_per_day.unwrap() - 2_400.0).abs() < 1.0, "{found:?}");
}

#[test]
fn a_table_that_is_not_looked_at_singly_is_none_beside_one_that_is() {
    let join = "select l.id from line l join account a on a.id = l.account_id where l.head_id = $1";
    let stage = || Stage::new().statement("sales", join, heavy());
    let by_index = with_tables(stage(), vec![table("line", 100_000)], vec![]);
    assert!(by_index.subjects("large_scans").is_empty());
    assert_eq!(with_tables(stage(), vec![], vec![]).subjects("large_scans").len(), 1);
}

#[test]
fn of_several_statements_that_make_one_case_the_dearest_is_told() {
    let mut stage = Stage::new();
    for (text, seconds) in [
        ("update line set a = 1", 90.0),
        ("update line set b = 1", 300.0),
        ("delete from line", 60.0),
    ] {
        stage = stage.statement("sales", text, work(500, 500_000, seconds, 9));
    }
    for queryid in 1..=3 {
        let kind = crate::erp::Kind::Interactive;
        activity(&mut stage).runners.saw("erp", queryid, "odoo", kind);
    }
    let found = stage.look("bulk_in_transactions");
    let [one] = &found[..] else { panic!("{found:#?}") };
    assert_eq!(&*one.subject, "odoo changes line");
    assert!((one.cost_seconds_per_day.unwrap() - 7_200.0).abs() < 1.0, "{one:#?}");
}

#[test]
fn what_reads_catalogs_alone_is_no_report() {
    let with = |text: &str| {
        let stage = Stage::new().statement("other", text, work(50, 5_000, 100.0, 5_000_000));
        stage.subjects("primary_reporting").len()
    };
    assert_eq!(with("select relname, count(*) from pg_class group by relname"), 0);
    assert_eq!(with("select name, count(*) from line group by name"), 1);
}

#[test]
fn reports_on_the_primary_are_told_and_on_a_replica_or_when_few_not() {
    let report = "select month, sum(a) from line group by month";
    let with = |seconds| {
        let stage = Stage::new().statement(
            "sales",
            "select 1 from head where id = $1",
            work(9_000, 9_000, 100.0, 9_000),
        );
        stage.statement("accounting", report, work(50, 5_000, seconds, 5_000_000))
    };
    let mut stage = with(100.0);
    let found = stage.look("primary_reporting");
    assert_eq!((&*found[0].subject, &*found[0].module), ("reports", "accounting"));
    assert!(with(10.0).limit("seconds_per_day", 0.0).look("primary_reporting").is_empty());
    stage.facts().in_recovery = true;
    assert!(stage.look("primary_reporting").is_empty());
}

#[test]
fn a_report_is_weighed_against_work_and_not_against_waiting_for_locks() {
    let report = "select month, sum(a) from line group by month";
    let number = "update base_sequence set n = n + 1 where code = $1";
    let mut stage = Stage::new()
        .statement("system", number, work(9_000, 9_000, 500.0, 9_000))
        .statement("accounting", report, work(50, 5_000, 30.0, 5_000_000));
    assert!(stage.subjects("primary_reporting").is_empty());
    let key = BlockedKey {
        datname: "erp".into(),
        module: "system".into(),
        application: "clerk".into(),
        root_application: "import".into(),
        root_state: "idle in transaction",
    };
    let mut waited = Capped::new(9);
    *waited.of(key) = Duration::from_secs(400);
    activity(&mut stage).blocked = waited;
    assert_eq!(stage.subjects("primary_reporting"), ["reports"]);
}

#[test]
fn bulk_work_is_told_where_a_user_waits_and_not_in_a_job_nor_when_it_is_short() {
    let with = |kind, calls, rows| {
        let update = "update price set a = $1 where category = $2";
        let mut stage = Stage::new().statement("sales", update, work(calls, rows, 2.0, 9_000));
        if let Some(kind) = kind {
            activity(&mut stage).runners.saw("erp", 1, "clerk", kind);
        }
        stage.subjects("bulk_in_transactions")
    };
    let (interactive, job) = (Some(crate::erp::Kind::Interactive), Some(crate::erp::Kind::Job));
    assert_eq!(with(interactive, 10, 5_000), ["clerk changes price"]);
    assert!(with(job, 10, 5_000).is_empty() && with(None, 10, 5_000).is_empty());
    assert!(with(interactive, 10, 50).is_empty());
    assert!(with(interactive, 1_000, 500_000).is_empty());
}

#[test]
fn spills_of_a_report_are_told_and_small_or_rare_ones_not() {
    let with = |calls, temp_written| {
        let spilling = Counters { temp_written, ..work(calls, calls, 9.0, 0) };
        Stage::new().statement("sales", "select a from t order by a", spilling)
    };
    assert_eq!(with(100, 100 * 1_280).subjects("temp_spills"), ["statement 1"]);
    assert!(with(100, 100 * 100).subjects("temp_spills").is_empty());
    assert!(with(1, 1_280).subjects("temp_spills").is_empty());
}

#[test]
fn a_module_that_reads_much_from_disk_is_told_and_one_that_reads_little_not() {
    let with = |blocks_hit, blocks_read| {
        let reading = Counters { blocks_read, ..work(100, 100, 9.0, blocks_hit) };
        Stage::new().statement("sales", "select a from t", reading)
    };
    assert_eq!(with(5_000_000, 5_000_000).subjects("cache_misses"), ["module sales"]);
    assert!(with(500_000_000, 5_000_000).subjects("cache_misses").is_empty());
    assert!(with(5_000, 5_000).subjects("cache_misses").is_empty());
}

#[test]
fn load_outside_the_standard_is_told_where_the_standard_is_known() {
    let stage = |seconds| {
        let erp = Stage::new().statement("sales", "select a from line", work(9, 9, 100.0, 9));
        erp.statement("other", "select a from x_custom", work(9, 9, seconds, 9))
    };
    let tables =
        || vec![table("line", 9_000), Table { module: "other".into(), ..table("x_custom", 9_000) }];
    let told = |stage| with_tables(stage, tables(), vec![]).subjects("customization");
    assert_eq!(told(stage(100.0)), ["tables outside the standard"]);
    assert!(told(stage(30.0)).is_empty());
    let mut unknown = with_tables(stage(100.0), tables(), vec![]);
    let databases = &mut Arc::make_mut(&mut unknown.server().tables).databases;
    let mut database = (**databases.get("erp").unwrap()).clone();
    database.modules.remove("sales");
    databases.insert("erp".into(), Arc::new(database));
    assert!(unknown.subjects("customization").is_empty());
}

#[test]
fn what_the_agent_reads_itself_is_nobodys_fault_unless_somebody_else_works_as_its_role() {
    let own = || {
        let scan = "select count(*) from line where head_id = $1";
        Stage::new().statement_of("erpscope", "sales", scan, heavy())
    };
    let told = |stage: Stage| {
        with_tables(stage, vec![read_through("line")], vec![]).subjects("large_scans")
    };
    assert!(told(own()).is_empty());
    let shared =
        own().statement_of("erpscope", "sales", "Update line set a = $1", work(1, 1, 0.1, 1));
    assert_eq!(told(shared), ["line"]);
}
