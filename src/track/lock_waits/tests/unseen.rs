//! Waits whose sessions do not show them for a moment.

use super::{close, waits};
use crate::sample::activity::Session;
use crate::track::recorded::{Fold, idle, session, wait, waiter};

/// A process that looks for a deadlock shows no wait for a lock meanwhile.
#[test]
fn a_wait_goes_on_while_its_process_looks_for_a_deadlock() {
    let locks = || Some(("LWLock".to_owned(), "LockManager".to_owned()));
    let looking = || [session(2, 0), Session { wait: locks(), ..session(2, 0) }];
    for (row, looked) in looking().into_iter().flat_map(|row| [(row.clone(), true), (row, false)]) {
        let mut fold = Fold::new();
        let others = || vec![session(1, 0), waiter(3, 0)];
        let all = |row| [others(), vec![row]].concat();
        let both = || Some(vec![wait(2, &[1], Some(0)), wait(3, &[1], Some(0))]);
        fold.sample(0, all(waiter(2, 0)), both());
        fold.sample(1_000, all(waiter(2, 0)), both());
        fold.sample(1_100, all(row), if looked { both() } else { None });
        assert_eq!(fold.view.waiters["erp"].count, 2, "{looked}");
        fold.sample(1_200, all(waiter(2, 0)), None);
        fold.sample(1_300, all(waiter(2, 0)), both());
        fold.sample(1_400, others(), Some(vec![wait(3, &[1], Some(0))]));
        let told = waits(&fold);
        assert_eq!(told.len(), 1, "{looked}: {told:?}");
        assert!(close(told[0].seconds, 1.35), "{looked}: {told:?}");
        assert!(close(fold.blocked().into_values().sum(), 1.35 + 1.4));
    }
}

/// What waits no more ended when it was last not seen, whenever somebody looks; and what it waits
/// for then is another wait.
#[test]
fn a_wait_that_was_lost_ended_then_unless_a_look_finds_it_again() {
    for again in [false, true] {
        let mut fold = Fold::new();
        let all = |row| vec![session(1, 0), waiter(3, 0), row];
        let third = || wait(3, &[1], Some(0));
        fold.sample(0, all(waiter(2, 0)), Some(vec![wait(2, &[1], Some(0)), third()]));
        fold.sample(100, all(waiter(2, 0)), Some(vec![wait(2, &[1], Some(0)), third()]));
        fold.sample(200, all(session(2, 0)), None);
        fold.sample(300, all(session(2, 0)), None);
        assert_eq!(waits(&fold).len(), 0, "nobody has looked");
        let (row, next) = if again {
            (waiter(2, 0), vec![wait(2, &[1], Some(350)), third()])
        } else {
            (session(2, 0), vec![third()])
        };
        fold.sample(400, all(row), Some(next));
        assert!(close(waits(&fold)[0].seconds, 0.15), "{again}: {:?}", waits(&fold));
        fold.sample(500, vec![session(1, 0), waiter(3, 0)], Some(vec![third()]));
        let seconds: Vec<f64> = waits(&fold).iter().map(|wait| wait.seconds).collect();
        assert_eq!(seconds.len(), 1 + usize::from(again));
        assert!(!again || close(seconds[1], 0.1), "{seconds:?}");
    }
}

/// Looks are seldom when there are many: until then what is shown again is the same wait, and what is not is over after a second.
#[test]
fn without_a_look_a_wait_that_is_shown_again_goes_on_and_one_that_is_not_is_over_soon() {
    let mut fold = Fold::new();
    let all = |row| vec![session(1, 0), waiter(3, 0), row];
    let both = || Some(vec![wait(2, &[1], Some(0)), wait(3, &[1], Some(0))]);
    fold.sample(0, all(waiter(2, 0)), both());
    fold.sample(100, all(waiter(2, 0)), both());
    fold.sample(200, all(session(2, 0)), None);
    for ms in (300..=4_000).step_by(100) {
        fold.sample(ms, all(waiter(2, 0)), None);
    }
    for ms in (4_100..=5_000).step_by(100) {
        fold.sample(ms, all(session(2, 0)), None);
        assert_eq!(waits(&fold).len(), 0, "{ms}");
    }
    for ms in [5_100, 5_200] {
        fold.sample(ms, all(session(2, 0)), None);
    }
    let told = waits(&fold);
    assert_eq!(told.len(), 1);
    assert!(close(told[0].seconds, 4.05), "{told:?}");
    assert!(close(fold.blocked().into_values().sum(), 4.05 + 5.2));
    assert_eq!(fold.view.waiters["erp"].count, 1);
}

#[test]
fn a_wait_that_nobody_looked_at_is_not_the_next_one_of_its_statement() {
    let mut fold = Fold::new();
    let all = |row| vec![session(1, 0), waiter(3, 0), row];
    let third = || wait(3, &[1], Some(0));
    fold.sample(0, all(session(2, 0)), Some(vec![third()]));
    fold.sample(100, all(waiter(2, 0)), None);
    fold.sample(200, all(waiter(2, 0)), None);
    fold.sample(300, all(session(2, 0)), None);
    fold.sample(600, all(waiter(2, 0)), Some(vec![wait(2, &[1], Some(520)), third()]));
    fold.sample(700, all(waiter(2, 0)), None);
    fold.sample(800, vec![session(1, 0), waiter(3, 0)], Some(vec![third()]));
    let seconds: Vec<f64> = waits(&fold).iter().map(|wait| wait.seconds).collect();
    assert!(close(seconds[0], 0.2) && close(seconds[1], 0.23), "{seconds:?}");
}

/// A session that begins a statement and waits while the sample is taken is shown with the statement before.
#[test]
fn a_wait_that_is_shown_with_the_statement_before_is_one_wait_of_its_own_statement() {
    let named = |text: &str, row| Session { query: Some(text.into()), ..row };
    for before in [idle(2, 0, 80), waiter(2, 10)] {
        let before = Session { wait: waiter(2, 0).wait, ..named("select before", before) };
        let mut fold = Fold::new();
        let all = |row: &Session| vec![session(1, 0), row.clone()];
        let looked = || Some(vec![wait(2, &[1], Some(95))]);
        let now = named("update after", waiter(2, 90));
        fold.sample(0, all(&session(2, 10)), None);
        fold.sample(100, all(&before), looked());
        fold.sample(200, all(&now), looked());
        fold.sample(300, vec![session(1, 0)], None);
        let told = waits(&fold);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(close(told[0].seconds, 0.155), "{told:?}");
        assert_eq!(told[0].waiter.as_ref().unwrap().query.as_deref(), Some("update after"));
    }
}
