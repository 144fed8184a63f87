//! Waits made by hand, and random histories.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::prelude::*;

use crate::sample::activity::{Backend, Session, State, Wait};
use crate::track::lock_waits::LockWaits;
use crate::track::recorded::{Fold, clock, idle, session, wait, waiter};
use crate::track::reports::{LockWait, Report};

mod unseen;

fn waits(fold: &Fold) -> Vec<&LockWait> {
    let waits = fold.reports.iter().filter_map(|report| match report {
        Report::LockWait(wait) => Some(wait),
        _ => None,
    });
    waits.collect()
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-3
}

fn named(name: &str, session: Session) -> Session {
    Session { application_name: name.into(), ..session }
}

#[test]
fn a_wait_begins_at_its_waitstart_and_ends_halfway_between_two_samples() {
    let mut fold = Fold::new();
    fold.name_relation("stock_quant");
    let root = || named("Metabase", idle(1, 0, 50));
    fold.sample(100, vec![root()], None);
    fold.sample(200, vec![root(), waiter(2, 130)], Some(vec![wait(2, &[1], Some(140))]));
    assert_eq!((fold.view.tree.victims, fold.view.tree.depth), (1, 1));
    assert!(close(fold.blocked()[&("metabase".into(), "idle in transaction")], 0.06));
    fold.sample(300, vec![root(), waiter(2, 130)], Some(vec![wait(2, &[1], Some(140))]));
    fold.sample(400, vec![session(2, 130)], None);
    let told = waits(&fold);
    assert_eq!(told.len(), 1);
    assert!(close(told[0].seconds, 0.21), "{told:?}");
    assert_eq!((&*told[0].module, &*told[0].object), ("inventory", "a row of public.stock_quant"));
    assert_eq!(told[0].roots.len(), 1);
    assert!(close(fold.blocked()[&("metabase".into(), "idle in transaction")], 0.21));
    assert_eq!(fold.view.lock_waits.iter().map(|(_, count)| *count).sum::<u64>(), 1);
    assert_eq!(fold.view.tree.victims, 0);
}

#[test]
fn a_wait_that_ended_while_the_agent_did_not_look_is_not_made_as_long_as_that() {
    let mut fold = Fold::new();
    let both = || vec![idle(1, 0, 0), waiter(2, 10)];
    for ms in [100, 200, 300] {
        fold.sample(ms, both(), Some(vec![wait(2, &[1], Some(10))]));
    }
    fold.sample(3_600_000, vec![], None);
    let told = waits(&fold)[0];
    assert!(told.seconds < 2.3, "{told:?}");
    assert!(told.error_seconds > 1_700.0, "and how wrong that may be is said: {told:?}");
    assert!(fold.blocked().into_values().sum::<f64>() < 2.3);
    assert!(fold.view.unseen.as_secs() >= 3_597);
}

#[test]
fn before_postgresql_14_a_wait_begins_halfway_too() {
    let mut fold = Fold::new();
    fold.sample(100, vec![idle(1, 0, 50)], None);
    fold.sample(200, vec![idle(1, 0, 50), waiter(2, 90)], Some(vec![wait(2, &[1], None)]));
    fold.sample(300, vec![session(2, 90)], None);
    assert!(close(waits(&fold)[0].seconds, 0.1), "{:?}", waits(&fold));
    assert!(close(waits(&fold)[0].error_seconds, 0.1));
}

#[test]
fn a_wait_that_was_there_before_the_agent_has_its_whole_length() {
    let mut fold = Fold::new();
    let both = || vec![idle(1, 0, 0), waiter(2, 10)];
    fold.sample(60_000, both(), Some(vec![wait(2, &[1], Some(1_000))]));
    assert_eq!(fold.view.tree.oldest_wait_seconds, Some(59.0));
    fold.sample(60_100, vec![], None);
    assert!(close(waits(&fold)[0].seconds, 59.05));
}

