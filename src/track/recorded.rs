//! Samples of sessions for tests: made by hand, folded as the agent folds them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::activity::{Activity, Limits, Taken, Told, View};
use super::incidents::Thresholds;
use super::names::Names;
use super::reports::Report;
use super::sessions::Words;
use super::statements;
use super::transactions::SlowAfter;
use crate::erp::{Erps, Profiles};
use crate::integration::Integrations;
use crate::sample::activity::{Backend, Sample, Session, State, Transaction, Wait};
use crate::sample::database::{self, Counters, Database};
use crate::sample::relations;

/// The server's clock so many milliseconds after the test's beginning.
pub(super) fn clock(ms: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000) + Duration::from_millis(ms)
}

/// An active session whose transaction and statement began at `since`.
pub(crate) fn session(pid: i32, since: u64) -> Session {
    Session {
        pid,
        dbid: 1,
        userid: 10,
        application_name: "psql".into(),
        client_addr: None,
        backend: Backend::Client,
        leader: None,
        backend_start: Some(clock(0)),
        state: State::Active,
        state_change: Some(clock(since)),
        xact_start: Some(clock(since)),
        query_start: Some(clock(since)),
        wait: None,
        queryid: None,
        query: Some("update stock set n = ?".into()),
        comment: None,
        xmin_age: None,
        holds_xid: true,
    }
}

/// The same, idle in transaction since `idle`.
pub(crate) fn idle(pid: i32, since: u64, idle: u64) -> Session {
    Session {
        state: State::IdleInTransaction,
        state_change: Some(clock(idle)),
        ..session(pid, since)
    }
}

/// An active session that waits for a lock.
pub(crate) fn waiter(pid: i32, since: u64) -> Session {
    Session { wait: Some(("Lock".into(), "transactionid".into())), ..session(pid, since) }
}

/// What a look says of its wait.
pub(crate) fn wait(pid: i32, blockers: &[i32], since: Option<u64>) -> Wait {
    Wait {
        pid,
        blockers: blockers.to_vec(),
        locktype: "transactionid".into(),
        mode: "ShareLock".into(),
        relation: Some((1, 500)),
        since: since.map(clock),
    }
}

/// What the sampler brings besides when somebody waits for such a one.
fn prepared() -> Transaction {
    let (gid, owner) = ("it's open".into(), "erp".into());
    Transaction { gid, prepared: clock(0), owner, datname: "erp".into() }
}

/// An agent's fold of one server, and everything it has told.
pub(super) struct Fold {
    pub(super) activity: Activity,
    pub(super) reports: Vec<Report>,
    pub(super) view: View,
    names: Names,
    erps: Erps,
    pub(super) integrations: Arc<Integrations>,
    pub(super) sighted: bool,
    /// The next samples have idle sessions, too.
    pub(super) all: bool,
}

impl Fold {
    pub(super) fn new() -> Self {
        let mut names = Names::new(10);
        names.learn(&facts(), Duration::ZERO);
        Self {
            activity: Activity::new(limits()),
            reports: Vec::new(),
            view: View::default(),
            names,
            erps: Erps::default(),
            integrations: Arc::default(),
            sighted: true,
            all: true,
        }
    }

    /// A sample at `ms` of both clocks.
    pub(super) fn sample(&mut self, ms: u64, sessions: Vec<Session>, waits: Option<Vec<Wait>>) {
        self.at(ms, clock(ms), sessions, waits);
    }

    /// A sample `elapsed` milliseconds after the agent's start, when the server's clock says `now`.
    pub(super) fn at(
        &mut self,
        elapsed: u64,
        now: SystemTime,
        sessions: Vec<Session>,
        waits: Option<Vec<Wait>>,
    ) {
        let nobody = !sessions.iter().any(Session::waits_for_lock);
        let waits = if nobody && self.sighted { Some(Vec::new()) } else { waits };
        let for_prepared = waits.iter().flatten().any(|wait| wait.blockers.contains(&0));
        let prepared = if for_prepared { vec![prepared()] } else { vec![] };
        let sample = Sample { now, sessions, all: self.all, waits, prepared };
        let words =
            Words { names: &self.names, erps: &self.erps, integrations: &self.integrations };
        let taken = Taken {
            at: Duration::from_millis(elapsed),
            interval: Duration::from_millis(100),
            sighted: self.sighted,
        };
        let Told { reports, view } = self.activity.apply(taken, &sample, words);
        self.reports.extend(reports);
        self.view = view.unwrap();
    }

    /// What pg_stat_statements shows.
    pub(super) fn read_statements(&mut self, view: &statements::View) -> Vec<Report> {
        let words =
            Words { names: &self.names, erps: &self.erps, integrations: &self.integrations };
        self.activity.read_statements(view, words)
    }

    /// All databases are recognised as this ERP's.
    pub(super) fn recognise(&mut self, profile: &str) {
        let profiles = Profiles::default();
        self.erps = Erps::new(BTreeMap::new(), profiles.words(profiles.get(profile)));
        self.activity.learn_words(&self.erps);
    }

    /// Relation 500 of database 1 is called so.
    pub(super) fn name_relation(&mut self, name: &str) {
        let names = BTreeMap::from([((1, 500), ("public".to_owned(), name.to_owned()))]);
        let sample = relations::Sample { asked: vec![(1, 500)], names };
        self.activity.learn_names(&sample, Duration::ZERO);
    }

    /// Blocked seconds by application and state of the root.
    pub(super) fn blocked(&self) -> BTreeMap<(String, &'static str), f64> {
        let mut blocked = BTreeMap::new();
        for (key, time) in self.view.blocked.iter() {
            let root = (key.root_application.to_string(), key.root_state);
            *blocked.entry(root).or_default() += time.as_secs_f64();
        }
        blocked
    }
}

fn limits() -> Limits {
    Limits {
        series: 1_000,
        picture_every: Duration::ZERO,
        slow_after: SlowAfter {
            general: Duration::from_secs(1),
            of_application: BTreeMap::from([("pg_dump".to_owned(), Duration::from_secs(60))]),
        },
        report_after: Duration::ZERO,
        incident: Thresholds { victims: 3, after: Duration::from_secs(10) },
    }
}

pub(super) fn facts() -> database::Sample {
    let database = Database {
        dbid: 1,
        datname: "erp".into(),
        stats_reset: None,
        connection_limit: None,
        connections: 0,
        counters: Counters::default(),
    };
    database::Sample {
        read_at: clock(0),
        server: database::Server {
            version: String::new(),
            version_num: 150_000,
            start_time: clock(0),
            in_recovery: false,
            max_connections: 1,
            role: "erpscope".into(),
            reserved_connections: 0,
            statements_max: 0,
            connections: 0,
        },
        databases: vec![database],
        roles: vec![(10, "erp".into())],
        horizon: vec![],
    }
}
