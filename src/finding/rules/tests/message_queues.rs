//! Queues of brokers that nobody works on, and those that only look so.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::finding::tests::{Stage, at};
use crate::integration::meter::broker::{Broker, Depth, Expiry, Passed, Queue, Tally};
use crate::state::Snapshot;
use crate::track::findings::{Candidate, Severity};

/// Of a queue at one time: ready, unacknowledged, consumers, published, done.
type At = [u64; 5];

fn queue(name: &str, [ready, unacked, consumers, published, done]: At) -> Queue {
    Queue {
        vhost: "/".into(),
        name: name.into(),
        module: "sales".into(),
        integration: Some("webshop".into()),
        depth: Some(Depth { ready, unacked, consumers: Some(consumers) }),
        expiry: None,
        passed: Passed { published, done, ..Passed::default() },
    }
}

fn set(snapshot: &mut Snapshot, queues: Vec<Queue>, is_up: bool) {
    let broker = Broker {
        is_up,
        looks: 1,
        failures: BTreeMap::new(),
        failure: None,
        at: SystemTime::UNIX_EPOCH,
        took: Duration::ZERO,
        queues,
        there: 1,
        in_other: 0,
        unseen: 0,
        unmeasured: 0,
        streams: 0,
    };
    let brokers = BTreeMap::from([("mq".into(), Arc::new(broker))]);
    Arc::make_mut(&mut snapshot.intake).broker = Tally { brokers };
}

/// What is said of a queue that was so at the begin, in the middle and at the end of an hour.
fn told(times: [At; 3]) -> Vec<Candidate> {
    told_of(None, times)
}

/// The same of one whose messages are gone after some time.
fn told_of(expiry: Option<Expiry>, [then, middle, now]: [At; 3]) -> Vec<Candidate> {
    let mut stage = Stage::new();
    let mut between = stage.before.clone();
    let at = |at| vec![Queue { expiry, ..queue("orders", at) }];
    set(&mut stage.before, at(then), true);
    set(&mut between, at(middle), true);
    stage.middle = Some(between);
    set(&mut stage.now, at(now), true);
    stage.look("message_queues")
}

#[test]
fn messages_that_nobody_consumes_are_told_and_not_those_that_somebody_fetches() {
    let found = told([[3, 0, 0, 3, 0], [4, 0, 0, 4, 0], [5, 0, 0, 5, 0]]);
    assert_eq!((found.len(), found[0].severity), (1, Severity::Warning));
    assert_eq!(&*found[0].subject, "mq: orders in /");
    assert_eq!(found[0].summary, "Queue orders of mq: 5 messages wait and nobody consumes them");
    assert!(
        told([[3, 0, 0, 3, 0], [4, 0, 0, 4, 0], [5, 0, 0, 7, 2]]).is_empty(),
        "somebody fetches"
    );
    assert!(told([[3, 0, 0, 3, 0], [4, 0, 0, 4, 0], [5, 0, 1, 5, 0]]).is_empty(), "one has come");
    assert!(
        told([[3, 0, 0, 3, 0], [4, 0, 1, 4, 0], [5, 0, 0, 5, 0]]).is_empty(),
        "one has just gone"
    );
    assert!(told([[0, 0, 0, 0, 0], [0, 0, 0, 0, 0], [5, 0, 0, 5, 0]]).is_empty(), "they are new");
}

#[test]
fn messages_that_are_kept_and_never_acknowledged_are_told() {
    let found = told([[0, 4, 1, 9, 5], [0, 4, 1, 9, 5], [2, 6, 1, 13, 5]]);
    assert!(
        found[0].summary.contains("6 messages are handed out and none was acknowledged in 30 min")
    );
    assert!(told([[0, 4, 1, 9, 5], [0, 4, 1, 9, 5], [2, 6, 1, 14, 6]]).is_empty(), "one was");
    assert!(
        told([[0, 4, 1, 9, 5], [0, 0, 1, 9, 9], [0, 6, 1, 15, 9]]).is_empty(),
        "just handed out"
    );
}

#[test]
fn a_queue_to_which_more_comes_than_is_done_is_told_and_a_burst_is_not() {
    let grows = told([[0, 5, 2, 0, 0], [600, 5, 2, 800, 200], [1_200, 5, 2, 1_700, 500]]);
    assert_eq!((grows.len(), grows[0].severity), (1, Severity::Info));
    assert_eq!(
        grows[0].summary,
        "Queue orders of mq: it grows by 1200 messages an hour: 40800 a day come, 12000 are done; in 3.4 days \
         100000 wait"
    );
    let full =
        told([[110_000, 5, 2, 0, 0], [111_000, 5, 2, 1_100, 100], [112_000, 5, 2, 2_200, 200]]);
    assert_eq!(full[0].severity, Severity::Warning);
    assert!(
        told([[0, 5, 2, 0, 0], [9_000, 5, 2, 9_500, 500], [5_000, 5, 2, 9_800, 4_800]]).is_empty()
    );
    assert!(told([[0, 5, 2, 0, 0], [0, 5, 2, 10, 10], [9_000, 5, 2, 9_100, 100]]).is_empty());
    assert!(told([[0, 5, 2, 0, 0], [400, 5, 2, 450, 50], [999, 5, 2, 1_100, 101]]).is_empty());
}

