//! Queues that wait, grow, fail and hang, and those that only look so.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::finding::tests::{Stage, at};
use crate::sample::queues::{MOST, Reading};
use crate::state::Snapshot;
use crate::track::findings::{Candidate, Severity};
use crate::track::queues::{Database, Queue, View};

fn queue(waiting: u64, oldest: f64, failed: u64) -> Reading {
    Reading {
        name: "jobs".into(),
        schema: "public".into(),
        table: "job_queue".into(),
        waiting,
        oldest_seconds: Some(oldest),
        tries: Some(1),
        running: Some(0),
        longest_seconds: None,
        failed: Some(failed),
        inserted: 500,
    }
}

fn queues(then: Reading, now: Reading) -> Vec<(Severity, String)> {
    let found = look(then, None, now).into_iter();
    found.map(|candidate| (candidate.severity, candidate.summary)).collect()
}

/// Since the server's statistics began 500 rows were inserted before the hour.
fn look(then: Reading, middle: Option<Reading>, now: Reading) -> Vec<Candidate> {
    let set = |snapshot: &mut Snapshot, now: Reading| {
        let arrived = now.inserted - 500;
        let queues = vec![Queue { now, module: "jobs".into(), arrived }];
        let database = Database { at: at(0), queues, unread: Vec::new() };
        let databases = BTreeMap::from([("erp".into(), database)]);
        snapshot.servers[0].queues = Arc::new(View { databases, skipped: 0 });
    };
    let mut stage = Stage::new();
    stage.middle = middle.map(|middle| {
        let mut snapshot = stage.before.clone();
        set(&mut snapshot, middle);
        snapshot
    });
    set(&mut stage.before, then);
    set(&mut stage.now, now);
    stage.look("queues")
}

/// So many waited at the begin, in the middle and at the end of an hour in which so many came.
fn over_an_hour(waited: [u64; 3], came: u64) -> Vec<Candidate> {
    let [then, middle, now] = waited.map(|waiting| queue(waiting, 600.0, 0));
    look(then, Some(middle), Reading { inserted: 500 + came, ..now })
}

#[test]
fn a_queue_to_which_more_comes_than_is_done_is_told_with_when_that_ends_badly() {
    let found = over_an_hour([100, 160, 220], 320);
    assert_eq!((found.len(), found[0].severity), (1, Severity::Warning));
    assert_eq!(
        found[0].summary,
        "Queue jobs: it grows by 120 rows an hour: 7680 rows a day come, 4800 are done; who comes now \
         waits for 66 min"
    );
    let evidence = format!("{:?}", found[0].evidence);
    for key in ["come_per_day", "done_per_day", "grows_per_hour", "until_too_many_wait"] {
        assert!(evidence.contains(key), "{key} not in {evidence}");
    }
    let early = over_an_hour([0, 60, 120], 720);
    assert_eq!((early.len(), early[0].severity), (1, Severity::Info));
    assert!(early[0].summary.ends_with("who comes in 4.0 h waits for longer than 60 min"));
    let nothing_done = over_an_hour([0, 200, 400], 400);
    assert!(nothing_done[0].summary.ends_with("0 are done; in 11.5 h 5000 wait"));
}

#[test]
fn a_burst_that_is_being_worked_off_and_a_little_growth_are_not_told() {
    assert!(over_an_hour([0, 3_000, 2_000], 3_500).is_empty(), "it is being worked off");
    assert!(over_an_hour([0, 0, 3_000], 3_000).is_empty(), "it has just come");
    assert!(over_an_hour([0, 50, 99], 500).is_empty(), "few");
    assert!(over_an_hour([300, 300, 300], 5_000).is_empty(), "as fast as they come");
    let (then, now) = (queue(0, 600.0, 0), queue(500, 600.0, 0));
    assert!(look(then, None, now).is_empty(), "nobody knows the middle");
    assert!(over_an_hour([MOST, MOST, MOST], 9_000).is_empty(), "its length is not known");
}

#[test]
fn a_queue_that_has_grown_to_as_many_rows_as_are_counted_is_told_and_a_burst_is_not() {
    for waited in [[9_900, 9_960, MOST], [9_900, MOST, MOST], [0, 5_000, MOST]] {
        let found = over_an_hour(waited, 9_000);
        assert_eq!((found.len(), found[0].severity), (1, Severity::Warning), "{waited:?}");
        assert_eq!(
            found[0].summary,
            "Queue jobs: it has grown: at least 10000 rows wait, more are not counted"
        );
    }
    assert!(over_an_hour([0, 0, MOST], 20_000).is_empty(), "it has just come");
    assert!(over_an_hour([MOST, MOST, 9_000], 100).is_empty(), "it gets shorter");
    assert_eq!(MOST, 10_000, "the config takes no `depth` above it");
}

#[test]
fn of_a_queue_with_failures_that_gets_shorter_it_is_told_when_it_is_empty() {
    let found = look(queue(300, 600.0, 0), None, queue(100, 600.0, 20));
    assert_eq!(found.len(), 1);
    let facts = found[0].evidence.iter();
    let empty: Vec<String> = facts
        .filter(|fact| fact.key == "until_it_is_empty")
        .map(|fact| fact.value.to_string())
        .collect();
    assert_eq!(empty, ["30 min"]);
}

#[test]
fn a_queue_is_told_while_it_becomes_no_shorter_and_not_while_it_is_worked_off() {
    let stuck = queues(queue(50, 3_700.0, 0), queue(50, 7_300.0, 0));
    assert_eq!(stuck.len(), 1);
    assert_eq!(stuck[0].0, Severity::Warning);
    assert!(stuck[0].1.contains("50 rows wait, the oldest for 2.0 h"), "{}", stuck[0].1);
    assert!(queues(queue(50, 3_700.0, 0), queue(49, 7_300.0, 0)).is_empty(), "it gets shorter");
    assert!(queues(queue(50, 9_000.0, 0), queue(60, 7_300.0, 0)).is_empty(), "the oldest are done");
    assert!(queues(queue(50, 0.0, 0), queue(50, 3_500.0, 0)).is_empty(), "it is young");
    let long = queues(queue(MOST, 3_700.0, 0), queue(MOST, 7_300.0, 0));
    assert!(long[0].1.contains("at least 10000 rows wait"), "{}", long[0].1);
}

#[test]
fn rows_that_fail_are_tried_for_ever_or_run_for_hours_are_told() {
    let none = queue(0, 0.0, 0);
    let failing = queues(queue(0, 0.0, 5), queue(0, 0.0, 15));
    assert_eq!((failing.len(), failing[0].0), (1, Severity::Warning));
    assert!(queues(queue(0, 0.0, 6), queue(0, 0.0, 15)).is_empty());
    assert_eq!(queues(queue(0, 0.0, 100), queue(0, 0.0, 100))[0].0, Severity::Info);
    assert!(queues(queue(0, 0.0, 99), queue(0, 0.0, 99)).is_empty());
    let tried = |tries| queues(none.clone(), Reading { tries: Some(tries), ..none.clone() });
    assert_eq!((tried(9).len(), tried(10)[0].0), (0, Severity::Warning));
    let longest_seconds = |hours: f64| Some(hours * 3_600.0);
    let running = |hours| {
        let now = Reading { longest_seconds: longest_seconds(hours), ..none.clone() };
        queues(none.clone(), now)
    };
    assert_eq!((running(5.9).len(), running(6.1)[0].0), (0, Severity::Warning));
}