#[test]
fn blocked_time_goes_to_the_root_and_not_to_who_waits_itself() {
    let mut fold = Fold::new();
    let sessions = || vec![named("Metabase", idle(1, 0, 0)), waiter(2, 0), waiter(3, 0)];
    let looked = || Some(vec![wait(2, &[1], Some(0)), wait(3, &[2], Some(0))]);
    fold.sample(0, sessions(), looked());
    fold.sample(1_000, sessions(), looked());
    assert_eq!(fold.blocked().into_keys().map(|(app, _)| app).collect::<Vec<_>>(), ["metabase"]);
    assert!(close(fold.blocked().into_values().sum(), 2.0));
    assert_eq!(fold.view.tree.depth, 2);
    assert_eq!(fold.view.waiters["erp"].count, 2);
    let now: Vec<_> = fold.view.blocked_now.iter().collect();
    let [(key, of)] = now[..] else { panic!("one root, one module: {now:?}") };
    assert_eq!((&*key.root_application, key.root_state), ("metabase", "idle in transaction"));
    assert_eq!((of.count, of.oldest.as_secs()), (2, 1), "who waits for a waiter is counted, too");
    let since: Vec<_> = fold.view.root_since.iter().map(|(_, of)| of.as_secs()).collect();
    assert_eq!(since, [1]);
}

#[test]
fn when_the_root_changes_each_answers_for_its_own_time() {
    let mut fold = Fold::new();
    let (a, b) = (|| named("psql", session(1, 0)), || named("Metabase", session(2, 0)));
    let third = || waiter(3, 0);
    fold.sample(0, vec![a(), b(), third()], Some(vec![wait(3, &[1], Some(0))]));
    fold.sample(1_000, vec![a(), b(), third()], Some(vec![wait(3, &[1], Some(0))]));
    fold.sample(1_500, vec![b(), third()], Some(vec![wait(3, &[2], Some(0))]));
    fold.sample(1_600, vec![b()], None);
    let blocked = fold.blocked();
    assert!(close(blocked[&("psql".into(), "active")], 1.0), "{blocked:?}");
    assert!(close(blocked[&("metabase".into(), "active")], 0.55), "{blocked:?}");
    let told = waits(&fold);
    let roots: Vec<String> = told[0].roots.iter().map(|r| format!("{:.2}", r.seconds)).collect();
    assert_eq!(roots, ["1.00", "0.55"], "the one that blocked longest comes first");
}

#[test]
fn a_second_wait_of_the_same_statement_is_told_apart_by_its_waitstart() {
    let mut fold = Fold::new();
    let sessions = || vec![session(1, 0), waiter(2, 0)];
    fold.sample(0, sessions(), Some(vec![wait(2, &[1], Some(0))]));
    fold.sample(100, sessions(), Some(vec![wait(2, &[1], Some(0))]));
    fold.sample(200, sessions(), Some(vec![wait(2, &[1], Some(160))]));
    fold.sample(300, vec![], None);
    let seconds: Vec<f64> = waits(&fold).iter().map(|wait| wait.seconds).collect();
    assert!(close(seconds[0], 0.16) && close(seconds[1], 0.1), "{seconds:?}");
}

#[test]
fn a_wait_that_nobody_could_look_at_is_charged_to_unknown_in_the_end() {
    let mut fold = Fold::new();
    fold.sample(0, vec![session(1, 0)], None);
    fold.sample(100, vec![session(1, 0), waiter(2, 0)], None);
    assert!(fold.blocked().is_empty(), "not guessed while it can still be found");
    fold.sample(200, vec![session(1, 0)], None);
    assert!(close(fold.blocked()[&("unknown".into(), "unknown")], 0.1));
}

