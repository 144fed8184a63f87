//! Footprints in recorded samples.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::erp::Pattern;
use crate::integration::comment::Comment;
use crate::integration::{Direction, Integration, Integrations, Kind, Mode, Objective, Rules, Tag};
use crate::sample::activity::{Session, State};
use crate::sample::statements::Counters;
use crate::track::recorded::{Fold, clock, idle, session, wait, waiter};
use crate::track::reports::Report;
use crate::track::statements::{Shown, View};

fn of(name: &str, owns: &[&str], rules: Rules) -> Integration {
    Integration {
        name: name.into(),
        kind: Kind("api"),
        direction: Direction::Inbound,
        mode: Mode::Realtime,
        owns: owns.iter().map(|text| Pattern::new(text)).collect(),
        objective: Objective::default(),
        rules,
    }
}

/// The WMS is told by its application_name, the bank by its role, the shop by comments.
fn all() -> Arc<Integrations> {
    let names = Rules { application_names: vec![Pattern::new("wms*")], ..Rules::default() };
    let role = Rules { roles: vec![Pattern::new("bank")], ..Rules::default() };
    let comments =
        Rules { comments: vec![("job".into(), Pattern::new("push"))], ..Rules::default() };
    Arc::new(Integrations::new(vec![
        of("wms", &["stock_move*"], names),
        of("bank", &[], role),
        of("shop", &[], comments),
    ]))
}

fn writes(pid: i32, since: u64, table: &str) -> Session {
    let query = Some(format!("update {table} set n = ?"));
    Session { application_name: "wms-2".into(), query, ..session(pid, since) }
}

fn on_behalf_of_the_shop(session: Session) -> Session {
    let tags = vec![Tag { key: "job".into(), value: "push".into() }];
    Session { comment: Some(Comment { trace: None, tags }), ..session }
}

fn breaches(fold: &Fold) -> Vec<(String, String, u64)> {
    let all = fold.view.footprints.breaches.iter();
    all.map(|(key, n)| (key.integration.to_string(), key.module.to_string(), *n)).collect()
}

#[test]
fn a_write_of_what_is_not_owned_counts_once_for_each_execution_and_is_told_once() {
    let mut fold = Fold::new();
    fold.integrations = all();
    for ms in (0..1_000).step_by(100) {
        let since = if ms < 500 { 0 } else { 500 };
        fold.sample(
            ms,
            vec![writes(2, since, "stock_quant"), writes(3, 0, "stock_move_line")],
            None,
        );
    }
    assert_eq!(breaches(&fold), [("wms".to_owned(), "inventory".to_owned(), 2)]);
    let told: Vec<&Report> = fold.reports.iter().collect();
    let [Report::BoundaryBreach(breach)] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!((&*breach.table, breach.source), ("stock_quant", "samples"));
    assert_eq!(breach.party.query.as_deref(), Some("update stock_quant set n = ?"));
}

/// The same, after it has ended: its text is not sent again.
fn ended(session: Session) -> Session {
    Session { state: State::Idle, xact_start: None, query: None, ..session }
}

#[test]
fn what_an_idle_session_wrote_last_counts_once_however_long_it_is_idle() {
    let mut fold = Fold::new();
    fold.integrations = all();
    let write = |pid| Session { queryid: Some(7), ..writes(pid, 0, "stock_quant") };
    for ms in (0..6_000).step_by(100) {
        // Once a second idle sessions are in a sample, too.
        fold.all = ms % 1_000 == 0;
        let mut sessions = vec![];
        if ms < 500 {
            sessions.push(write(2));
        } else if fold.all {
            // What the third did last was never seen while it ran.
            sessions.extend([ended(write(2)), ended(write(3))]);
        }
        fold.sample(ms, sessions, None);
    }
    assert_eq!(breaches(&fold), [("wms".to_owned(), "inventory".to_owned(), 2)]);
    fold.sample(6_000, vec![Session { backend_start: Some(clock(5_900)), ..write(2) }], None);
    assert_eq!(breaches(&fold)[0].2, 3, "another process of the same number");
}

