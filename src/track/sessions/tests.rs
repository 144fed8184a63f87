//! Sessions made by hand, by name.

use super::*;
use crate::integration::{Direction, Mode, Objective, Rules};
use crate::track::recorded::{clock, facts, session};
use crate::track::timeline::Timeline;

struct Named {
    sessions: Sessions,
    timeline: Timeline,
    names: Names,
    integrations: Arc<Integrations>,
}

/// Whose, what and on whose behalf.
type Told = (Arc<Who>, Arc<Statement>, Arc<Origin>);

impl Named {
    fn new(names: Names) -> Self {
        let bank = Integration {
            name: "bank".into(),
            kind: crate::integration::Kind("api"),
            direction: Direction::Inbound,
            mode: Mode::Realtime,
            owns: vec![],
            objective: Objective::default(),
            rules: Rules { clients: vec!["10.0.0.0/8".parse().unwrap()], ..Rules::default() },
        };
        Self {
            sessions: Sessions::default(),
            timeline: Timeline::default(),
            names,
            integrations: Arc::new(Integrations::new(vec![bank])),
        }
    }

    fn look(&mut self, ms: u64, sessions: Vec<Session>) -> Vec<Told> {
        let (waits, prepared) = (Some(vec![]), vec![]);
        let sample = Sample { now: clock(ms), sessions, all: true, waits, prepared };
        let elapsed = Duration::from_millis(ms);
        let now = self.timeline.now(sample.now, elapsed, Duration::from_millis(100));
        let (names, erps) = (&self.names, &Erps::default());
        let words = Words { names, erps, integrations: &self.integrations };
        let seen = self.sessions.name(&sample, now, words);
        seen.into_iter().map(|seen| (seen.who, seen.statement, seen.origin)).collect()
    }
}

fn known() -> Names {
    let mut names = Names::new(10);
    names.learn(&facts(), Duration::ZERO);
    names
}

/// With a text that says for which request it is.
fn asks(since: u64) -> Session {
    let trace = TraceId::new(&[7; 16]);
    let comment = Some(Comment { trace, tags: vec![] });
    Session { comment, query: Some("select * from sale_order".into()), ..session(1, since) }
}

/// The same later on: its text does not come again.
fn goes_on(since: u64) -> Session {
    Session { query: None, comment: None, ..session(1, since) }
}

fn told(seen: &Told) -> (Option<&str>, &str, bool) {
    let (_, statement, origin) = seen;
    (statement.text.as_deref(), &statement.module, origin.trace.is_some())
}

#[test]
fn a_session_that_takes_another_name_keeps_its_statement_and_its_request() {
    let mut named = Named::new(known());
    let all = (Some("select * from sale_order"), "sales", true);
    assert_eq!(told(&named.look(0, vec![asks(0)])[0]), all);
    for (ms, name) in [(100, "Metabase"), (200, "\u{1b}[2J"), (300, "\u{1b}[2J")] {
        let renamed = Session { application_name: name.into(), ..goes_on(0) };
        let seen = named.look(ms, vec![renamed]).remove(0);
        assert_eq!(told(&seen), all, "{name}");
        assert_eq!(seen.0.application_name, printable(name));
    }
    // What it begins then is another statement.
    let next = Session { application_name: "Metabase".into(), ..goes_on(350) };
    assert_eq!(told(&named.look(400, vec![next])[0]), (None, "other", false));
}

#[test]
fn a_database_that_gets_its_name_within_a_statement_costs_no_text() {
    let mut named = Named::new(Names::new(10));
    let queryid = Some(7);
    named.look(0, vec![Session { queryid, ..asks(0) }]);
    named.names = known();
    let seen = named.look(100, vec![Session { queryid, ..goes_on(0) }]).remove(0);
    assert_eq!(&*seen.0.datname, "erp");
    assert_eq!(told(&seen), (Some("select * from sale_order"), "sales", true));
}

#[test]
fn a_parallel_worker_works_for_the_client_of_its_leader() {
    let mut named = Named::new(known());
    let client_addr = Some("10.1.2.3".parse().unwrap());
    let leader = || Session { client_addr, ..goes_on(0) };
    // It began after the last sample, in a statement that had begun before: no text comes.
    let worker = || {
        let backend_start = Some(clock(150));
        Session {
            backend: Backend::ParallelWorker,
            leader: Some(1),
            backend_start,
            pid: 2,
            ..goes_on(0)
        }
    };
    named.look(100, vec![Session { client_addr, ..asks(0) }]);
    for ms in [200, 300] {
        let seen = named.look(ms, vec![worker(), leader()]);
        assert_eq!(told(&seen[0]), (Some("select * from sale_order"), "sales", true));
        assert_eq!(
            (seen[0].0.client_addr, seen[0].0.backend),
            (client_addr, Backend::ParallelWorker)
        );
        assert_eq!(seen[0].2.integration.as_ref().unwrap().name.as_ref(), "bank");
    }
    // That of another leader is not told.
    let alone = Session { leader: Some(9), pid: 3, ..worker() };
    assert_eq!(told(&named.look(400, vec![alone, leader()])[0]), (None, "other", false));
}
