//! What sessions do, told as metrics.

use std::collections::BTreeMap;

use crate::sample::activity::{Session, State};
use crate::track::recorded::{Fold, clock, idle, session, wait, waiter};
use crate::track::reports::Report;

fn active(fold: &Fold) -> BTreeMap<String, u128> {
    let of = fold.view.active.iter().map(|(key, time)| {
        let name = format!("{} {} {}", key.application, key.wait_event_type, key.wait_event);
        (name, time.as_millis())
    });
    of.collect()
}

#[test]
fn each_sample_stands_for_the_time_since_the_one_before() {
    let mut fold = Fold::new();
    let reading = || Session {
        wait: Some(("IO".into(), "DataFileRead".into())),
        application_name: "Metabase".into(),
        ..session(2, 0)
    };
    fold.sample(0, vec![session(1, 0)], None);
    fold.sample(100, vec![session(1, 0), reading()], None);
    fold.sample(250, vec![reading(), idle(3, 0, 0)], None);
    let expected = [("metabase IO DataFileRead".to_owned(), 250), ("psql CPU CPU".to_owned(), 100)];
    assert_eq!(active(&fold), expected.into());
    let idle: Vec<u128> =
        fold.view.idle_in_transaction.iter().map(|(_, time)| time.as_millis()).collect();
    assert_eq!(idle, [150]);
}

#[test]
fn the_oldest_transactions_are_told_by_what_they_do() {
    let mut fold = Fold::new();
    fold.sample(5_000, vec![session(1, 1_000), idle(2, 2_000, 4_000), session(3, 4_000)], None);
    let oldest: BTreeMap<&str, u128> = fold
        .view
        .oldest_transaction
        .iter()
        .map(|(key, age)| (key.state, age.as_millis()))
        .collect();
    assert_eq!(oldest, BTreeMap::from([("active", 4_000), ("idle in transaction", 3_000)]));
    let pauses: Vec<_> = fold.view.oldest_idle.iter().map(|(_, of)| of.as_millis()).collect();
    assert_eq!(pauses, [1_000], "a pause is as old as the last statement's end");
}

#[test]
fn a_session_may_take_another_name_and_any_name_is_a_label_of_the_few() {
    let mut fold = Fold::new();
    let named = |name: &str| Session { application_name: name.into(), ..session(1, 0) };
    fold.sample(0, vec![named("psql")], None);
    fold.sample(100, vec![named("Metabase")], None);
    for (step, name) in (2..).zip(["\u{1b}[2J", "nobody-knows", "\u{fffd}\u{0}x"]) {
        fold.sample(step * 100, vec![named(name)], None);
    }
    let labels = active(&fold).into_keys().collect::<Vec<_>>();
    assert_eq!(labels, ["metabase CPU CPU", "other CPU CPU", "psql CPU CPU"]);
}

#[test]
fn an_incident_is_told_when_it_is_one_and_when_it_is_over() {
    let mut fold = Fold::new();
    for step in 0..=120 {
        let ms = step * 100;
        let looked = Some(vec![wait(2, &[1], Some(0))]);
        fold.sample(ms, vec![idle(1, 0, 0), waiter(2, 0)], looked);
    }
    let phases = |fold: &Fold| -> Vec<(&'static str, String)> {
        let incidents = fold.reports.iter().filter_map(|report| match report {
            Report::LockIncident(i) => Some((i.phase, format!("{:.1}", i.seconds))),
            _ => None,
        });
        incidents.collect()
    };
    assert_eq!(phases(&fold), [("open", "10.0".into())]);
    // A moment without a victim does not end it.
    fold.sample(12_100, vec![idle(1, 0, 0)], None);
    fold.sample(12_200, vec![idle(1, 0, 0), waiter(3, 12_150)], Some(vec![wait(3, &[1], None)]));
    for step in 123..140 {
        fold.sample(step * 100, vec![idle(1, 0, 0)], None);
    }
    assert_eq!(phases(&fold), [("open", "10.0".into()), ("ended", "12.2".into())]);
}

#[test]
fn a_hundred_thousand_applications_make_no_more_series_than_allowed() {
    let mut fold = Fold::new();
    for step in 0..2_000_u64 {
        let event = format!("Extension{step}");
        let odd = Session { wait: Some(("Extension".into(), event)), ..session(1, 0) };
        fold.sample(step * 100, vec![odd], None);
    }
    assert!(fold.view.active.len() <= 1_001, "{}", fold.view.active.len());
    let all: u128 = fold.view.active.iter().map(|(_, time)| time.as_millis()).sum();
    assert_eq!(all, 199_900, "and nothing is lost");
}

#[test]
fn a_statement_is_known_by_its_queryid_when_its_text_came_earlier() {
    let mut fold = Fold::new();
    let of = |pid, query: Option<&str>| Session {
        queryid: Some(7),
        query: query.map(str::to_owned),
        query_start: Some(clock(u64::try_from(pid).unwrap())),
        ..session(pid, 0)
    };
    fold.sample(0, vec![of(1, Some("select * from sale_order"))], None);
    fold.sample(100, vec![of(2, None)], None);
    let modules: Vec<&str> = fold.view.active.iter().map(|(key, _)| &*key.module).collect();
    assert_eq!(modules, ["sales"]);
}

#[test]
fn what_is_hidden_is_no_time_of_anybody() {
    let mut fold = Fold::new();
    let hidden = || Session { state: State::Hidden, xact_start: None, ..session(1, 0) };
    fold.sample(0, vec![hidden()], None);
    fold.sample(100, vec![hidden()], None);
    assert!(active(&fold).is_empty());
}