#[test]
fn what_the_erp_writes_on_behalf_of_an_integration_that_owns_nothing_is_no_breach() {
    let mut fold = Fold::new();
    fold.integrations = all();
    fold.sample(0, vec![on_behalf_of_the_shop(session(2, 0))], None);
    fold.sample(100, vec![on_behalf_of_the_shop(session(2, 0))], None);
    assert_eq!(breaches(&fold), []);
    let active: Vec<_> = fold.view.footprints.active.iter().collect();
    assert_eq!(active.len(), 1);
    assert_eq!((&*active[0].0.integration, active[0].1.as_millis()), ("shop", 100));
}

#[test]
fn blocked_and_blocking_time_of_integrations_is_that_of_the_waits() {
    let mut fold = Fold::new();
    fold.integrations = all();
    let holder = || Session { application_name: "wms-1".into(), ..idle(1, 0, 0) };
    for ms in (0..=2_000).step_by(100) {
        let mut sessions = vec![holder()];
        let mut waits = vec![];
        if (500..1_500).contains(&ms) {
            sessions.push(on_behalf_of_the_shop(waiter(2, 500)));
            waits.push(wait(2, &[1], Some(500)));
        }
        fold.sample(ms, sessions, Some(waits));
    }
    let prints = &fold.view.footprints;
    let blocked: Vec<_> = prints.blocked.iter().collect();
    assert_eq!(&*blocked[0].0.integration, "shop");
    let (blocked, blocking) = (*blocked[0].1, prints.blocking["wms"]);
    assert_eq!(blocked, blocking);
    assert!((blocked.as_secs_f64() - 1.0).abs() < 0.11, "{blocked:?}");
}

fn shown(usename: &str, query: &str, calls: u64, rows: u64) -> Shown {
    let total = Counters { calls, rows, ..Counters::default() };
    Shown {
        datname: "erp".into(),
        usename: usename.into(),
        queryid: i64::try_from(query.len()).unwrap(),
        module: "accounting".into(),
        query: Some(query.into()),
        series: total,
        total,
        here: total,
        leaving: false,
    }
}

/// What a sample tells of a statement that pg_stat_statements knows as `counted`.
fn told_of(counted: &str, sampled: &str, queryid: Option<i64>) -> usize {
    let mut fold = Fold::new();
    let role = Rules { roles: vec![Pattern::new("erp")], ..Rules::default() };
    fold.integrations = Arc::new(Integrations::new(vec![of("bank", &[], role)]));
    fold.sample(0, vec![], None);
    let view = View { shown: vec![shown("erp", counted, 1, 1)], ..View::default() };
    let first = fold.read_statements(&view).len();
    let query = Some(sampled.to_owned());
    let bank = Session { queryid, query, ..session(2, 100) };
    fold.sample(100, vec![bank], None);
    first + fold.reports.len()
}

#[test]
fn a_breach_that_is_counted_and_sampled_is_told_once() {
    let counted = "delete from account_move where id in ($1)";
    let queryid = i64::try_from(counted.len()).unwrap();
    let longer = "delete from account_move where id in (?, ?, -?)";
    assert_eq!(told_of(counted, longer, Some(queryid)), 1, "the server tells that it is the same");
    assert_eq!(told_of(counted, &counted.replace("$1", "?"), None), 1, "its text tells");
    assert_eq!(told_of(counted, "delete from account_move", Some(7)), 2, "it is another");
}

