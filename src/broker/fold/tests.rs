//! Queues that come, go, are told of in part, and counters that stay true.

use super::*;

fn config(top: usize) -> config::Broker {
    let of = |queue: &str, name: &str| (Pattern::new(queue), Arc::from(name));
    config::Broker {
        name: "orders".into(),
        url: "http://localhost:15672".parse().unwrap(),
        user: "erpscope".to_owned(),
        password: config::Password::None,
        vhosts: vec![],
        modules: vec![of("orders.*", "sales"), of("orders.new", "crm")],
        integrations: vec![of("*.shop", "webshop")],
        top,
        interval: Duration::from_secs(30),
        timeout: Duration::from_secs(5),
        root_cert: None,
    }
}

fn reading(name: &str, ready: u64, published: u64) -> Reading {
    Reading {
        vhost: "/".to_owned(),
        name: name.to_owned(),
        depth: Some(Depth { ready, unacked: 1, consumers: Some(2) }),
        passed: Some(Passed { published, done: published - ready, ..Passed::default() }),
        expiry: None,
        is_passing: false,
        is_stream: false,
    }
}

fn look(queues: Vec<Reading>) -> Look {
    Look { queues, unseen: 0 }
}

const AT: Times = Times { at: SystemTime::UNIX_EPOCH, took: Duration::ZERO };

fn shown(broker: &Broker) -> Vec<(&str, &str, u64)> {
    broker.queues.iter().map(|q| (&*q.name, &*q.module, q.passed.published)).collect()
}

#[test]
fn named_queues_are_shown_first_then_the_busiest_and_the_rest_together() {
    let mut fold = Fold::new(config(2), None);
    let mut queues = vec![
        reading("a", 5, 10),
        reading("busy", 1_000, 2_000),
        reading("orders.shop", 0, 1),
        Reading { is_passing: true, ..reading("amq.gen-1", 9_000, 9_000) },
    ];
    let first = fold.next(Ok(look(queues.clone())), AT);
    assert_eq!(
        shown(&first),
        [("busy", "other", 0), ("orders.shop", "sales", 0), ("other", "other", 0)]
    );
    assert_eq!(first.queues[1].integration.as_deref(), Some("webshop"));
    let rest = Depth { ready: 9_005, unacked: 2, consumers: Some(4) };
    assert_eq!(first.queues[2].depth, Some(rest));
    assert_eq!((first.there, first.in_other, first.is_up), (4, 2, true));
    for queue in &mut queues {
        queue.passed.as_mut().unwrap().published += 7;
    }
    let second = fold.next(Ok(look(queues)), AT);
    assert_eq!(
        shown(&second),
        [("busy", "other", 7), ("orders.shop", "sales", 7), ("other", "other", 14)]
    );
}

#[test]
fn counters_go_on_when_the_broker_begins_anew_or_the_config_changes_and_never_go_back() {
    let mut fold = Fold::new(config(5), None);
    let passed = |fold: &mut Fold, published| {
        let broker = fold.next(Ok(look(vec![reading("orders.new", 0, published)])), AT);
        broker.queues[0].passed.published
    };
    assert_eq!((passed(&mut fold, 500), passed(&mut fold, 600)), (0, 100));
    assert_eq!(passed(&mut fold, 20), 120, "it began anew");
    let before = fold.next(Ok(look(vec![reading("orders.new", 0, 30)])), AT);
    let mut fold = Fold::new(config(4), Some(&before));
    assert_eq!((passed(&mut fold, 35), passed(&mut fold, 40)), (130, 135));
    let less = fold.next(Ok(look(vec![])), AT);
    let mut fold = Fold::new(config::Broker { top: 0, ..config(1) }, Some(&less));
    let rest = fold.next(Ok(look(vec![reading("orders.new", 0, 50)])), AT);
    assert_eq!(shown(&rest), [("other", "other", 0)], "its past is charged to nobody");
    assert_eq!(rest.looks, 8);
}

#[test]
fn a_queue_that_is_gone_is_shown_for_a_while_without_a_depth_and_makes_room() {
    let mut fold = Fold::new(config(1), None);
    fold.next(Ok(look(vec![reading("a", 1, 1)])), AT);
    for _ in 0..LEAVES_AFTER {
        let gone = fold.next(Ok(look(vec![reading("b", 1, 1)])), AT);
        assert_eq!((shown(&gone)[0], gone.queues[0].depth), (("a", "other", 0), None));
    }
    let after = fold.next(Ok(look(vec![reading("b", 1, 1)])), AT);
    assert_eq!(shown(&after), [("b", "other", 0)]);
}

