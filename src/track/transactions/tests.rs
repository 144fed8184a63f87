//! Transactions made by hand.

use std::time::Duration;

use crate::sample::activity::{Backend, Session, State};
use crate::track::recorded::{Fold, clock, idle, session, wait, waiter};
use crate::track::reports::{Report, SlowTransaction};

fn slow(fold: &Fold) -> Vec<&SlowTransaction> {
    let slow = fold.reports.iter().filter_map(|report| match report {
        Report::SlowTransaction(slow) => Some(slow),
        _ => None,
    });
    slow.collect()
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-3
}

/// In a transaction since `xact`, running a statement since `query`.
fn active(xact: u64, query: u64) -> Session {
    let text = format!("update sale_order set state = ? /* {query} */");
    Session {
        query_start: Some(clock(query)),
        state_change: Some(clock(query)),
        query: Some(text),
        ..session(1, xact)
    }
}

/// The same after that statement, since `change`.
fn resting(xact: u64, query: u64, change: u64) -> Session {
    Session {
        state: State::IdleInTransaction,
        state_change: Some(clock(change)),
        ..active(xact, query)
    }
}

#[test]
fn a_transaction_of_a_second_is_told_when_it_has_ended() {
    let mut fold = Fold::new();
    fold.sample(0, vec![], None);
    for ms in (100..=1_500).step_by(100) {
        fold.sample(ms, vec![active(50, 50)], None);
    }
    assert!(slow(&fold).is_empty());
    assert_eq!(fold.view.open.len(), 1, "it is slow already");
    fold.sample(1_600, vec![], None);
    let told = slow(&fold)[0];
    assert!(close(told.seconds, 1.5), "{told:?}");
    assert_eq!((&*told.module, told.state), ("sales", "active"));
    assert!(close(told.idle_seconds, 0.0));
    assert_eq!(fold.view.slow.iter().map(|(_, h)| h.count()).sum::<u64>(), 1);
    assert_eq!((fold.view.open.len(), fold.view.ended.len()), (0, 1));
}

#[test]
fn a_quick_one_is_not_told_and_an_application_can_have_its_own_limit() {
    let mut fold = Fold::new();
    let dump = || Session { application_name: "pg_dump".into(), pid: 2, ..active(0, 0) };
    for ms in (0..=900).step_by(100) {
        fold.sample(ms, vec![active(0, 0), dump()], None);
    }
    fold.sample(1_000, vec![dump()], None);
    for ms in (1_100..=30_000).step_by(100) {
        fold.sample(ms, vec![dump()], None);
    }
    fold.sample(30_100, vec![], None);
    assert!(slow(&fold).is_empty(), "{:?}", slow(&fold));
}

#[test]
fn idle_gaps_and_shares_of_statements_are_told_from_what_changed_when() {
    let mut fold = Fold::new();
    fold.sample(0, vec![], None);
    // 0.2 s the first statement, 0.5 s idle, 0.4 s the second, 0.3 s idle, then the end.
    fold.sample(100, vec![active(50, 50)], None);
    fold.sample(200, vec![active(50, 50)], None);
    for ms in (300..=700).step_by(100) {
        fold.sample(ms, vec![resting(50, 50, 250)], None);
    }
    for ms in (800..=1_100).step_by(100) {
        fold.sample(ms, vec![active(50, 750)], None);
    }
    for ms in (1_200..=1_400).step_by(100) {
        fold.sample(ms, vec![resting(50, 750, 1_150)], None);
    }
    fold.sample(1_500, vec![], None);
    let told = slow(&fold)[0];
    assert!(close(told.seconds, 1.4), "{told:?}");
    assert!(close(told.idle_seconds, 0.5 + 0.25), "{told:?}");
    let shares: Vec<f64> = told.statements.iter().map(|part| part.seconds).collect();
    assert!(close(shares[0], 0.4) && close(shares[1], 0.2), "{told:?}");
}