#[test]
fn of_an_integration_that_is_a_role_pg_stat_statements_counts_every_write() {
    let mut fold = Fold::new();
    fold.integrations = all();
    fold.sample(0, vec![], None);
    let view = |calls, rows| View {
        shown: vec![
            shown("bank", "insert into account_move values (?)", calls, rows),
            shown("bank", "select ? from account_move", 99, 99),
            shown("bank", "lock table account_move", 99, 0),
            shown("erp", "update account_move set a = ?", 99, 99),
        ],
        ..View::default()
    };
    let first = fold.read_statements(&view(3, 30));
    let second = fold.read_statements(&view(5, 50));
    assert_eq!((first.len(), second.len()), (1, 0), "told once an hour");
    fold.sample(100, vec![], None);
    assert_eq!(breaches(&fold), [("bank".to_owned(), "accounting".to_owned(), 5)]);
    let rows: Vec<u64> = fold.view.footprints.rows_written.iter().map(|(_, n)| *n).collect();
    assert_eq!(rows, [50]);
}

#[test]
fn what_a_statement_means_is_asked_anew_when_the_erp_is_recognised() {
    let mut fold = Fold::new();
    fold.integrations = all();
    let view = |calls| View {
        shown: vec![shown("bank", "update ir_model set n = $1", calls, 0)],
        ..View::default()
    };
    let (wms, own) = (|| writes(2, 0, "ir_model"), |pid| session(pid, 0));
    fold.sample(0, vec![wms(), own(3)], None);
    fold.read_statements(&view(1));
    fold.recognise("odoo");
    fold.read_statements(&view(3));
    // Their texts were sent once.
    let again = |session| Session { query: None, ..session };
    fold.sample(100, vec![again(wms()), again(own(3)), writes(4, 50, "ir_model")], None);
    assert_eq!(
        breaches(&fold),
        [
            ("bank".to_owned(), "other".to_owned(), 1),
            ("bank".to_owned(), "system".to_owned(), 2),
            ("wms".to_owned(), "other".to_owned(), 1),
            ("wms".to_owned(), "system".to_owned(), 1),
        ]
    );
    let active = fold.view.active.iter().filter(|(_, time)| !time.is_zero());
    let modules: BTreeSet<&str> = active.map(|(key, _)| &*key.module).collect();
    assert_eq!(modules, BTreeSet::from(["inventory", "system"]));
}

#[test]
fn a_write_by_role_that_is_not_among_the_statements_shown_is_counted_as_sampling_sees_it() {
    let mut fold = Fold::new();
    let role = Rules { roles: vec![Pattern::new("erp")], ..Rules::default() };
    fold.integrations = Arc::new(Integrations::new(vec![of("bank", &[], role)]));
    let query = "update account_move set n = $1";
    let view = |calls: Option<u64>| {
        let write = calls.map(|calls| shown("erp", query, calls, calls));
        let rest = shown("erp", "insert into account_move values ($1)", 0, 0);
        View { shown: [Some(rest), write].into_iter().flatten().collect(), ..View::default() }
    };
    let mut ms = 0;
    let mut count = |fold: &mut Fold, queryid: bool, executions: u64, calls| {
        for _ in 0..executions {
            ms += 100;
            let queryid = queryid.then(|| i64::try_from(query.len()).unwrap());
            let query = Some(query.replace("$1", "?"));
            fold.sample(ms, vec![Session { queryid, query, ..session(2, ms) }], None);
        }
        fold.read_statements(&view(calls));
        fold.sample(ms + 1, vec![], None);
        breaches(fold).first().map_or(0, |(_, _, count)| *count)
    };
    assert_eq!(count(&mut fold, true, 2, None), 2);
    assert_eq!(count(&mut fold, false, 1, None), 3, "before PostgreSQL 14");
    assert_eq!(count(&mut fold, true, 1, Some(3)), 4, "one has not ended, the others were counted");
    assert_eq!(count(&mut fold, true, 2, Some(9)), 9, "it is shown now, with all its calls");
    assert_eq!(count(&mut fold, false, 1, None), 9, "it is shown until that is read");
    assert_eq!(count(&mut fold, true, 2, None), 11);
    assert_eq!(count(&mut fold, true, 0, Some(20)), 20, "and comes back with all its calls");
}
