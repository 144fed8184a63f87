//! Calls, and what is found of them in recorded samples.

use std::time::{Duration, SystemTime};

use super::*;
use crate::erp::Pattern;
use crate::integration::comment::Comment;
use crate::integration::{DatabaseSpan, Fault, Kind, Mode, Objective, Rules, Source, TraceId};
use crate::sample::activity::Session;
use crate::track::recorded::{Fold, idle, session, wait, waiter};
use crate::track::reports::{HeldOpen, Party};

/// The agent's wall clock so many milliseconds after its start.
fn at(ms: u64) -> Moment {
    let elapsed = Duration::from_millis(ms);
    Moment { wall: SystemTime::UNIX_EPOCH + Duration::from_secs(2_000_000_000) + elapsed, elapsed }
}

fn trace(n: u8) -> Option<TraceId> {
    TraceId::new(&[n; 16])
}

fn call(direction: Direction, from: u64, to: u64, trace: Option<TraceId>) -> Call {
    Call {
        integration: "shop".into(),
        direction,
        operation: "POST /orders".into(),
        began: at(from).wall,
        length: Duration::from_millis(to - from),
        fault: None,
        trace,
        source: Source::Proxy,
    }
}

fn shop() -> Arc<Integrations> {
    Arc::new(Integrations::new(vec![Integration {
        name: "shop".into(),
        kind: Kind("webshop"),
        direction: Direction::Inbound,
        mode: Mode::Realtime,
        owns: vec![],
        objective: Objective { latency: Some(Duration::from_secs(3)), ..Objective::default() },
        rules: Rules { application_names: vec![Pattern::new("shop*")], ..Rules::default() },
    }]))
}

/// The same session, as the shop's own.
fn of_shop(session: Session) -> Session {
    Session { application_name: "shop-1".into(), ..session }
}

/// The same session, with a trace id in its statement's comment.
fn traced(session: Session, trace: Option<TraceId>) -> Session {
    Session { comment: Some(Comment { trace, tags: vec![] }), ..session }
}

/// Session 2 waits from 1,000 to 4,200 ms for session 1, which is idle in transaction.
fn a_wait(as_seen: impl Fn(Session) -> Session) -> Fold {
    let mut fold = Fold::new();
    fold.integrations = shop();
    fold.name_relation("stock_quant");
    for ms in (0..=6_000).step_by(100) {
        let mut sessions = vec![idle(1, 0, 500)];
        let mut waits = vec![];
        if (1_000..4_200).contains(&ms) {
            sessions.push(as_seen(waiter(2, 1_000)));
            waits.push(wait(2, &[1], Some(1_000)));
        }
        fold.sample(ms, sessions, Some(waits));
    }
    fold
}

fn join(fold: &Fold, calls: Vec<Call>) -> Vec<CallReport> {
    let mut all = Calls::default();
    all.declare(shop());
    all.apply(at(6_000), Told { calls, ..Told::default() });
    let told = all.settle(
        at(6_000),
        |question| fold.activity.explain(question).into_iter().collect(),
        |_| None,
    );
    told.into_iter()
        .filter_map(|(_, report)| match report {
            Report::IntegrationCall(call) => Some(call),
            _ => None,
        })
        .collect()
}

/// Knows one statement.
fn identify(query: &str) -> Option<Known> {
    (query == "update t").then(|| Known { queryid: "17".into(), module: "sales".into() })
}

#[test]
fn a_call_is_joined_with_the_wait_that_carries_its_trace_id() {
    let fold = a_wait(|session| traced(session, trace(7)));
    let reports = join(&fold, vec![call(Direction::Inbound, 900, 4_300, trace(7))]);
    let evidence = &reports[0].evidence[0];
    assert_eq!((evidence.joined_by, evidence.among), ("trace", 1));
    assert!((evidence.waited_seconds - 3.2).abs() < 0.11, "{}", evidence.waited_seconds);
    let summary = &reports[0].summary;
    assert!(
        summary.starts_with("shop POST /orders took 3.4 s, 3.1 s of it waiting for a row of")
            || summary
                .starts_with("shop POST /orders took 3.4 s, 3.2 s of it waiting for a row of"),
        "{summary}"
    );
    assert!(summary.ends_with("stock_quant held by psql (idle in transaction)"), "{summary}");
}

