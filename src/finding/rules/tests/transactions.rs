//! What sessions do to each other, and who writes past the ERP.

use super::*;

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

/// So many calls, of which some are certain, with a transaction of a database open for 0.2 s each.
fn held_in(datname: &str, calls: u64, certain: u64) -> (HeldIn, Held) {
    let sum = |calls: u64| Sum {
        calls,
        seconds: 0.2 * calls as f64,
        wrote: calls,
        last: Some(Arc::new(party("odoo"))),
    };
    (("db".into(), datname.into()), Held { all: sum(calls), by_trace: sum(certain) })
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
        held_in: BTreeMap::from([held_in("erp", held_open, held_open)]),
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
    let uncertain = BTreeMap::from([held_in("erp", 3, 1)]);
    assert_eq!(severity(OfView { held_in: uncertain, ..of(9, 0, 3) }), Severity::Info);
    assert_eq!(with(of(90, 10, 0)).subjects("integration_failures"), ["pay"]);
    assert!(with(of(990, 10, 0)).subjects("integration_failures").is_empty());
    assert!(with(of(1, 1, 0)).subjects("integration_failures").is_empty());
    let mut long_ago = with(of(90, 10, 3));
    long_ago.before = long_ago.now.clone();
    assert!(long_ago.subjects("integration_failures").is_empty());
    assert!(long_ago.subjects("calls_in_transactions").is_empty());
}

#[test]
fn calls_in_transactions_are_measured_over_the_window_by_all_of_them_and_told_by_database() {
    let mut stage = Stage::new();
    let view = |erp: u64, shop: u64| {
        let held_in = BTreeMap::from([held_in("erp", erp, erp), held_in("shop", shop, shop)]);
        Arc::new(calls(OfView { held_in, ..of(9, 0, 9) }))
    };
    stage.before.calls = view(5_000, 10);
    stage.now.calls = view(6_000, 13);
    let mut found = stage.look("calls_in_transactions");
    found.sort_by(|a, b| a.datname.cmp(&b.datname));
    let told: Vec<_> = found
        .iter()
        .map(|one| (&*one.datname, one.cost_seconds_per_day.unwrap().round()))
        .collect();
    assert_eq!(told, [("erp", 4_800.0), ("shop", 14.0)]);
    assert_eq!(
        found[0].summary,
        "odoo called pay 1000 times with its transaction open, 200 ms each time"
    );
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
    // It waited for a number, changed stock in no time, and then did nothing.
    let waited = SlowTransaction { last_module: "inventory".into(), ..blocking.clone() };
    assert_eq!(&*with(waited).look("idle_in_transaction")[0].module, "inventory");
    let unknown = SlowTransaction { last_module: "other".into(), ..blocking.clone() };
    assert_eq!(&*with(unknown).look("idle_in_transaction")[0].module, "sales");
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