#[test]
fn messages_that_expire_unworked_are_told_and_those_that_are_done_or_passed_on_are_not() {
    let after = Duration::from_secs(60);
    let lost = Some(Expiry { after, is_passed_on: false });
    let passed_on = Some(Expiry { after, is_passed_on: true });
    // 3,000 came, 2,000 were done, 10 wait.
    let times = [[10, 0, 1, 0, 0], [10, 0, 1, 1_500, 1_000], [10, 0, 1, 3_000, 2_000]];
    let found = told_of(lost, times);
    assert_eq!((found.len(), found[0].severity), (1, Severity::Warning));
    assert_eq!(
        found[0].summary,
        "Queue orders of mq: 1000 messages are gone and were not done: they expire after 60 s"
    );
    assert!(told_of(passed_on, times).is_empty(), "another queue has them");
    assert!(told(times).is_empty(), "they do not expire: somebody has refused them");
    let done = [[10, 0, 1, 0, 0], [10, 0, 1, 1_500, 1_500], [10, 0, 1, 3_000, 2_901]];
    assert!(told_of(lost, done).is_empty(), "few");
    let busy = [[0, 0, 1, 0, 0], [0, 0, 1, 50_000, 50_000], [0, 0, 1, 100_000, 99_000]];
    assert!(told_of(lost, busy).is_empty(), "counters of two moments");
    let untold = [[900, 0, 1, 0, 0], [900, 0, 1, 0, 0], [0, 0, 1, 0, 0]];
    assert!(told_of(lost, untold).is_empty(), "the broker tells no counters");
}

#[test]
fn a_queue_in_which_messages_only_wait_for_their_time_needs_no_consumer() {
    let expiry = Some(Expiry { after: Duration::from_secs(60), is_passed_on: true });
    let waits = [[3, 0, 0, 3, 0], [4, 0, 0, 40, 0], [5, 0, 0, 80, 0]];
    assert!(told_of(expiry, waits).is_empty());
    assert_eq!(told(waits).len(), 1, "without one they stay");
    let stopped = [[3, 0, 0, 9, 6], [4, 0, 0, 40, 6], [5, 0, 0, 80, 6]];
    assert_eq!(told_of(expiry, stopped).len(), 1, "somebody has worked here");
}

#[test]
fn nothing_is_told_of_a_broker_that_is_not_seen_nor_of_what_is_shown_together() {
    let mut stage = Stage::new();
    let stuck = || vec![queue("orders", [5, 0, 0, 5, 0])];
    set(&mut stage.before, stuck(), true);
    set(&mut stage.now, stuck(), false);
    assert!(stage.look("message_queues").is_empty());
    set(&mut stage.before, stuck(), false);
    set(&mut stage.now, stuck(), true);
    assert!(stage.look("message_queues").is_empty());
    let other = Queue { vhost: "other".into(), ..queue("other", [5, 0, 0, 5, 0]) };
    set(&mut stage.before, vec![other.clone()], true);
    set(&mut stage.now, vec![other], true);
    assert!(stage.look("message_queues").is_empty());
}

#[test]
fn what_cannot_be_looked_at_is_told_apart_from_what_is_well() {
    let rule = crate::finding::RULES.iter().find(|rule| rule.about.id == "message_queues").unwrap();
    let unseen = |stage: &Stage| {
        let mut past = crate::finding::Past::default();
        past.remember(at(0), &stage.before, Duration::from_secs(3_600));
        let scene = crate::finding::Scene::new(at(3_600), &stage.now, &past, Duration::ZERO);
        rule.look(&scene, &BTreeMap::new())
            .unwrap()
            .iter()
            .any(|look| look.unseen.contains("mq: orders in /"))
    };
    let well = || queue("orders", [0, 0, 1, 5, 5]);
    let mut stage = Stage::new();
    for (was_up, is_up, depth, is_unseen) in [
        (true, true, well().depth, false),
        (true, false, well().depth, true),
        (false, true, well().depth, true),
        (true, true, None, true),
    ] {
        set(&mut stage.before, vec![well()], was_up);
        set(&mut stage.now, vec![Queue { depth, ..well() }], is_up);
        assert_eq!(unseen(&stage), is_unseen, "{was_up} {is_up} {depth:?}");
    }
}

#[test]
fn a_queue_that_was_not_seen_when_the_window_began_is_told_by_what_was_seen_since() {
    let told = |middle: At, now: At| {
        let mut stage = Stage::new();
        let mut between = stage.before.clone();
        set(&mut stage.before, vec![queue("orders", middle)], false);
        set(&mut between, vec![queue("orders", middle)], true);
        stage.middle = Some(between);
        set(&mut stage.now, vec![queue("orders", now)], true);
        stage.look("message_queues")
    };
    let found = told([4, 0, 0, 4, 0], [5, 0, 0, 5, 0]);
    assert_eq!(found[0].summary, "Queue orders of mq: 5 messages wait and nobody consumes them");
    let kept = told([0, 4, 1, 9, 5], [2, 6, 1, 13, 5]);
    assert!(kept[0].summary.contains("none was acknowledged in 30 min"));
    assert!(told([4, 0, 0, 4, 0], [5, 0, 0, 7, 2]).is_empty(), "somebody fetches");
    assert!(
        told([0, 5, 2, 0, 0], [9_000, 5, 2, 9_100, 100]).is_empty(),
        "whether it grows is not known"
    );
}

#[test]
fn a_queue_whose_consumers_are_not_told_is_not_said_to_have_none() {
    let mut stage = Stage::new();
    let depth = Some(Depth { ready: 5, unacked: 0, consumers: None });
    let unknown = || vec![Queue { depth, ..queue("orders", [5, 0, 0, 5, 0]) }];
    set(&mut stage.before, unknown(), true);
    set(&mut stage.now, unknown(), true);
    assert!(stage.look("message_queues").is_empty());
}