#[test]
fn without_a_trace_id_session_and_time_join_and_say_so() {
    let fold = a_wait(of_shop);
    let calls = vec![
        call(Direction::Inbound, 900, 4_300, None),
        call(Direction::Inbound, 800, 4_400, None),
        call(Direction::Inbound, 4_350, 5_000, None),
    ];
    let reports = join(&fold, calls);
    assert_eq!(reports.len(), 2, "the third had nothing to do with it");
    let evidence = &reports[0].evidence[0];
    assert_eq!((evidence.joined_by, evidence.among), ("time", 2));
}

#[test]
fn what_has_nothing_to_do_with_a_call_is_absent() {
    let other_request = a_wait(|session| traced(of_shop(session), trace(8)));
    assert!(join(&other_request, vec![call(Direction::Inbound, 900, 2_900, trace(7))]).is_empty());
    let of_nobody = a_wait(|session| session);
    let slow = join(&of_nobody, vec![call(Direction::Inbound, 900, 4_300, None)]);
    assert!(slow[0].evidence.is_empty() && slow[0].slow);
    let longer_than_the_call = a_wait(of_shop);
    let call = call(Direction::Inbound, 2_000, 4_300, None);
    assert!(join(&longer_than_the_call, vec![call]).is_empty());
}

#[test]
fn a_wait_that_goes_on_after_its_call_gave_up_explains_it() {
    let mut fold = Fold::new();
    fold.integrations = shop();
    for ms in (0..=6_000).step_by(100) {
        let sessions = vec![idle(1, 0, 500), traced(waiter(2, 1_000), trace(7))];
        fold.sample(ms.max(1_000), sessions, Some(vec![wait(2, &[1], Some(1_000))]));
    }
    let mut gave_up = call(Direction::Inbound, 1_000, 3_000, trace(7));
    gave_up.fault = Some(Fault::Timeout);
    let reports = join(&fold, vec![gave_up]);
    let waited = reports[0].evidence[0].waited_seconds;
    assert!((waited - 2.0).abs() < 0.11, "{waited}");
    assert_eq!(reports[0].error, Some("timeout"));
}

#[test]
fn a_call_out_of_an_open_transaction_is_tied_by_time_or_trace_and_a_long_gap_is_not() {
    let gap = |idle_from: u64, idle_to: u64, trace| {
        let mut fold = Fold::new();
        for ms in (0..=6_000).step_by(100) {
            let row = if (idle_from..idle_to).contains(&ms) {
                idle(3, 500, idle_from)
            } else {
                let begun = if ms < idle_from { 500 } else { idle_to };
                Session { xact_start: session(3, 500).xact_start, ..session(3, begun) }
            };
            fold.sample(ms.max(600), vec![traced(row, trace)], Some(vec![]));
        }
        fold
    };
    let pay = |trace| vec![call(Direction::Outbound, 1_010, 3_000, trace)];
    let by_time = join(&gap(1_000, 3_020, None), pay(None));
    let evidence = &by_time[0].evidence[0];
    assert_eq!(evidence.joined_by, "time");
    let open = evidence.held_open.as_ref().unwrap();
    assert!((open.seconds - 2.0).abs() < 0.11 && open.wrote, "{}", open.seconds);
    assert!(by_time[0].summary.ends_with("with its transaction open and locks held"));
    let by_trace = join(&gap(1_000, 5_000, trace(7)), pay(trace(7)));
    assert_eq!(by_trace[0].evidence[0].joined_by, "trace");
    assert!(join(&gap(1_000, 5_000, None), pay(None)).is_empty());
    assert!(join(&gap(1_000, 3_020, trace(8)), pay(trace(7))).is_empty());
}

