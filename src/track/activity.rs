//! What sessions do, folded: names first, then waits, locks, transactions, incidents.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::capped::{Capped, Coarse};
use super::distribution::Distribution;
use super::histogram::{EPISODE_SECONDS, Histogram};
use super::incidents::{Incidents, Thresholds};
use super::lock_tree::{LockTree, object};
use super::lock_waits::{BlockedKey, LengthKey, LockWaits, Scene, WaitKey};
use super::log::{self, FailureKey, Lines, Log};
use super::relations::Relations;
use super::reports::{LockWait, Report, SlowTransaction};
use super::sessions::{Seen, Sessions, Words};
use super::timeline::{Now, Timeline, span};
use super::transactions::{SlowAfter, SlowKey, Transactions};
use super::waits::{ActiveKey, IdleKey, Waits};
use crate::erp::OTHER;
use crate::sample::activity::{Backend, Sample, State};
use crate::sample::relations::{self, RelationKey};
use crate::serverlog::Batch;

/// Transactions that a picture holds: open ones that are slow, and of late.
const TRANSACTIONS: usize = 100;

/// What is kept and told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Series of one metric.
    pub series: usize,
    /// How often a picture is made.
    pub picture_every: Duration,
    /// From when on a transaction is slow.
    pub slow_after: SlowAfter,
    /// From when on a finished wait is told.
    pub report_after: Duration,
    /// From when on waits are an incident.
    pub incident: Thresholds,
}

/// Database, application and state.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StateKey {
    /// The session's database.
    pub datname: Arc<str>,
    /// Its application.
    pub application: Arc<str>,
    /// What it does.
    pub state: &'static str,
}

impl Coarse for StateKey {
    fn coarse(&self) -> Self {
        Self { datname: Arc::clone(&self.datname), application: OTHER.into(), state: self.state }
    }
}

/// Waiters of one database now.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Waiters {
    /// How many.
    pub count: u64,
    /// How long the first of them has waited.
    pub oldest: Duration,
}

/// What is true now of one server's sessions.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// Sessions can be seen now. If not, what was true when they last were is left out, and only
    /// what was counted is here.
    pub is_current: bool,
    /// Who blocks whom.
    pub tree: LockTree,
    /// By database; one without waiters has no entry.
    pub waiters: BTreeMap<Arc<str>, Waiters>,
    /// The most victims of one root blocker, by its application and state.
    pub root_victims: Capped<StateKey, u64>,
    /// Waits that have ended.
    pub lock_waits: Capped<WaitKey, u64>,
    /// How long they were, by database and module.
    pub lock_seconds: Vec<(LengthKey, Histogram)>,
    /// Blocked time.
    pub blocked: Capped<BlockedKey, Duration>,
    /// At most so many series of one metric are kept apart.
    pub series: usize,
    /// Executing time.
    pub active: Capped<ActiveKey, Duration>,
    /// Time idle in transaction.
    pub idle_in_transaction: Capped<IdleKey, Duration>,
    /// Time that no sample stands for.
    pub unseen: Duration,
    /// Slow transactions that have ended.
    pub slow: Vec<(SlowKey, Histogram)>,
    /// The longest open transaction.
    pub oldest_transaction: Capped<StateKey, Duration>,
    /// The longest statement that runs.
    pub oldest_statement: Capped<StateKey, Duration>,
    /// All sessions, idle ones too.
    pub sessions: Capped<StateKey, u64>,
    /// Open transactions that are slow already, the longest first.
    pub open: Vec<SlowTransaction>,
    /// Slow ones that have ended of late, the last first.
    pub ended: Vec<Arc<SlowTransaction>>,
    /// Failures that the server's log tells of.
    pub failures: Capped<FailureKey, u64>,
    /// How reading that log goes; `None` if none is read.
    pub log_lines: Option<Lines>,
    /// Reports by kind.
    pub reports: BTreeMap<&'static str, u64>,
    /// Relations whose names are wanted.
    pub wanted: Vec<RelationKey>,
}

/// The sessions of one server over time.
#[derive(Debug)]
pub struct Activity {
    limits: Limits,
    timeline: Timeline,
    now: Option<Now>,
    last: Option<SystemTime>,
    drawn: Option<SystemTime>,
    sessions: Sessions,
    relations: Relations,
    waits: Waits,
    locks: LockWaits,
    transactions: Transactions,
    incidents: Incidents,
    log: Log,
    counts: Capped<StateKey, u64>,
    ended: VecDeque<Arc<SlowTransaction>>,
    reports: BTreeMap<&'static str, u64>,
}