#[test]
fn who_has_ended_since_the_last_look_is_no_victim_any_more() {
    let mut fold = Fold::new();
    let root = || session(1, 0);
    let looked = [wait(2, &[1], Some(0)), wait(3, &[2], Some(0)), wait(4, &[1], Some(0))];
    fold.sample(0, vec![root(), waiter(2, 0), waiter(3, 0), waiter(4, 0)], Some(looked.into()));
    assert_eq!((fold.view.tree.victims, fold.view.tree.depth), (3, 2));
    // It was not looked again: the fourth is gone, and the third.
    fold.sample(100, vec![root(), waiter(2, 0)], None);
    assert_eq!((fold.view.tree.victims, fold.view.tree.depth), (1, 1));
    assert_eq!(fold.view.waiters["erp"].count, 1);
}

#[test]
fn a_pid_that_was_given_to_another_process_is_another_waiter() {
    let mut fold = Fold::new();
    let other = || Session { backend_start: Some(clock(150)), ..waiter(2, 160) };
    fold.sample(0, vec![session(1, 0), waiter(2, 0)], Some(vec![wait(2, &[1], Some(0))]));
    fold.sample(100, vec![session(1, 0), waiter(2, 0)], Some(vec![wait(2, &[1], Some(0))]));
    fold.sample(200, vec![session(1, 0), other()], Some(vec![wait(2, &[1], Some(170))]));
    fold.sample(300, vec![], None);
    let seconds: Vec<f64> = waits(&fold).iter().map(|wait| wait.seconds).collect();
    assert!(close(seconds[0], 0.15) && close(seconds[1], 0.1), "{seconds:?}");
}

#[test]
fn a_parallel_worker_waits_for_its_leader_and_counts_once() {
    let mut fold = Fold::new();
    let worker =
        |pid| Session { leader: Some(2), backend: Backend::ParallelWorker, ..waiter(pid, 0) };
    let sessions = || vec![session(1, 0), waiter(2, 0), worker(3), worker(4)];
    let looked = || Some([2, 3, 4].map(|pid| wait(pid, &[1], Some(0))).into());
    fold.sample(0, sessions(), looked());
    fold.sample(1_000, sessions(), looked());
    assert_eq!(fold.view.tree.victims, 1);
    assert!(close(fold.blocked().into_values().sum(), 1.0));
}

#[test]
fn vacuum_replication_and_prepared_transactions_are_roots_by_their_kind() {
    for (backend, state) in
        [(Backend::Autovacuum, "autovacuum"), (Backend::Replication, "replication")]
    {
        let mut fold = Fold::new();
        let root = || Session { backend, ..session(1, 0) };
        for ms in [0, 1_000] {
            fold.sample(ms, vec![root(), waiter(2, 0)], Some(vec![wait(2, &[1], Some(0))]));
        }
        assert_eq!(fold.blocked().into_keys().collect::<Vec<_>>(), [(state.to_owned(), state)]);
    }
    let mut fold = Fold::new();
    // A look is left out when the budget does not allow it.
    for looked in [Some(vec![wait(2, &[0], Some(0))]), None] {
        fold.sample(if looked.is_some() { 0 } else { 1_000 }, vec![waiter(2, 0)], looked);
        let root = &fold.view.tree.roots[0];
        assert_eq!((root.pid, root.state), (None, "prepared transaction"));
        assert_eq!(root.remedy, ["rollback prepared 'it''s open';"]);
    }
    assert!(close(fold.blocked()[&("other".into(), "prepared transaction")], 1.0));
}

#[test]
fn in_a_circle_everyone_is_charged_once() {
    let mut fold = Fold::new();
    let looked = || Some(vec![wait(1, &[2], Some(0)), wait(2, &[1], Some(0))]);
    fold.sample(0, vec![waiter(1, 0), waiter(2, 0)], looked());
    fold.sample(1_000, vec![waiter(1, 0), waiter(2, 0)], looked());
    assert!(fold.view.tree.roots[0].circle);
    assert!(close(fold.blocked()[&("psql".into(), "deadlock")], 2.0), "{:?}", fold.blocked());
}

