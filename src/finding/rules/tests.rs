//! Each rule where it says something, and where it nearly does and must not.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::erp::Profiles;
use crate::finding::tests::{Stage, at, heavy};
use crate::history::{HourLoad, Place};
use crate::integration::Direction;
use crate::integration::{Integration, Kind, Mode, Objective, Rules};
use crate::sample::catalog::{self as read, Column, ForeignKey, Listed};
use crate::sample::replication::{Slot, Standby};
use crate::sample::settings::Setting;
use crate::sample::statements::Counters;
use crate::sample::{index_usage, table_usage, vacuum as sampled};
use crate::track::activity::{StateKey, View as Activity};
use crate::track::calls::{OfView, OperationView, View as Calls};
use crate::track::capped::Capped;
use crate::track::catalog::{Database as Catalog, Number};
use crate::track::duplicates::{Database as Keys, Key, View as KeysView};
use crate::track::findings::{Candidate, Severity};
use crate::track::footprints::BreachKey;
use crate::track::growth;
use crate::track::histogram::Histogram;
use crate::track::hot_spots::{HotSpots, Spot, SpotKey};
use crate::track::lock_waits::BlockedKey;
use crate::track::reports::{BoundaryBreach, Part, Party, Report, SlowTransaction};
use crate::track::tables::{Database as Tables, Due, Index, Module, Table};
use crate::track::vacuum::{Age, Running};

fn work(calls: u64, rows: u64, exec_seconds: f64, blocks_hit: u64) -> Counters {
    Counters { calls, rows, exec_seconds, blocks_hit, ..Counters::default() }
}

fn party(application: &str) -> Party {
    Party {
        pid: Some(7),
        datname: Some("erp".into()),
        usename: Some("erp".into()),
        application: application.into(),
        integration: None,
        trace_id: None,
        route: None,
        application_name: None,
        client_addr: None,
        query: Some("update t set a = ?".into()),
        queryid: Some("1".into()),
    }
}

fn slow(application: &str, seconds: f64, idle: f64) -> SlowTransaction {
    SlowTransaction {
        party: party(application),
        session_kind: "interactive",
        module: "sales".into(),
        started: SystemTime::UNIX_EPOCH,
        seconds,
        state: "idle in transaction",
        idle_seconds: idle,
        waited_seconds: 0.0,
        blocked_others_seconds: 0.0,
        victims: 0,
        xmin_age: 0,
        wrote: true,
        statements: vec![Part {
            query: None,
            queryid: Some("1".into()),
            module: "sales".into(),
            seconds: 0.1,
        }],
        other_statements_seconds: 0.0,
    }
}

fn activity(stage: &mut Stage) -> &mut Activity {
    Arc::make_mut(&mut stage.server().activity)
}

fn table(name: &str, rows: u64) -> Table {
    Table {
        oid: 1,
        schema: "public".into(),
        table: name.into(),
        module: "sales".into(),
        is_shown: true,
        counters: table_usage::Counters::default(),
        growth: table_usage::Counters::default(),
        series: table_usage::Counters::default(),
        n_live_tup: rows,
        bytes: 100 << 20,
        index_bytes: 0,
        indexes: 0,
        upkeep: table_usage::Upkeep::default(),
        due: Due { vacuum: Some(0.5), analyze: Some(0.5), ..Due::default() },
    }
}

fn index(scans: u64) -> Index {
    let counters = index_usage::Counters { idx_scan: scans, ..index_usage::Counters::default() };
    Index {
        oid: 2,
        schema: "public".into(),
        table: "t".into(),
        index: "t_a".into(),
        module: "sales".into(),
        is_shown: true,
        counters,
        growth: counters,
        series: counters,
        bytes: 10 << 20,
        is_valid: true,
        enforces: false,
    }
}

fn with_tables(mut stage: Stage, tables: Vec<Table>, indexes: Vec<Index>) -> Stage {
    let modules = [("sales", 3), ("other", 2)]
        .map(|(name, tables)| (Arc::from(name), Module { tables, ..Module::default() }));
    let database = Tables {
        dbid: 5,
        at: at(3_600),
        read_at: SystemTime::UNIX_EPOCH,
        over: Duration::from_secs(3_600),
        bytes: 0,
        tables_total: 0,
        indexes_total: 0,
        tables,
        other_tables: table_usage::Counters::default(),
        indexes,
        other_indexes: index_usage::Counters::default(),
        functions: vec![],
        other_functions: crate::sample::function_usage::Counters::default(),
        track_functions: "none".into(),
        modules: modules.into(),
        resets: 0,
    };
    let view = Arc::make_mut(&mut stage.server().tables);
    view.databases.insert("erp".into(), Arc::new(database));
    stage
}