#[test]
fn a_look_that_failed_is_counted_by_cause_and_one_without_figures_is_told() {
    let mut fold = Fold::new(config(5), None);
    fold.next(Ok(look(vec![Reading { depth: None, ..reading("a", 0, 0) }])), AT);
    let trouble = Trouble { kind: "login", message: "it refuses".to_owned() };
    let failed = fold.next(Err(trouble), AT);
    assert_eq!((failed.is_up, failed.looks, failed.unmeasured), (false, 2, 1));
    assert_eq!(failed.failures, BTreeMap::from([("login", 1)]));
    assert_eq!(failed.failure.as_deref(), Some("it refuses"));
    let odd = vec![
        Reading { vhost: "other".to_owned(), ..reading("other", 3, 3) },
        reading(&"x".repeat(LONGEST + 1), 4, 4),
    ];
    let odd = fold.next(Ok(look(odd)), AT);
    assert_eq!(odd.queues.last().unwrap().depth.unwrap().ready, 7, "neither is shown singly");
}

#[test]
fn what_a_look_does_not_tell_makes_no_counter_jump() {
    let mut fold = Fold::new(config(5), None);
    let mut passed = |readings: Vec<Reading>| {
        let broker = fold.next(Ok(look(readings)), AT);
        broker.queues.first().map(|queue| queue.passed.published)
    };
    let untold = || Reading { passed: None, ..reading("a", 1, 1) };
    assert_eq!(passed(vec![reading("a", 1, 500)]), Some(0));
    assert_eq!(passed(vec![untold()]), Some(0), "it does not tell of its counters");
    assert_eq!(passed(vec![reading("a", 1, 510)]), Some(10));
    for _ in 0..LEAVES_AFTER {
        assert_eq!(passed(vec![]), Some(10), "it is in none of the pages");
    }
    assert_eq!(passed(vec![reading("a", 1, 515)]), Some(15));
    let mut fold = Fold::new(config(5), None);
    fold.next(Ok(look(vec![untold()])), AT);
    let used = fold.next(Ok(look(vec![reading("a", 1, 3)])), AT);
    assert_eq!(shown(&used), [("a", "other", 3)], "nothing had passed it before");
    let mut fold = Fold::new(config(5), None);
    fold.next(Ok(look(vec![Reading { depth: None, ..untold() }])), AT);
    let told = fold.next(Ok(look(vec![reading("a", 1, 500)])), AT);
    assert_eq!(shown(&told), [("a", "other", 0)], "what had passed before is nobody's");
}

#[test]
fn with_less_room_the_named_queues_stay_and_the_past_of_others_is_charged_to_nobody() {
    let mut fold = Fold::new(config(3), None);
    let all = |published| vec![reading("a", 1, published), reading("orders.new", 1, published)];
    fold.next(Ok(look(all(10))), AT);
    let before = fold.next(Ok(look(all(900))), AT);
    let mut fold = Fold::new(config(1), Some(&before));
    let away = fold.next(Err(Trouble { kind: "connect", message: String::new() }), AT);
    assert_eq!(shown(&away), [("orders.new", "sales", 890)], "the broker is away meanwhile");
    let less = fold.next(Ok(look(all(1_000))), AT);
    assert_eq!(shown(&less), [("orders.new", "sales", 890), ("other", "other", 0)]);
    let next = fold.next(Ok(look(all(1_001))), AT);
    assert_eq!(shown(&next), [("orders.new", "sales", 891), ("other", "other", 1)]);
}

#[test]
fn of_the_rest_only_what_is_known_is_summed_and_streams_are_counted_as_such() {
    let mut fold = Fold::new(config(1), None);
    let stream = Reading { depth: None, is_stream: true, ..reading("log", 0, 0) };
    let unknown = Reading { depth: None, ..reading("b", 0, 0) };
    let part = Depth { ready: 3, unacked: 0, consumers: None };
    let part = Reading { depth: Some(part), ..reading("c", 3, 3) };
    let only = fold.next(Ok(look(vec![reading("orders.new", 1, 9), stream, unknown.clone()])), AT);
    assert_eq!((only.streams, only.unmeasured, only.in_other), (1, 1, 2));
    assert_eq!(shown(&only), [("orders.new", "sales", 0)], "nothing is known of the rest");
    let both = fold.next(Ok(look(vec![reading("orders.new", 1, 9), unknown, part])), AT);
    let rest = Depth { ready: 3, unacked: 0, consumers: None };
    assert_eq!(both.queues[1].depth, Some(rest));
}