#[test]
fn a_role_that_sees_no_waits_is_told_of_them_by_the_locks() {
    let mut fold = Fold::new();
    fold.sighted = false;
    let hidden = |pid| Session { state: State::Hidden, wait: None, query: None, ..session(pid, 0) };
    fold.sample(0, vec![], Some(vec![wait(2, &[1], Some(0))]));
    let both = || vec![hidden(1), hidden(2)];
    fold.sample(1_000, both(), Some(vec![wait(2, &[1], Some(0))]));
    fold.sample(1_500, both(), None);
    assert_eq!(fold.view.tree.victims, 1, "nothing is known of this moment: it goes on");
    fold.sample(2_000, both(), Some(vec![]));
    assert!(close(fold.blocked()[&("psql".into(), "hidden")], 1.5), "{:?}", fold.blocked());
}

#[test]
fn a_clock_that_jumps_changes_no_length() {
    let mut fold = Fold::new();
    let hour = 3_600_000;
    let looked = || Some(vec![wait(2, &[1], Some(0))]);
    fold.at(0, clock(0), vec![session(1, 0), waiter(2, 0)], looked());
    for elapsed in [100, 200, 300] {
        // The server's clock is put forward by an hour.
        fold.at(elapsed, clock(elapsed + hour), vec![session(1, 0), waiter(2, 0)], looked());
    }
    fold.at(400, clock(400 + hour), vec![], None);
    assert!(close(waits(&fold)[0].seconds, 0.35), "{:?}", waits(&fold));
}

#[test]
fn a_thousand_victims_are_counted_and_the_first_hundred_drawn() {
    let mut fold = Fold::new();
    let all = || std::iter::once(session(1, 0)).chain((2..1_002).map(|pid| waiter(pid, 0)));
    let looked = || Some((2..1_002).map(|pid| wait(pid, &[1], Some(0))).collect());
    fold.sample(0, all().collect(), looked());
    assert_eq!((fold.view.tree.victims, fold.view.tree.roots[0].victims.len()), (1_000, 1_000));
    let Some(Report::LockIncident(incident)) = fold.reports.first() else { panic!() };
    assert_eq!((incident.most_victims, incident.tree.victims.len()), (1_000, 100));
    assert_eq!((incident.phase, incident.tree.victim_count), ("open", 1_000));
    fold.sample(100, vec![], None);
    fold.sample(2_000, vec![], None);
    let Some(Report::LockIncident(incident)) = fold.reports.last() else { panic!() };
    assert_eq!(incident.phase, "ended");
    assert!(close(incident.blocked_seconds, 1_000.0 * 0.05));
}

/// One moment of a random history: who is there, who waits for whom since when.
#[derive(Clone, Debug)]
struct Scene {
    gap: u64,
    waits: BTreeMap<i32, (Vec<i32>, u64)>,
    looked: bool,
}

fn scene() -> impl Strategy<Value = Scene> {
    let wait = (prop::collection::vec(0..12_i32, 0..3), 0..400_u64);
    let waits = prop::collection::btree_map(1..12_i32, wait, 0..10);
    (50..500_u64, waits, prop::bool::weighted(0.8)).prop_map(|(gap, waits, looked)| Scene {
        gap,
        waits,
        looked,
    })
}

fn play(scene: &Scene, ms: u64) -> (Vec<Session>, Option<Vec<Wait>>) {
    let sessions = (1..12).map(|pid| match scene.waits.get(&pid) {
        Some(_) => waiter(pid, 0),
        None => session(pid, 0),
    });
    let waits = scene.waits.iter().map(|(pid, (blockers, age))| {
        wait(*pid, blockers, (*age < 350).then(|| ms.saturating_sub(*age)))
    });
    (sessions.collect(), scene.looked.then(|| waits.collect()))
}

fn charged(locks: &LockWaits) -> Duration {
    locks.blocked().iter().map(|(_, time)| *time).sum()
}

