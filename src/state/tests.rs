//! Events in, snapshots out.

use std::time::{Duration, SystemTime};

use super::*;
use crate::erp::{Erps, Profiles};
use crate::integration::Direction;
use crate::integration::meter::proxy::Tunnels;
use crate::sample::activity::{Sample, Session, Wait};
use crate::sample::{Moment, Outcome, Sampler, database, queues, statements};
use crate::track::activity::Taken;
use crate::track::incidents::Thresholds;
use crate::track::recorded::{idle, session, wait, waiter};
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

fn facts(started: u64, databases: &[(u32, &str)]) -> What {
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
    let row = |&(dbid, datname): &(u32, &str)| database::Database {
        dbid,
        datname: datname.into(),
        stats_reset: None,
        connection_limit: None,
        connections: 0,
        counters: database::Counters::default(),
    };
    ran(Ok(Sampled::Database(Box::new(database::Sample {
        read_at: seconds(1_000),
        server,
        databases: databases.iter().map(row).collect(),
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
    let (here, there) = (|| facts(10, &[]), facts(500, &[]));
    for what in [here(), statement(5), here(), statement(7), there, statement(9_000)] {
        state.apply(event("a", what));
    }
    let view = state.snapshot().servers[0].statements.clone();
    assert_eq!(view.other.iter().map(|(_, counters)| counters.calls).sum::<u64>(), 2);
    assert_eq!(view.counts.rebased, 1);
}

#[test]
fn after_a_fail_over_queues_go_on_from_a_new_base_and_databases_have_the_names_there() {
    let queue = |inserted| {
        let now = queues::Reading {
            name: "jobs".into(),
            schema: "public".into(),
            table: "job_queue".into(),
            waiting: 0,
            oldest_seconds: None,
            tries: None,
            running: None,
            longest_seconds: None,
            failed: None,
            inserted,
        };
        let read = queues::Database { dbid: 1, queues: vec![now], unread: vec![] };
        ran(Ok(Sampled::Queues(queues::Sample { databases: vec![read], skipped: 0 })))
    };
    let mut state = State::default();
    state.apply(event("a", added()));
    let (here, there) = (facts(10, &[(1, "erp")]), facts(500, &[(1, "erp")]));
    for what in [here, queue(500), queue(503), there, queue(9_000), queue(9_001)] {
        state.apply(event("a", what));
    }
    assert_eq!(state.snapshot().servers[0].queues.databases["erp"].queues[0].arrived, 4);
    state.apply(event("a", facts(500, &[(1, "renamed")])));
    let labels = |state: &State| -> Vec<String> {
        state.snapshot().servers[0].databases.shown.keys().map(ToString::to_string).collect()
    };
    assert_eq!(labels(&state), ["erp"]);
    state.apply(event("a", facts(900, &[(1, "crm")])));
    assert_eq!(labels(&state), ["crm"]);
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
fn sessions_are_told_in_the_words_of_the_erp_once_it_is_recognised() {
    let mut state = State::default();
    state.apply(event("a", added()));
    state.apply(event("a", facts(10, &[(1, "erp")])));
    let session = |query: Option<&str>| Session {
        application_name: "odoo-1".into(),
        query: query.map(ToOwned::to_owned),
        ..session(2, 0)
    };
    state.apply(event("a", activity(1, vec![session(Some("update ir_model set n = ?"))], vec![])));
    let profiles = Profiles::default();
    let odoo = || Arc::new(Erps::new(BTreeMap::new(), profiles.words(profiles.get("odoo"))));
    for seconds in [2, 3] {
        state.apply(event("a", What::Recognised(odoo())));
        state.apply(event("a", activity(seconds, vec![session(None)], vec![])));
    }
    let snapshot = state.snapshot();
    let told = snapshot.servers[0].activity.active.iter().filter(|(_, time)| !time.is_zero());
    let words: Vec<_> = told.map(|(key, _)| (&*key.application, &*key.module)).collect();
    assert_eq!(words, [("odoo", "system")]);
}

#[test]
fn intervals_are_told_as_they_are_now_of_samplers_that_ran() {
    let mut state = State::default();
    state.apply(event("a", added()));
    state.apply(event("a", ran(Ok(Sampled::Blockers))));
    for seconds in [600, 10] {
        let paced =
            [Sampler::Statements, Sampler::Usage].map(|s| (s, Duration::from_secs(seconds)));
        state.apply(event("a", What::Paced(paced.to_vec())));
        let records = &state.snapshot().servers[0].samplers.records;
        let told = records.iter().map(|(sampler, record)| (*sampler, record.interval));
        let now = (Sampler::Statements, Some(Duration::from_secs(seconds)));
        assert_eq!(told.collect::<Vec<_>>(), [now]);
    }
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

#[test]
fn an_integration_is_not_silent_while_bytes_move_in_its_tunnels() {
    let mut state = State::default();
    let at = Moment { wall: SystemTime::UNIX_EPOCH, elapsed: Duration::ZERO };
    let bank = (Arc::from("bank"), Direction::Outbound);
    for seconds in [5, 7] {
        let moved = Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        let mut tallies = Tallies::default();
        tallies.proxy.tunnels.insert(bank.clone(), Tunnels { moved, ..Tunnels::default() });
        state.apply(Event::Tick { at, tallies: Box::new(tallies) });
        let of = &state.snapshot().calls.integrations[0];
        assert_eq!((&*of.name, of.last, of.calls()), ("bank", moved, 0));
    }
}