/// A transaction of this database was kept open meanwhile.
fn open(datname: &str, seconds: f64) -> Evidence {
    let party = Party {
        pid: Some(7),
        datname: Some(datname.into()),
        application: "odoo".into(),
        ..Party::default()
    };
    Evidence {
        server: "db".into(),
        joined_by: "trace",
        idle_in_transaction_seconds: seconds,
        held_open: Some(HeldOpen { party: Arc::new(party), seconds: 9.0, wrote: true }),
        ..Evidence::default()
    }
}

#[test]
fn how_long_transactions_were_open_is_summed_over_all_calls_by_database() {
    let mut all = Calls::default();
    // By far most are too short to be told each time, and their transactions stay idle for longer.
    let calls = |from: u64, length: u64| call(Direction::Outbound, from, from + length, trace(7));
    let short = (0..100).map(|n| calls(n * 200, 200));
    let called: Vec<Call> = short.chain([calls(30_000, 3_000)]).collect();
    all.apply(at(40_000), Told { calls: called, ..Told::default() });
    let explain = |question: &Question| {
        let datname = if question.from < Duration::from_secs(10) { "erp" } else { "shop" };
        let seconds = question.to.saturating_sub(question.from).as_secs_f64();
        let stranger = Evidence { joined_by: "time", ..open("crm", seconds) };
        vec![open(datname, seconds), stranger]
    };
    all.settle(at(50_000), explain, |_| None);
    let view = all.view();
    let sums: Vec<_> = view.integrations[0]
        .held_in
        .iter()
        .map(|((_, datname), held)| {
            (&**datname, held.by_trace.calls, held.by_trace.seconds.round())
        })
        .collect();
    assert_eq!(sums, [("erp", 50, 10.0), ("shop", 51, 13.0)]);
    assert_eq!(view.integrations[0].held_open, 101);
}

#[test]
fn calls_in_open_transactions_are_told_once_in_ten_minutes_however_many_operations_there_are() {
    let mut all = Calls::default();
    let mut told_at = |seconds: u64, operations: u64| {
        let begun = seconds * 1_000;
        let calls = (0..operations).map(|n| Call {
            operation: format!("GET /{n}").into(),
            ..call(Direction::Outbound, begun, begun + 200, trace(7))
        });
        all.apply(at(begun + 200), Told { calls: calls.collect(), ..Told::default() });
        let explain = |_: &Question| vec![open("erp", 0.2)];
        all.settle(at(begun + 5_000), explain, |_| None).len()
    };
    assert_eq!(told_at(0, 80), 80);
    assert_eq!(told_at(10, 80), 0, "each was told of late");
    assert_eq!(told_at(20, 300), 20 + 1, "those without room are one");
    assert_eq!((told_at(590, 300), told_at(610, 300)), (0, 80));
    assert_eq!((told_at(640, 300), told_at(700, 300)), (21, 0));
}

#[test]
fn operations_over_the_cap_are_counted_together_and_percentiles_are_of_all() {
    let mut all = Calls::default();
    let calls = (0..1_000).map(|n| Call {
        operation: format!("GET /{n}").into(),
        fault: (n % 10 == 0).then_some(Fault::Server),
        ..call(Direction::Inbound, 0, 1 + n, trace(1))
    });
    all.apply(at(2_000), Told { calls: calls.collect(), ..Told::default() });
    let view = all.view();
    let of = &view.integrations[0];
    assert_eq!((of.operations.len(), of.calls(), of.failed()), (101, 1_000, 100));
    assert_eq!(of.errors, BTreeMap::from([("server", 100)]));
    let [p50, _, p99, _] = of.percentiles.unwrap();
    assert!((p50 - 0.5).abs() < 0.01 && (p99 - 0.99).abs() < 0.015, "{p50} {p99}");
    let exemplars = of.operations[0].exemplars.iter().flatten().count();
    assert_eq!(exemplars, 1);
}