proptest! {
    /// Whatever waits for whatever: each waiter has at most one charge a sample and one at its
    /// end, none longer than the time that has passed, and all charges together are the episodes.
    #[test]
    fn blocked_time_is_the_sum_of_the_episodes(
        scenes in prop::collection::vec(scene(), 1..40),
    ) {
        let mut fold = Fold::new();
        let mut ms = 10_000;
        fold.sample(ms, vec![], None);
        for scene in &scenes {
            ms += scene.gap;
            let (sessions, waits) = play(scene, ms);
            fold.sample(ms, sessions, waits);
            let tree = &fold.view.tree;
            let mut pids = BTreeSet::new();
            let mut below: Vec<_> = tree.roots.iter().collect();
            while let Some(node) = below.pop() {
                prop_assert!(pids.insert(node.pid), "{:?} twice", node.pid);
                below.extend(&node.victims);
            }
        }
        // Everyone stops waiting.
        fold.sample(ms + 100, vec![], None);
        let told: f64 = waits(&fold).iter().map(|wait| wait.seconds).sum();
        let blocked = charged(fold.activity.locks()).as_secs_f64();
        prop_assert!((told - blocked).abs() < 2e-3 * (1 + fold.reports.len()) as f64, "{} {}", told, blocked);
        let length: f64 = fold.view.lock_seconds.iter().map(|(_, h)| h.sum_seconds()).sum();
        prop_assert!((length - blocked).abs() < 1e-6, "{} {}", length, blocked);
        let roots: f64 = waits(&fold)
            .iter()
            .flat_map(|wait| wait.roots.iter().map(|root| root.seconds))
            .sum();
        prop_assert!((roots - blocked).abs() < 1e-2 * (1 + fold.reports.len()) as f64);
        let passed = (ms + 100 - 10_000) as f64 * 1e-3;
        prop_assert!(blocked <= 11.0 * passed + 1e-6, "{} in {}", blocked, passed);
        let count: u64 = fold.view.lock_waits.iter().map(|(_, count)| *count).sum();
        prop_assert_eq!(count, waits(&fold).len() as u64);
    }
}

#[test]
fn workers_that_wait_in_turn_with_their_leader_are_one_wait() {
    let mut fold = Fold::new();
    let helper = |pid| Session {
        backend: Backend::ParallelWorker,
        leader: Some(2),
        xact_start: None,
        ..waiter(pid, 0)
    };
    let all = || vec![session(1, 0), waiter(2, 0), helper(3), helper(4)];
    let of = |pid, since| wait(pid, &[1], Some(since));
    fold.sample(100, all(), Some(vec![of(2, 10)]));
    fold.sample(200, all(), Some(vec![of(2, 10), of(3, 110), of(4, 120)]));
    fold.sample(300, all(), Some(vec![of(4, 120), of(3, 110)]));
    fold.sample(400, all(), Some(vec![of(4, 120)]));
    fold.sample(500, vec![session(1, 0)], None);
    let told = waits(&fold);
    assert_eq!(told.len(), 1, "{told:#?}");
    assert!(close(told[0].seconds, 0.44), "{told:#?}");
    assert!(close(fold.blocked().into_values().sum(), 0.44));
}

#[test]
fn the_sum_of_many_waits_is_right_also_of_those_shorter_than_an_interval() {
    for length in [10, 50, 90, 100, 230, 270] {
        let mut told = 0.0;
        for offset in (1..100).step_by(2) {
            let (begun, ended) = (1_000 + offset, 1_000 + offset + length);
            let mut fold = Fold::new();
            for ms in (900..=1_600).step_by(100) {
                let waits_now = ms >= begun && ms < ended;
                let row = if waits_now { waiter(2, 0) } else { session(2, 0) };
                let looked = waits_now.then(|| vec![wait(2, &[1], Some(begun))]);
                fold.sample(ms, vec![session(1, 0), row], looked);
            }
            told += waits(&fold).iter().map(|wait| wait.seconds).sum::<f64>();
        }
        let mean = told / 50.0;
        assert!((mean * 1e3 - length as f64).abs() < 2.0, "{mean} s told of {length} ms");
    }
}