#[test]
fn a_statement_between_two_samples_is_no_idle_time() {
    let mut fold = Fold::new();
    fold.sample(0, vec![resting(0, 0, 0)], None);
    // From 30 to 80 a statement ran that no sample saw running.
    fold.sample(100, vec![resting(0, 30, 80)], None);
    for ms in (200..=1_200).step_by(100) {
        fold.sample(ms, vec![resting(0, 30, 80)], None);
    }
    fold.sample(1_300, vec![], None);
    assert!(close(slow(&fold)[0].idle_seconds, 1.15), "{:?}", slow(&fold));
}

#[test]
fn what_is_kept_back_from_vacuum_is_told_as_it_is_now_and_for_how_long_at_a_stretch() {
    let mut fold = Fold::new();
    let keeps = |age: Option<u32>| Session { xmin_age: age, ..active(0, 0) };
    for ms in (0..=500).step_by(100) {
        fold.sample(ms, vec![keeps(Some(7))], None);
    }
    // A younger snapshot, then none.
    for ms in (600..=800).step_by(100) {
        fold.sample(ms, vec![keeps(Some(3))], None);
    }
    fold.sample(900, vec![keeps(None)], None);
    fold.sample(2_000, vec![keeps(None)], None);
    let open = &fold.view.open[0];
    assert_eq!((open.xmin_age, open.keeps_back), (7, None));
    assert!(close(open.kept_back_seconds, 0.5), "{open:?}");
    fold.sample(2_100, vec![keeps(Some(9))], None);
    assert_eq!(fold.view.open[0].keeps_back, Some(9));
}

#[test]
fn the_next_transaction_of_a_session_ends_the_one_before() {
    let mut fold = Fold::new();
    for ms in (0..=1_200).step_by(100) {
        fold.sample(ms, vec![active(0, 0)], None);
    }
    fold.sample(1_300, vec![active(1_260, 1_260)], None);
    assert!(close(slow(&fold)[0].seconds, 1.23), "{:?}", slow(&fold));
}

#[test]
fn who_waited_and_who_made_others_wait_is_told() {
    let mut fold = Fold::new();
    for ms in (0..=2_000).step_by(100) {
        let looked = Some(vec![wait(2, &[1], Some(0)), wait(3, &[1], Some(0))]);
        fold.sample(ms, vec![idle(1, 0, 0), waiter(2, 0), waiter(3, 0)], looked);
    }
    fold.sample(2_100, vec![], None);
    let told = slow(&fold);
    let of = |pid: i32| {
        let wanted = format!("\"pid\":{pid},");
        told.iter().find(|t| serde_json::to_string(t).unwrap().contains(&wanted)).unwrap()
    };
    assert!(close(of(2).waited_seconds, 2.05), "{:?}", of(2));
    assert_eq!((of(1).victims, of(2).victims), (2, 0));
    assert!(close(of(1).blocked_others_seconds, 4.1), "{:?}", of(1));
}

#[test]
fn vacuum_and_workers_have_no_transactions_of_their_own() {
    let mut fold = Fold::new();
    let others = || {
        [Backend::Autovacuum, Backend::ParallelWorker, Backend::Replication]
            .map(|backend| Session { backend, ..session(backend as i32, 0) })
    };
    for ms in [0, 1_000, 2_000] {
        fold.sample(ms, others().into(), None);
    }
    fold.sample(3_000, vec![], None);
    assert!(slow(&fold).is_empty());
}

#[test]
fn a_pause_of_the_agent_ends_nothing_that_goes_on() {
    let mut fold = Fold::new();
    fold.sample(0, vec![active(0, 0)], None);
    fold.sample(60_000, vec![active(0, 0)], None);
    fold.sample(60_100, vec![], None);
    assert!(close(slow(&fold)[0].seconds, 60.05));
    assert_eq!(fold.view.unseen, Duration::from_secs(58));
}