#[test]
fn what_was_sent_to_the_database_for_a_call_is_told_with_it() {
    let span = |ms, query: &str| DatabaseSpan {
        trace: trace(7).unwrap(),
        began: at(0).wall,
        length: Duration::from_millis(ms),
        query: Some(query.into()),
    };
    let database = vec![span(10, "select ?"), span(900, "update t"), span(20, "select ?")];
    let mut all = Calls::default();
    all.declare(shop());
    all.apply(at(100), Told { database, ..Told::default() });
    let calls = vec![call(Direction::Inbound, 0, 4_000, trace(7))];
    all.apply(at(4_000), Told { calls, ..Told::default() });
    let told = all.settle(at(6_000), |_| vec![], identify);
    let [(None, Report::IntegrationCall(report))] = told.as_slice() else { panic!("{told:?}") };
    let sent: Vec<_> = report.statements.iter().map(|s| (s.query.as_deref(), s.count)).collect();
    assert_eq!(sent, [(Some("update t"), 1), (Some("select ?"), 2)]);
    assert_eq!(report.statements[0].statement.as_ref().unwrap().queryid, "17");
    assert_eq!(report.statements[1].statement, None);
}

#[test]
fn a_call_that_the_proxy_and_a_span_tell_of_is_one() {
    let mut all = Calls::default();
    let proxied = call(Direction::Inbound, 0, 500, trace(7));
    let span = Call { source: Source::Span, ..call(Direction::Inbound, 10, 490, trace(7)) };
    let later = Call { source: Source::Span, ..call(Direction::Inbound, 900, 1_000, trace(7)) };
    let of_another = Call { integration: "crm".into(), ..span.clone() };
    let calls = vec![proxied.clone(), span.clone(), later, proxied, of_another];
    all.apply(at(1_000), Told { calls, ..Told::default() });
    let view = all.view();
    let counts: Vec<u64> = view.integrations.iter().map(OfView::calls).collect();
    assert_eq!((counts, view.told_twice), (vec![1, 3], 1));
}

/// How many of these are counted, and how many of them were told twice.
fn counted(calls: impl IntoIterator<Item = Call>) -> (u64, u64) {
    let mut all = Calls::default();
    all.apply(at(60_000), Told { calls: calls.into_iter().collect(), ..Told::default() });
    let view = all.view();
    (view.integrations[0].calls(), view.told_twice)
}

#[test]
fn of_a_request_with_many_calls_each_is_one() {
    let calls = |source| {
        (0..200).map(move |n| Call {
            source,
            ..call(Direction::Outbound, n * 100, n * 100 + 50, trace(7))
        })
    };
    // Spans are told seconds later than the proxy does, and by another clock.
    let skewed = calls(Source::Span)
        .map(|call| Call { began: call.began + Duration::from_millis(120), ..call });
    assert_eq!(counted(calls(Source::Proxy).chain(skewed)), (200, 200));
    let many = (0..3_000).flat_map(|n| {
        let proxied = call(Direction::Outbound, n * 10, n * 10 + 5, trace(7));
        // The first are told by the proxy alone.
        let span = (n >= 1_500).then(|| Call { source: Source::Span, ..proxied.clone() });
        [Some(proxied), span].into_iter().flatten()
    });
    assert_eq!(counted(many), (3_000, 1_500), "the oldest are forgotten first");
}

#[test]
fn clocks_may_differ_by_a_little_and_of_one_request_alone() {
    let proxied = call(Direction::Outbound, 1_000, 1_020, trace(7));
    let span = |from, to, trace| Call {
        source: Source::Span,
        ..call(Direction::Outbound, from, to, trace)
    };
    let with = |span| counted([proxied.clone(), span]);
    assert_eq!(with(span(1_200, 1_220, trace(7))), (1, 1), "the other's clock is ahead");
    assert_eq!(with(span(800, 820, trace(7))), (1, 1), "and behind");
    assert_eq!(with(span(1_300, 1_320, trace(7))), (2, 0), "that is another call");
    assert_eq!(with(span(1_000, 1_020, trace(8))), (2, 0), "of another request");
    assert_eq!(with(call(Direction::Outbound, 1_000, 1_020, trace(7))), (2, 0), "told by one");
    let long = |from, to| call(Direction::Outbound, from, to, trace(7));
    assert_eq!(counted([long(0, 4_000), span(5_500, 9_400, trace(7))]), (1, 1));
    let again = [proxied.clone(), span(1_000, 1_020, trace(7)), span(1_030, 1_050, trace(7))];
    assert_eq!(counted(again), (2, 1), "what is told twice is no third call's");
}