fn with_catalog(mut stage: Stage, read: read::Database, numbers: Vec<Number>) -> Stage {
    let database = Catalog { at: at(0), read: Arc::new(read), numbers };
    let view = Arc::make_mut(&mut stage.server().catalog);
    view.databases.insert("erp".into(), database);
    stage
}

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
    line.series.seq_tup_read = 1_000_000;
    line.bytes = 30 << 20;
    let stage = with_tables(stage, vec![table("head", 100_000), line], vec![]);
    assert_eq!(stage.subjects("large_scans"), ["line"]);
    let delete = Stage::new().statement("sales", "delete from head where id = $1", heavy());
    let by_index = with_tables(delete, vec![table("head", 100_000)], vec![]);
    assert!(by_index.subjects("large_scans").is_empty());
}

/// A table of 4,000 blocks that somebody reads from end to end.
fn read_through(name: &str) -> Table {
    let mut table = table(name, 100_000);
    table.series.seq_tup_read = 1_000_000;
    Table { bytes: 4_000 * 8_192, ..table }
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
    let update = "update line set state = $1 where move_id in ($2)";
    assert!(look(update, 140_000, small()).is_empty(), "25 indexes have to be written");
    assert_eq!(look(update, 240_000, small()), ["line"]);
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
    };
    let with = |parent| {
        let stage = Stage::new().statement("sales", "DELETE FROM line WHERE id IN ($1)", heavy());
        let mut line = read_through("line");
        line.growth.n_tup_del = 50;
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
fn a_breach_is_told_with_its_table_and_one_of_last_week_not() {
    let breach = || {
        Report::BoundaryBreach(BoundaryBreach {
            integration: "wms".into(),
            table: "stock".into(),
            module: "inventory".into(),
            source: "samples",
            party: party("wms"),
        })
    };
    let key = BreachKey { integration: "wms".into(), module: "inventory".into() };
    let mut stage = Stage::new().told(breach());
    let mut counted = Capped::new(9);
    *counted.of(key) = 3;
    activity(&mut stage).footprints.breaches = counted;
    assert_eq!(stage.subjects("direct_writes"), ["wms writes stock"]);
    stage.before = stage.now.clone();
    assert!(stage.subjects("direct_writes").is_empty());
}

#[test]
fn a_role_that_nobody_declares_is_told_when_it_writes_and_the_erps_own_and_declared_ones_not() {
    let insert = "insert into stock (a) values ($1)";
    let stage = |usename: &str| {
        let own = Stage::new().statement("inventory", insert, work(9_000, 9_000, 1.0, 0));
        own.statement_of(usename, "inventory", insert, work(100, 100, 1.0, 0))
    };
    assert_eq!(stage("intern").subjects("direct_writes"), ["role intern"]);
    let integration = Integration {
        name: "wms".into(),
        kind: Kind("wms"),
        direction: Direction::Inbound,
        mode: Mode::Batch,
        owns: vec![],
        objective: Objective::default(),
        rules: Rules { roles: vec![crate::erp::Pattern::new("wms*")], ..Rules::default() },
    };
    let mut declared = stage("wms_1");
    declared.now.calls =
        Arc::new(calls(OfView { declared: Some(Arc::new(integration)), ..of(0, 0, 0) }));
    assert!(declared.subjects("direct_writes").is_empty());
    assert!(
        Stage::new()
            .statement("inventory", insert, work(9, 9, 1.0, 0))
            .subjects("direct_writes")
            .is_empty()
    );
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

fn of(ok: u64, failed: u64, held_open: u64) -> OfView {
    let operation = OperationView {
        key: crate::track::calls::OperationKey {
            direction: Direction::Outbound,
            operation: "POST /".into(),
        },
        ok,
        failed,
        slow: 0,
        seconds: Histogram::new(&[1.0]),
        percentiles: [0.0; 4],
        exemplars: vec![],
    };
    OfView {
        name: "pay".into(),
        declared: None,
        operations: vec![operation],
        errors: BTreeMap::from([("timeout", failed)]),
        held_open,
        held_open_by_trace: held_open,
        last: None,
        percentiles: None,
        notable: vec![],
    }
}

fn calls(of: OfView) -> Calls {
    Calls { integrations: vec![of], ..Calls::default() }
}

#[test]
fn calls_in_open_transactions_and_failing_ones_are_told_and_a_single_one_not() {
    let with = |of| {
        let mut stage = Stage::new();
        stage.now.calls = Arc::new(calls(of));
        stage
    };
    assert_eq!(with(of(9, 0, 3)).subjects("calls_in_transactions"), ["pay"]);
    assert!(with(of(9, 0, 1)).subjects("calls_in_transactions").is_empty());
    let severity = |of| with(of).look("calls_in_transactions")[0].severity;
    assert_eq!(severity(of(9, 0, 3)), Severity::Warning);
    assert_eq!(severity(OfView { held_open_by_trace: 1, ..of(9, 0, 3) }), Severity::Info);
    assert_eq!(with(of(90, 10, 0)).subjects("integration_failures"), ["pay"]);
    assert!(with(of(990, 10, 0)).subjects("integration_failures").is_empty());
    assert!(with(of(1, 1, 0)).subjects("integration_failures").is_empty());
    let mut long_ago = with(of(90, 10, 3));
    long_ago.before = long_ago.now.clone();
    assert!(long_ago.subjects("integration_failures").is_empty());
    assert!(long_ago.subjects("calls_in_transactions").is_empty());
}

#[test]
fn idle_transactions_are_told_when_others_waited_and_not_between_two_statements() {
    let with = |transaction| Stage::new().told(Report::SlowTransaction(transaction));
    let blocking =
        SlowTransaction { blocked_others_seconds: 9.0, victims: 2, ..slow("import", 5.0, 4.0) };
    let found = with(blocking.clone()).look("idle_in_transaction");
    assert_eq!((&*found[0].subject, found[0].severity), ("import", Severity::Warning));
    assert!((found[0].cost_seconds_per_day.unwrap() - 216.0).abs() < 1e-6);
    assert!(with(slow("import", 5.0, 4.0)).look("idle_in_transaction").is_empty());
    let busy = SlowTransaction { idle_seconds: 2.0, ..blocking };
    assert!(with(busy).look("idle_in_transaction").is_empty());
    assert_eq!(
        with(slow("forgotten", 400.0, 399.0)).subjects("idle_in_transaction"),
        ["forgotten"]
    );
}

#[test]
fn long_transactions_and_old_horizons_are_told_and_a_backup_may_take_its_time() {
    let with = |open: SlowTransaction| {
        let mut stage = Stage::new();
        activity(&mut stage).open.push(open);
        stage
    };
    assert_eq!(with(slow("report", 1_000.0, 0.0)).subjects("long_transactions"), ["report"]);
    assert!(with(slow("report", 800.0, 0.0)).subjects("long_transactions").is_empty());
    let backup = SlowTransaction { session_kind: "maintenance", ..slow("pg_dump", 1_000.0, 0.0) };
    assert!(with(backup).subjects("long_transactions").is_empty());
    let horizon = |age| {
        let mut stage = Stage::new();
        Arc::make_mut(&mut stage.server().databases).horizon =
            vec![("replication slot".into(), age)];
        stage
    };
    let old = horizon(600_000_000).look("long_transactions");
    assert_eq!(
        (&*old[0].subject, old[0].severity),
        ("horizon held by replication slot", Severity::Critical)
    );
    assert!(horizon(10_000).look("long_transactions").is_empty());
}

#[test]
fn rows_that_many_wait_for_are_told_and_a_few_short_waits_not() {
    let with = |waits, seconds| {
        let mut spots = HotSpots::new(9);
        *spots.of(SpotKey {
            datname: "erp".into(),
            module: "system".into(),
            relation: "public.seq".into(),
        }) = Spot { waits, blocked: Duration::from_secs(seconds), ..Spot::default() };
        let mut stage = Stage::new();
        activity(&mut stage).hot_spots = spots;
        stage
    };
    let found = with(100, 60).look("hot_rows");
    assert_eq!((&*found[0].subject, &*found[0].module), ("seq", "system"));
    assert!((found[0].cost_seconds_per_day.unwrap() - 1_440.0).abs() < 1e-6);
    assert!(with(100, 10).look("hot_rows").is_empty());
    assert!(with(4, 60).look("hot_rows").is_empty());
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
fn connections_near_their_limit_and_idle_pools_are_told() {
    let with = |connections| {
        let mut stage = Stage::new();
        stage.facts().connections = connections;
        stage
            .look("connections")
            .iter()
            .map(|c| (c.subject.to_string(), c.severity))
            .collect::<Vec<_>>()
    };
    let limit = "max_connections".to_owned();
    assert_eq!(with(85), [(limit.clone(), Severity::Warning)]);
    assert_eq!(with(99), [(limit, Severity::Critical)]);
    assert!(with(79).is_empty());
    let pool = |idle, active| {
        let mut counts = Capped::new(9);
        for (state, count) in [("idle", idle), ("active", active)] {
            *counts.of(StateKey { datname: "erp".into(), application: "odoo".into(), state }) =
                count;
        }
        let mut stage = Stage::new();
        activity(&mut stage).sessions = counts;
        stage.subjects("connections")
    };
    assert_eq!(pool(59, 1), ["idle pools"]);
    assert!(pool(40, 20).is_empty() && pool(20, 0).is_empty());
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

#[test]
fn numbers_that_run_out_are_told_transactions_and_keys() {
    let age = |xids| {
        let mut stage = Stage::new();
        let view = Arc::make_mut(&mut stage.server().vacuum);
        view.ages.insert("erp".into(), Age { xids, mxids: 0 });
        stage.look("wraparound").iter().map(|c| c.severity).collect::<Vec<_>>()
    };
    assert_eq!(age(1_100_000_000), [Severity::Warning]);
    assert_eq!(age(1_700_000_000), [Severity::Critical]);
    assert!(age(900_000_000).is_empty());
    let number = |used_ratio, ratio_per_day| {
        let column = Column {
            schema: "public".into(),
            table: "t".into(),
            column: "id".into(),
            type_name: "integer".into(),
        };
        let number = Number {
            sequence: None,
            column: Some(column),
            end: 2_147_483_647,
            used_ratio,
            ratio_per_day,
        };
        let stage = with_catalog(Stage::new(), read::Database::default(), vec![number]);
        stage
            .look("numbers_run_out")
            .iter()
            .map(|c| (c.subject.to_string(), c.severity))
            .collect::<Vec<_>>()
    };
    let key = || "t.id".to_owned();
    assert_eq!(number(0.8, None), [(key(), Severity::Warning)]);
    assert_eq!(number(0.3, Some(0.1)), [(key(), Severity::Critical)]);
    assert_eq!(number(0.5, Some(0.005)), [(key(), Severity::Warning)]);
    assert!(number(0.1, Some(0.1)).is_empty() && number(0.7, Some(0.0001)).is_empty());
}

#[test]
fn foreign_keys_without_an_index_are_told_only_where_parents_are_deleted() {
    let with = |rows, deleted| {
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
        };
        let keys = Listed { rows: vec![key], total: 1 };
        let read = read::Database { unindexed_foreign_keys: keys, ..read::Database::default() };
        let mut head = table("head", 100);
        head.growth.n_tup_del = deleted;
        let stage = with_tables(Stage::new(), vec![head], vec![]);
        with_catalog(stage, read, vec![]).subjects("unindexed_foreign_keys")
    };
    assert_eq!(with(50_000, 50), ["line (head_id)"]);
    assert!(with(50_000, 0).is_empty() && with(500, 50).is_empty());
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
fn forced_checkpoints_are_told_and_a_single_one_not() {
    let with = |requested, timed| {
        let mut stage = Stage::new();
        Arc::make_mut(&mut stage.before.servers[0].io).at = Some(at(0));
        let io = Arc::make_mut(&mut stage.server().io);
        (io.checkpoints.requested, io.checkpoints.timed) = (requested, timed);
        stage.subjects("checkpoints")
    };
    assert_eq!(with(9, 2), ["checkpoints"]);
    assert!(with(1, 0).is_empty() && with(4, 9).is_empty());
}

#[test]
fn slots_that_nobody_reads_and_standbys_that_lag_are_told() {
    let slot = |is_active, retained_bytes| {
        let slot = Slot {
            name: "bi".into(),
            is_logical: true,
            datname: None,
            is_active,
            retained_bytes: Some(retained_bytes),
            wal_status: Some("extended".into()),
            safe_bytes: None,
            xmin_age: None,
            inactive_seconds: None,
            is_invalid: false,
        };
        let mut stage = Stage::new();
        Arc::make_mut(&mut stage.server().replication).slots.insert("bi".into(), slot);
        stage
            .look("replication")
            .iter()
            .map(|c| (c.subject.to_string(), c.severity))
            .collect::<Vec<_>>()
    };
    assert_eq!(slot(false, 20 << 30), [("slot bi".to_owned(), Severity::Critical)]);
    assert_eq!(slot(true, 20 << 30), [("slot bi".to_owned(), Severity::Warning)]);
    assert!(slot(false, 1 << 20).is_empty());
    let standby = |lag| {
        let worst = Standby {
            name: "replica".into(),
            state: "streaming".into(),
            sync_state: "async".into(),
            unsent_bytes: Some(0),
            unflushed_bytes: Some(0),
            unreplayed_bytes: Some(0),
            flush_lag_seconds: None,
            replay_lag_seconds: Some(lag),
        };
        let standing = crate::track::replication::Standing { connections: 1, worst };
        let mut stage = Stage::new();
        Arc::make_mut(&mut stage.server().replication).standbys.insert("replica".into(), standing);
        stage.subjects("replication")
    };
    assert_eq!(standby(600.0), ["standby replica"]);
    assert!(standby(5.0).is_empty());
}

#[test]
fn settings_that_hurt_are_told_and_those_that_could_not_be_read_not() {
    let with = |name: &str, value: Option<&str>, unit: &str| {
        let setting = Setting {
            name: name.into(),
            value: value.map(Into::into),
            unit: unit.into(),
            source: "configuration file".into(),
            is_default: false,
            pending_restart: false,
        };
        let mut stage = Stage::new();
        let view = Arc::make_mut(&mut stage.server().settings);
        (view.at, view.sample.settings) = (Some(at(0)), vec![setting]);
        stage
            .look("settings")
            .iter()
            .map(|c| (c.subject.to_string(), c.severity, c.summary.clone()))
            .collect::<Vec<_>>()
    };
    let fsync = with("fsync", Some("off"), "");
    assert_eq!((&*fsync[0].0, fsync[0].1), ("fsync", Severity::Critical));
    assert!(with("fsync", Some("on"), "").is_empty() && with("fsync", None, "").is_empty());
    assert_eq!(with("work_mem", Some("2097152"), "kB").len(), 1);
    assert!(with("work_mem", Some("65536"), "kB").is_empty());
    let buffers = with("shared_buffers", Some("8192"), "8kB");
    assert!(buffers[0].2.starts_with("shared_buffers is 64 MiB: the default"), "{buffers:?}");
    let timeout = with("idle_in_transaction_session_timeout", Some("0"), "ms");
    assert!(timeout[0].2.starts_with("idle_in_transaction_session_timeout is 0: "), "{timeout:?}");
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
fn hours_that_stand_out_day_after_day_are_told_and_a_single_one_not() {
    let with = |days: i64, busy: &dyn Fn(i64, i64) -> bool| {
        let mut stage = Stage::new();
        Arc::make_mut(&mut stage.server().databases)
            .shown
            .insert("erp".into(), crate::track::databases::Database::default());
        let place = Place { server: "db".into(), datname: "erp".into() };
        let hour = |day, hour| HourLoad {
            hour: day * 86_400 + hour * 3_600,
            exec_seconds: if busy(day, hour) { 3_600.0 } else { 180.0 },
            covered_seconds: 3_600.0,
        };
        let hours = (0..days).flat_map(|day| (0..24).map(move |h| hour(day, h))).collect();
        stage.hours.insert(place, hours);
        stage.subjects("peaks")
    };
    assert_eq!(with(5, &|_, hour| hour == 2), ["hour 02 UTC"]);
    assert!(with(5, &|day, hour| day == 1 && hour == 2).is_empty());
    assert!(with(2, &|_, hour| hour == 2).is_empty());
    assert!(with(5, &|_, _| true).is_empty());
}

#[test]
fn a_disk_that_fills_up_is_told_once_its_size_is_known() {
    let with = |disk: f64, per_day: f64| {
        let read = read::Database { bytes: Some(50 << 30), ..read::Database::default() };
        let mut stage = with_catalog(Stage::new(), read, vec![]).limit("disk_bytes", disk);
        let grown = growth::Growth { bytes_per_day: per_day, ..growth::Growth::default() };
        let database = growth::Database {
            modules: BTreeMap::from([("sales".into(), grown)]),
            ..growth::Database::default()
        };
        Arc::make_mut(&mut stage.server().growth).databases.insert("erp".into(), database);
        stage.look("disk_growth").iter().map(|c| c.severity).collect::<Vec<_>>()
    };
    let (disk, gib) = (60.0 * 1_073_741_824.0, 1_073_741_824.0);
    assert_eq!(with(disk, 0.5 * gib), [Severity::Warning]);
    assert_eq!(with(disk, 2.0 * gib), [Severity::Critical]);
    assert!(with(disk, 0.1 * gib).is_empty() && with(disk, -gib).is_empty());
    assert!(with(0.0, gib).is_empty());
}

mod bad_joins;
mod duplicate_records;
mod message_queues;
mod queues;