#[test]
fn no_more_than_twenty_statements_are_told_apart_and_no_time_is_lost() {
    let mut fold = Fold::new();
    fold.sample(0, vec![active(0, 0)], None);
    for step in 1..=40 {
        let ms = step * 100;
        let text = format!("select {} from t{step}", "a, ".repeat(10));
        fold.sample(ms, vec![Session { query: Some(text), ..active(0, ms - 100) }], None);
    }
    fold.sample(4_100, vec![], None);
    let told = slow(&fold)[0];
    assert!(told.statements.len() <= 20);
    let told_apart: f64 = told.statements.iter().map(|part| part.seconds).sum();
    assert!(close(told_apart + told.other_statements_seconds, 4.0), "{told:?}");
}

#[test]
fn one_that_has_failed_lasts_until_its_rollback() {
    let failed = |since| Session {
        state: State::Aborted,
        state_change: Some(clock(since)),
        // PostgreSQL says no more when it began.
        xact_start: None,
        ..active(0, 300)
    };
    for first_seen in [0, 400] {
        let mut fold = Fold::new();
        for ms in (first_seen..=1_900).step_by(100) {
            let row = if ms < 400 { active(0, 300) } else { failed(350) };
            fold.sample(ms, vec![row], None);
        }
        fold.sample(2_000, vec![], None);
        let told = slow(&fold)[0];
        let begun = if first_seen == 0 { 0.0 } else { 0.3 };
        assert!(close(told.seconds, 1.95 - begun), "{told:?}");
        assert!(close(told.idle_seconds, 1.55), "{told:?}");
        assert_eq!(told.state, "idle in transaction (aborted)");
    }
}

#[test]
fn the_next_transaction_of_a_root_is_not_blamed_for_the_wait_that_has_ended() {
    let mut fold = Fold::new();
    for ms in (0..=1_500).step_by(100) {
        let looked = Some(vec![wait(2, &[1], Some(0))]);
        fold.sample(ms, vec![resting(0, 0, 10), waiter(2, 0)], looked);
    }
    for ms in (1_600..=3_000).step_by(100) {
        fold.sample(ms, vec![resting(1_560, 1_560, 1_570), idle(2, 1_560, 1_570)], None);
    }
    fold.sample(3_100, vec![], None);
    let told = slow(&fold);
    let of = |pid| told.iter().filter(move |t| t.party.pid == Some(pid)).collect::<Vec<_>>();
    let blamed: Vec<(f64, usize)> =
        of(1).iter().map(|t| (t.blocked_others_seconds, t.victims)).collect();
    assert_eq!(blamed, [(1.55, 1), (0.0, 0)]);
    let waited: Vec<f64> = of(2).iter().map(|t| t.waited_seconds).collect();
    assert_eq!(waited, [1.55, 0.0]);
}

#[test]
fn a_victim_that_is_slow_to_wake_up_is_not_laid_at_the_next_transaction_of_its_root() {
    let mut fold = Fold::new();
    for ms in (0..=1_500).step_by(100) {
        let looked = Some(vec![wait(2, &[1], Some(0))]);
        fold.sample(ms, vec![resting(0, 0, 10), waiter(2, 0)], looked);
    }
    // Still shown as waiting, and there was no time to look whom for.
    for ms in [1_600, 1_700] {
        fold.sample(ms, vec![resting(1_560, 1_560, 1_570), waiter(2, 0)], None);
    }
    for ms in (1_800..=3_000).step_by(100) {
        fold.sample(ms, vec![resting(1_560, 1_560, 1_570), idle(2, 1_560, 1_570)], None);
    }
    fold.sample(3_100, vec![], None);
    let of_root = slow(&fold).into_iter().filter(|t| t.party.pid == Some(1));
    let victims: Vec<usize> = of_root.map(|t| t.victims).collect();
    assert_eq!(victims, [1, 0]);
}