/// How a sample came to be.
#[derive(Clone, Copy, Debug)]
pub struct Taken {
    /// When it was asked for, since the agent's start.
    pub at: Duration,
    /// How long after the one before it that was meant to be.
    pub interval: Duration,
    /// Whether the role sees what others do.
    pub sighted: bool,
}

/// What a sample has brought.
#[derive(Debug, Default)]
pub struct Told {
    /// What somebody should know.
    pub reports: Vec<Report>,
    /// A new picture, if it was time for one.
    pub view: Option<View>,
}

impl Activity {
    /// Nothing seen yet.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            timeline: Timeline::default(),
            now: None,
            last: None,
            drawn: None,
            sessions: Sessions::default(),
            relations: Relations::default(),
            waits: Waits::new(limits.series),
            locks: LockWaits::new(limits.series),
            transactions: Transactions::new(limits.series, limits.slow_after.clone()),
            incidents: Incidents::default(),
            log: Log::new(limits.series),
            counts: Capped::new(limits.series),
            ended: VecDeque::new(),
            reports: BTreeMap::new(),
            limits,
        }
    }

    /// Other limits from now on.
    pub fn limit(&mut self, limits: Limits) {
        self.waits.limit(limits.series);
        self.locks.limit(limits.series);
        self.log.limit(limits.series);
        self.transactions.limit(limits.series, limits.slow_after.clone());
        self.limits = limits;
    }

    /// Folds one sample in.
    pub fn apply(&mut self, taken: Taken, sample: &Sample, words: Words<'_>) -> Told {
        let now = self.timeline.now(sample.now, taken.at, taken.interval);
        let since_last = self.last.map_or(Duration::ZERO, |last| span(last, now.at));
        let seen = self.sessions.name(sample, now, words);
        self.waits.apply(&seen, now, self.last);
        if sample.all {
            self.count(&seen);
        }
        self.want_names(sample, taken.at);
        let by_pid: HashMap<i32, &Seen<'_>> = seen.iter().map(|s| (s.row.pid, s)).collect();
        let scene =
            Scene { sample, now, seen: &by_pid, relations: &self.relations, erps: words.erps };
        let mut reports = Vec::new();
        let locks = self.locks.apply(scene, taken.sighted);
        for finished in &locks.finished {
            if span(finished.wait.start, finished.end) >= self.limits.report_after {
                let object = object(&finished.wait, scene);
                let wait = LockWait::of(finished, object, since_last);
                reports.push(Report::LockWait(wait));
            }
        }
        let incidents =
            self.incidents.apply(scene, &self.locks, &locks.charges, self.limits.incident);
        reports.extend(incidents.into_iter().map(Report::LockIncident));
        for finished in self.transactions.apply(&seen, now, self.last, &locks.charges) {
            let slow = SlowTransaction::of(finished.pid, &finished.transaction, finished.end);
            self.ended.push_front(Arc::new(slow.clone()));
            reports.push(Report::SlowTransaction(slow));
        }
        self.ended.truncate(TRANSACTIONS);
        tally(&mut self.reports, &reports);
        (self.now, self.last) = (Some(now), Some(now.at));
        let is_due =
            self.drawn.is_none_or(|drawn| span(drawn, now.at) >= self.limits.picture_every);
        let view = is_due.then(|| self.view(scene));
        if is_due {
            self.drawn = Some(now.at);
        }
        Told { reports, view }
    }

    fn want_names(&mut self, sample: &Sample, elapsed: Duration) {
        for key in sample.waits.iter().flatten().filter_map(|wait| wait.relation) {
            self.relations.want(key, elapsed);
        }
    }

    /// Sessions cannot be seen any more: a picture of what was counted so far.
    pub fn go_blind(&mut self, seen: &View) -> View {
        self.drawn = None;
        View {
            is_current: false,
            tree: LockTree::default(),
            waiters: BTreeMap::new(),
            root_victims: Capped::default(),
            oldest_transaction: Capped::default(),
            oldest_statement: Capped::default(),
            sessions: Capped::default(),
            open: Vec::new(),
            wanted: Vec::new(),
            ..seen.clone()
        }
    }

    /// Learns names of relations.
    pub fn learn_names(&mut self, sample: &relations::Sample, elapsed: Duration) {
        self.relations.learn(sample, elapsed);
    }

    /// Takes what the server's log has told.
    pub fn read_log(&mut self, batch: &Batch, words: Words<'_>) -> Vec<Report> {
        let told = self.log.apply(batch, words);
        let mut reports = told.reports;
        if let Some(now) = self.now {
            for (missed, waiter) in told.waits {
                if let Some(start) = self.locks.add_missed(&missed, now)
                    && missed.length >= self.limits.report_after
                {
                    reports.push(log::report(missed, waiter, start));
                }
            }
        }
        tally(&mut self.reports, &reports);
        reports
    }

    /// Counts all sessions of clients.
    fn count(&mut self, sessions: &[Seen<'_>]) {
        self.counts = Capped::new(self.limits.series);
        for seen in sessions.iter().filter(|seen| seen.who.backend == Backend::Client) {
            let datname = Arc::clone(&seen.who.datname);
            let application = Arc::clone(&seen.who.application);
            *self.counts.of(StateKey { datname, application, state: seen.row.state.name() }) += 1;
        }
    }

    /// The waits for locks.
    #[cfg(test)]
    pub(super) fn locks(&self) -> &LockWaits {
        &self.locks
    }

    fn view(&self, scene: Scene<'_>) -> View {
        let now = scene.now;
        let series = self.limits.series;
        let (oldest_transaction, oldest_statement) = self.oldest(now, series);
        let tree = LockTree::of(scene, &self.locks);
        View {
            is_current: true,
            root_victims: root_victims(&tree, series),
            tree,
            waiters: self.waiters(now.at),
            lock_waits: self.locks.finished().clone(),
            lock_seconds: histograms(self.locks.seconds()),
            blocked: self.locks.blocked().clone(),
            series,
            active: self.waits.active().clone(),
            idle_in_transaction: self.waits.idle_in_transaction().clone(),
            unseen: self.waits.unseen(),
            slow: histograms(self.transactions.slow()),
            oldest_transaction,
            oldest_statement,
            sessions: self.counts.clone(),
            open: self.open(now.at),
            ended: self.ended.iter().cloned().collect(),
            failures: self.log.failures().clone(),
            log_lines: self.log.lines(),
            reports: self.reports.clone(),
            wanted: self.relations.wanted(),
        }
    }

    fn waiters(&self, at: SystemTime) -> BTreeMap<Arc<str>, Waiters> {
        let mut waiters: BTreeMap<Arc<str>, Waiters> = BTreeMap::new();
        for open in self.locks.open().values() {
            let of_database = waiters.entry(open.datname()).or_default();
            of_database.count += 1;
            of_database.oldest = of_database.oldest.max(span(open.start, at));
        }
        waiters
    }

    fn oldest(
        &self,
        now: Now,
        series: usize,
    ) -> (Capped<StateKey, Duration>, Capped<StateKey, Duration>) {
        let (mut transactions, mut statements) = (Capped::new(series), Capped::new(series));
        for open in self.transactions.open().values() {
            let key = StateKey {
                datname: Arc::clone(&open.who.datname),
                application: Arc::clone(&open.who.application),
                state: open.state.name(),
            };
            if open.state == State::Active {
                let oldest: &mut Duration = statements.of(key.clone());
                *oldest = (*oldest).max(span(open.statement_start, now.at));
            }
            let oldest: &mut Duration = transactions.of(key);
            *oldest = (*oldest).max(span(open.start, now.at));
        }
        (transactions, statements)
    }

    fn open(&self, at: SystemTime) -> Vec<SlowTransaction> {
        let mut slow: Vec<_> = self
            .transactions
            .open()
            .iter()
            .filter(|(_, open)| self.transactions.is_slow_now(open, at))
            .collect();
        slow.sort_by_key(|(_, open)| open.start);
        slow.truncate(TRANSACTIONS);
        slow.into_iter().map(|(pid, open)| SlowTransaction::of(*pid, open, at)).collect()
    }
}

fn histograms<K: Coarse + Clone>(seconds: &Capped<K, Distribution>) -> Vec<(K, Histogram)> {
    seconds.iter().map(|(key, of)| (key.clone(), of.buckets(EPISODE_SECONDS))).collect()
}

fn tally(counts: &mut BTreeMap<&'static str, u64>, reports: &[Report]) {
    for report in reports {
        *counts.entry(report.kind()).or_default() += 1;
    }
}

fn root_victims(tree: &LockTree, series: usize) -> Capped<StateKey, u64> {
    let mut most = Capped::new(series);
    for root in &tree.roots {
        let key = StateKey {
            datname: Arc::clone(&root.datname),
            application: Arc::clone(&root.application),
            state: root.state,
        };
        let victims: &mut u64 = most.of(key);
        *victims = (*victims).max(u64::try_from(root.victim_count).unwrap_or(u64::MAX));
    }
    most
}

#[cfg(test)]
mod tests;
