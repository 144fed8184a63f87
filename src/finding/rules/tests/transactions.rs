//! What sessions do to each other, and who writes past the ERP.

use super::*;
use crate::sample::database::CATALOGS;

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

fn integration(rules: Rules, objective: Objective) -> Arc<Integration> {
    Arc::new(Integration {
        name: "wms".into(),
        kind: Kind("wms"),
        direction: Direction::Inbound,
        mode: Mode::Batch,
        owns: vec![],
        objective,
        rules,
    })
}

#[test]
fn the_right_to_write_is_taken_only_from_a_role_by_which_the_integration_is_told() {
    let breach = Report::BoundaryBreach(BoundaryBreach {
        integration: "wms".into(),
        table: "stock".into(),
        module: "inventory".into(),
        source: "samples",
        party: Party { usename: Some("wms_1".into()), ..party("wms") },
    });
    let key = BreachKey { integration: "wms".into(), module: "inventory".into() };
    let look = |rules: Rules, tables: Vec<Table>| {
        let mut stage = with_tables(Stage::new().told(breach.clone()), tables, vec![]);
        let mut counted = Capped::new(9);
        *counted.of(key.clone()) = 3;
        activity(&mut stage).footprints.breaches = counted;
        let declared = Some(integration(rules, Objective::default()));
        stage.now.calls = Arc::new(calls(OfView { name: "wms".into(), declared, ..of(0, 0, 0) }));
        stage.look("direct_writes").remove(0)
    };
    let patterns = |text| vec![crate::erp::Pattern::new(text)];
    let by_role = || Rules { roles: patterns("wms*"), ..Rules::default() };
    let unknown = look(by_role(), vec![]);
    assert_eq!(unknown.sql, [r#"revoke insert, update, delete on "stock" from "wms_1";"#]);
    let company = |schema: &str| Table { schema: schema.into(), ..table("stock", 9) };
    let known = look(by_role(), vec![company("b"), company("a"), table("other", 9)]);
    let revoke = r#"revoke insert, update, delete on "a"."stock", "b"."stock" from "wms_1";"#;
    assert_eq!(known.sql, [revoke]);
    let by_name = || Rules { application_names: patterns("wms"), ..Rules::default() };
    let by_comment =
        || Rules { comments: vec![("job".into(), patterns("x").remove(0))], ..Rules::default() };
    let of_both = Rules { roles: patterns("wms*"), ..by_name() };
    for rules in [by_name(), by_comment(), of_both, Rules::default()] {
        let found = look(rules, vec![company("a")]);
        assert!(found.sql.is_empty(), "{found:?}");
        let first = found.evidence.iter().find(|fact| fact.key == "first").unwrap();
        assert!(first.value.to_string().starts_with("give it a role of its own"), "{found:?}");
    }
}

#[test]
fn where_each_person_has_a_role_nobody_is_told_to_write_past_the_erp() {
    let insert = "insert into stock (a) values ($1)";
    let with = |shares: &[u64]| {
        let add = |stage: Stage, (place, rows): (usize, &u64)| {
            let role = format!("person_{place}");
            stage.statement_of(&role, "inventory", insert, work(*rows, *rows, 1.0, 0))
        };
        shares.iter().enumerate().fold(Stage::new(), add)
    };
    assert!(with(&[150; 8]).subjects("direct_writes").is_empty());
    assert_eq!(with(&[900, 90, 80]).subjects("direct_writes").len(), 2);
    // What a declared one writes does not make the ERP a stranger.
    let mut stage =
        with(&[900, 90]).statement_of("wms", "inventory", insert, work(1, 9_000, 1.0, 0));
    let rules = Rules { roles: vec![crate::erp::Pattern::new("wms")], ..Rules::default() };
    let declared = Some(integration(rules, Objective::default()));
    stage.now.calls = Arc::new(calls(OfView { declared, ..of(0, 0, 0) }));
    assert_eq!(stage.subjects("direct_writes"), ["role person_1"]);
}

#[test]
fn a_role_that_nobody_declares_is_told_when_it_writes_and_the_erps_own_and_declared_ones_not() {
    let insert = "insert into stock (a) values ($1)";
    let stage = |usename: &str| {
        let own = Stage::new().statement("inventory", insert, work(9_000, 9_000, 1.0, 0));
        own.statement_of(usename, "inventory", insert, work(100, 100, 1.0, 0))
    };
    assert_eq!(stage("intern").subjects("direct_writes"), ["role intern"]);
    let rules = Rules { roles: vec![crate::erp::Pattern::new("wms*")], ..Rules::default() };
    let integration = integration(rules, Objective::default());
    let mut declared = stage("wms_1");
    declared.now.calls = Arc::new(calls(OfView { declared: Some(integration), ..of(0, 0, 0) }));
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
fn more_failures_than_an_objective_allows_are_told_and_a_few_not() {
    let with = |success, ok, failed| {
        let objective = Objective { success, ..Objective::default() };
        let declared = Some(integration(Rules::default(), objective));
        let mut stage = Stage::new();
        stage.now.calls = Arc::new(calls(OfView { declared, ..of(ok, failed, 0) }));
        stage.subjects("integration_failures")
    };
    assert!(with(None, 970, 30).is_empty());
    assert_eq!(with(Some(0.999), 970, 30), ["pay"]);
    assert_eq!(with(Some(0.999), 4_990, 10), ["pay"]);
    assert!(with(Some(0.999), 9_990, 10).is_empty(), "as many as it allows");
    assert!(with(Some(0.999), 996, 4).is_empty(), "too few");
    assert_eq!(with(Some(0.5), 90, 10), ["pay"], "the config's own limit is for all");
}

#[test]
fn a_probe_that_fails_again_and_again_is_told_with_its_phase_and_a_single_failure_not() {
    use crate::integration::meter::probe::{Failure, Probe};
    let probe = |failed: u64| Probe {
        integration: "bank".into(),
        is_up: failed == 0,
        phases: BTreeMap::new(),
        runs: 9 + failed,
        failures: BTreeMap::from([(("tls", "connect"), failed)]),
        failure: (failed > 0).then(|| Failure {
            phase: "tls",
            fault: crate::integration::Fault::Connect,
            detail: "the certificate has expired".into(),
        }),
        at: SystemTime::UNIX_EPOCH,
        certificate_expires: None,
    };
    let with = |before: u64, now: u64| {
        let mut stage = Stage::new();
        for (snapshot, failed) in [(&mut stage.before, before), (&mut stage.now, now)] {
            let probes = &mut Arc::make_mut(&mut snapshot.intake).probe.probes;
            probes.insert("bank-api".into(), probe(failed));
        }
        stage.look("integration_failures")
    };
    assert!(with(0, 0).is_empty() && with(0, 1).is_empty() && with(5, 0).is_empty());
    let found = with(0, 2).remove(0);
    assert_eq!(&*found.subject, "probe bank-api");
    let summary = "the probe bank-api of bank fails in its phase tls: the certificate has expired";
    assert_eq!(found.summary, summary);
    assert_eq!(with(1, 1).len(), 1, "it is asked rarely, and has not been up since");
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
    // A vacuum, or one that has only read, is long, too.
    let harmless = SlowTransaction { keeps_back: None, ..slow("psql", 9_000.0, 8_000.0) };
    assert!(with(harmless).subjects("long_transactions").is_empty());
    let held = |holder: &str, age| {
        let mut stage = Stage::new();
        Arc::make_mut(&mut stage.server().databases).horizon = vec![(holder.into(), age)];
        stage
    };
    let horizon = |age| held("replication slot", age);
    let catalogs = held(CATALOGS, 2_000_000).look("long_transactions").remove(0).summary;
    assert!(catalogs.contains("in the system catalogs for 2000000 transactions"), "{catalogs}");
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
fn rows_that_many_wait_for_are_told_with_a_wait_of_their_database_and_of_the_window() {
    let wait = |datname: &str, seconds, who: &str| {
        Report::LockWait(LockWait {
            source: "samples",
            started: SystemTime::UNIX_EPOCH,
            seconds,
            error_seconds: 0.0,
            mode: "ShareLock".into(),
            object: "a row of public.seq".into(),
            module: "system".into(),
            waiter: Some(Party { datname: Some(datname.into()), ..party(who) }),
            roots: vec![],
        })
    };
    let spots = |waits, longest| {
        let mut spots = HotSpots::new(9);
        *spots.of(SpotKey {
            datname: "erp".into(),
            module: "system".into(),
            relation: "public.seq".into(),
        }) = Spot {
            waits,
            blocked: Duration::from_secs(waits),
            longest: Duration::from_secs(longest),
            last: None,
        };
        spots
    };
    let with = |longest_before, longest_now| {
        let mut stage = Stage::new().told(wait("erp", 7.0, "clerk")).told(wait("test", 99.0, "qa"));
        let journal = Arc::make_mut(&mut stage.now.journal);
        journal.add(SystemTime::UNIX_EPOCH, Some("db".into()), wait("erp", 500.0, "old"));
        activity(&mut stage).hot_spots = spots(400, longest_now);
        let before = &mut stage.before.servers[0].activity;
        Arc::make_mut(before).hot_spots = spots(100, longest_before);
        let said = format!("{:?}", stage.look("hot_rows")[0].evidence);
        assert!(said.contains("clerk") && !said.contains("qa") && !said.contains("old"), "{said}");
        said
    };
    assert!(with(500, 500).contains("Seconds(7.0)"), "that of 500 s was before the window");
    assert!(with(8, 12).contains("Seconds(12.0)"), "it was not told, but counted");
}
