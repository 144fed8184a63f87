//! Events in, snapshots out.

use std::time::{Duration, SystemTime};

use super::*;
use crate::sample::activity::{Sample, Session, Wait};
use crate::sample::{Moment, Outcome, Sampler, database, statements};
use crate::track::activity::Taken;
use crate::track::incidents::Thresholds;
use crate::track::recorded::{idle, wait, waiter};
use crate::track::transactions::SlowAfter;

fn event(server: &str, what: What) -> Event {
    let at = Moment { wall: SystemTime::UNIX_EPOCH, elapsed: Duration::ZERO };
    Event::Server { server: server.into(), at, what }
}

fn added() -> What {
    let activity = crate::track::activity::Limits {
        series: 100,
        picture_every: Duration::ZERO,
        slow_after: SlowAfter { general: Duration::from_secs(1), of_application: BTreeMap::new() },
        report_after: Duration::from_secs(1),
        incident: Thresholds { victims: 3, after: Duration::from_secs(10) },
    };
    let write_history_every = Duration::from_secs(300);
    What::Added(Limits { statements: 5, databases: 5, tables: 5, activity, write_history_every })
}

fn ran(result: Result<Sampled, Failure>) -> What {
    What::Ran {
        sampler: Sampler::Statements,
        took: Duration::from_millis(3),
        cost: Duration::from_millis(3),
        interval: None,
        result,
        spending: Spending { limit: 0.01, demand: 0.001, stretch: 1.0 },
    }
}

#[test]
fn one_servers_event_leaves_the_others_pictures_alone() {
    let mut state = State::default();
    state.apply(event("a", added()));
    state.apply(event("b", added()));
    let before = state.snapshot();
    state.apply(event("a", ran(Ok(Sampled::Statements(statements::Sample::default())))));
    let after = state.snapshot();
    assert!(!Arc::ptr_eq(&before.servers[0].statements, &after.servers[0].statements));
    assert!(Arc::ptr_eq(&before.servers[0].databases, &after.servers[0].databases));
    assert!(Arc::ptr_eq(&before.servers[1].samplers, &after.servers[1].samplers));
}

#[test]
fn a_failed_run_is_recorded_and_a_later_one_clears_it() {
    let mut state = State::default();
    state.apply(event("a", added()));
    let failure = Failure { outcome: Outcome::Timeout, message: "too slow".into() };
    state.apply(event("a", ran(Err(failure))));
    let record = state.snapshot().servers[0].samplers.records[&Sampler::Statements].clone();
    assert_eq!(record.failure.as_deref(), Some("too slow"));
    assert_eq!(record.runs[&Outcome::Timeout], 1);
    assert!(record.last_success.is_none());
    state.apply(event("a", ran(Ok(Sampled::Statements(statements::Sample::default())))));
    let record = state.snapshot().servers[0].samplers.records[&Sampler::Statements].clone();
    assert_eq!((record.failure, record.durations.count()), (None, 2));
}

#[test]
fn a_removed_server_is_gone_and_its_late_events_are_ignored() {
    let mut state = State::default();
    state.apply(event("a", added()));
    state.apply(event("a", What::Removed));
    state.apply(event("a", What::Connected { lacking: vec![], texts_come: false }));
    assert!(state.snapshot().servers.is_empty());
}

#[test]
fn adding_a_server_again_keeps_its_counters() {
    let mut state = State::default();
    state.apply(event("a", added()));
    state.apply(event("a", ran(Ok(Sampled::Statements(statements::Sample::default())))));
    state.apply(event("a", added()));
    assert_eq!(state.snapshot().servers[0].samplers.records.len(), 1);
}

fn facts(started: u64) -> What {
    let seconds = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    let server = database::Server {
        version: "13.23".into(),
        version_num: 130_023,
        start_time: seconds(started),
        in_recovery: false,
        max_connections: 100,
        role: "erpscope".into(),
        reserved_connections: 3,
        statements_max: 5_000,
        connections: 1,
    };
    ran(Ok(Sampled::Database(Box::new(database::Sample {
        read_at: seconds(1_000),
        server,
        databases: vec![],
        roles: vec![],
        horizon: vec![],
    }))))
}

/// Before PostgreSQL 14 nothing in the statements themselves tells.
#[test]
fn after_a_fail_over_the_other_servers_statements_are_a_new_base() {
    let statement = |calls| {
        let key = statements::Key { userid: 10, dbid: 1, queryid: Some(1), toplevel: true };
        let counters = statements::Counters { calls, ..statements::Counters::default() };
        let statements = vec![statements::Statement { key, since: None, counters }];
        ran(Ok(Sampled::Statements(statements::Sample { statements, info: None })))
    };
    let mut state = State::default();
    state.apply(event("a", added()));
    for what in [facts(10), statement(5), facts(10), statement(7), facts(500), statement(9_000)] {
        state.apply(event("a", what));
    }
    let view = state.snapshot().servers[0].statements.clone();
    assert_eq!(view.other.iter().map(|(_, counters)| counters.calls).sum::<u64>(), 2);
    assert_eq!(view.counts.rebased, 1);
}

fn activity(elapsed: u64, sessions: Vec<Session>, waits: Vec<Wait>) -> What {
    let at = Duration::from_secs(elapsed);
    let taken = Taken { at, interval: Duration::from_millis(100), sighted: true };
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000) + at;
    let sample = Sample { now, sessions, all: true, waits: Some(waits), prepared: vec![] };
    let What::Ran { took, cost, interval, spending, .. } = ran(Ok(Sampled::Blockers)) else {
        unreachable!("it is a run")
    };
    let result = Ok(Sampled::Activity { taken, sample });
    What::Ran { sampler: Sampler::Activity, took, cost, interval, result, spending }
}

#[test]
fn nobody_is_woken_for_a_wait_that_cannot_be_seen_any_more() {
    let mut state = State::default();
    state.apply(event("a", added()));
    let waits = || activity(1, vec![idle(1, 0, 0), waiter(2, 0)], vec![wait(2, &[1], Some(0))]);
    state.apply(event("a", waits()));
    assert_eq!(state.snapshot().servers[0].activity.tree.victims, 1);
    let lost = || What::Lost { kind: "lost", message: "gone".into() };
    let failed = || {
        let failure = Failure { outcome: Outcome::Timeout, message: "too slow".into() };
        let What::Ran { took, cost, interval, spending, .. } = waits() else {
            unreachable!("it is a run")
        };
        let (sampler, result) = (Sampler::Activity, Err(failure));
        What::Ran { sampler, took, cost, interval, result, spending }
    };
    for blind in [lost(), failed()] {
        state.apply(event("a", waits()));
        assert!(state.snapshot().servers[0].activity.is_current);
        state.apply(event("a", blind));
        let view = &state.snapshot().servers[0].activity;
        assert!(!view.is_current && view.tree.roots.is_empty());
        assert!(view.waiters.is_empty() && view.root_victims.is_empty());
        assert!(view.blocked_now.is_empty());
        assert!(view.sessions.is_empty() && view.oldest_transaction.is_empty());
        assert!(!view.active.is_empty(), "what was counted stays");
    }
}