#[test]
fn no_call_is_the_last_for_longer_than_it_is_over() {
    let mut all = Calls::default();
    let mut last = |call, ms| {
        all.apply(at(ms), Told { calls: vec![call], ..Told::default() });
        all.view().integrations[0].last
    };
    let ahead = call(Direction::Inbound, 200_000, 200_100, None);
    assert_eq!(last(ahead, 1_000), Some(at(1_000).wall), "by a clock that is ahead of ours");
    let later = call(Direction::Inbound, 1_500, 1_600, None);
    assert_eq!(last(later, 2_000), Some(at(1_600).wall));
}

#[test]
fn percentiles_are_of_late_calls_and_go_when_there_are_none() {
    let mut all = Calls::default();
    let length = |ms| call(Direction::Inbound, 0, ms, None);
    all.apply(at(1_000), Told { calls: vec![length(100)], ..Told::default() });
    let p50 = |all: &Calls| all.view().integrations[0].percentiles.map(|p| (p[0] * 10.0).round());
    assert_eq!(p50(&all), Some(1.0));
    let minutes = |n: u64| Duration::from_secs(60 * n);
    assert!(!all.turn(minutes(4)) && all.turn(minutes(6)));
    assert_eq!(p50(&all), Some(1.0), "within ten minutes");
    assert!(all.turn(minutes(12)) && !all.turn(minutes(18)));
    assert_eq!(p50(&all), None);
    all.apply(at(1_200_000), Told { calls: vec![length(300)], ..Told::default() });
    assert_eq!(p50(&all), Some(3.0));
    assert!(all.turn(minutes(60)));
    assert_eq!(p50(&all), None, "an hour later at once");
    assert_eq!(all.view().integrations[0].calls(), 2);
}

#[test]
fn of_many_requests_the_last_are_remembered() {
    let mut all = Calls::default();
    for n in 1..=20_000_u128 {
        let trace = TraceId::new(&n.to_be_bytes());
        let mut proxied = call(Direction::Inbound, 0, 500, trace);
        proxied.length = Duration::from_millis(50);
        let span = Call { source: Source::Span, ..proxied.clone() };
        let calls = if n > 15_000 { vec![proxied, span] } else { vec![proxied] };
        all.apply(at(1_000), Told { calls, ..Told::default() });
    }
    assert_eq!((all.view().integrations[0].calls(), all.view().told_twice), (20_000, 5_000));
}

#[test]
fn too_many_calls_to_join_are_counted() {
    let mut all = Calls::default();
    let slow = call(Direction::Inbound, 0, 500, None);
    all.apply(at(500), Told { calls: vec![slow; WAITING + 7], ..Told::default() });
    assert_eq!(all.view().unjoined, 7);
    assert_eq!(all.view().integrations[0].calls(), 5_007);
}

#[test]
fn a_call_that_was_made_within_another_is_named_in_it() {
    let mut all = Calls::default();
    all.declare(shop());
    let payment = Call {
        integration: "bank".into(),
        operation: "POST /payments".into(),
        ..call(Direction::Outbound, 500, 3_900, trace(7))
    };
    let order = call(Direction::Inbound, 0, 4_000, trace(7));
    all.apply(at(4_000), Told { calls: vec![payment, order], ..Told::default() });
    let told = all.settle(at(6_000), |_| vec![], identify);
    let [(None, Report::IntegrationCall(order))] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!(order.summary, "shop POST /orders took 4.0 s, 3.4 s of it calling bank");
    assert_eq!(&*order.calls[0].operation, "POST /payments");
}
