//! What sessions do, folded: names first, then waits, locks, transactions, incidents.

mod explained;
mod picture;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::capped::{Capped, Coarse};
use super::footprints::{self, Footprints, Stretch, Ties};
use super::histogram::Histogram;
use super::hot_spots::HotSpots;
use super::incidents::{Incidents, Thresholds};
use super::lock_tree::{LockTree, object};
use super::lock_waits::{BlockedKey, Finished, LengthKey, LockWaits, Scene, WaitKey};
use super::log::{self, FailureKey, Lines, Log};
use super::relations::Relations;
use super::reports::{BoundaryBreach, LockWait, Report, SlowTransaction};
use super::runners::Runners;
use super::sessions::{Seen, Sessions, Words};
use super::statements;
use super::timeline::{Now, Timeline, span};
use super::transactions::{self, SlowAfter, SlowKey, Transactions};
use super::waits::{ActiveKey, IdleKey, Waits};
use crate::erp::{Erps, OTHER};
use crate::sample::activity::{Backend, Sample};
use crate::sample::relations::{self, RelationKey};
use crate::serverlog::Batch;

/// Transactions that a picture holds: open ones that are slow, and of late.
const TRANSACTIONS: usize = 100;

/// A shorter transaction explains no call.
const TIED: Duration = Duration::from_millis(50);

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

/// Those who wait for locks now.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Waiters {
    /// How many.
    pub count: u64,
    /// How long the first of them has waited.
    pub oldest: Duration,
}

/// Waits that go on, by what is waited for and the root blocker.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BlockedNowKey {
    /// The waiter's database.
    pub datname: Arc<str>,
    /// Of the object waited for.
    pub module: Arc<str>,
    /// The root blocker's.
    pub root_application: Arc<str>,
    /// The root blocker's.
    pub root_state: &'static str,
}

impl Coarse for BlockedNowKey {
    fn coarse(&self) -> Self {
        let datname = Arc::clone(&self.datname);
        let (module, root_application) = (OTHER.into(), OTHER.into());
        Self { datname, module, root_application, root_state: self.root_state }
    }
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
    /// The same by module and root blocker.
    pub blocked_now: Capped<BlockedNowKey, Waiters>,
    /// The most victims of one root blocker, by its application and state.
    pub root_victims: Capped<StateKey, u64>,
    /// How long a root blocker has been in its state: the longest of any, by application and state.
    pub root_since: Capped<StateKey, Duration>,
    /// Waits that have ended.
    pub lock_waits: Capped<WaitKey, u64>,
    /// How long they were, by database and module.
    pub lock_seconds: Vec<(LengthKey, Histogram)>,
    /// Blocked time.
    pub blocked: Capped<BlockedKey, Duration>,
    /// Who runs which statement.
    pub runners: Runners,
    /// Where waits for rows gather.
    pub hot_spots: HotSpots,
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
    /// The longest pause of a session that is idle in its transaction.
    pub oldest_idle: Capped<IdleKey, Duration>,
    /// The longest statement that runs.
    pub oldest_statement: Capped<StateKey, Duration>,
    /// All sessions, idle ones too.
    pub sessions: Capped<StateKey, u64>,
    /// Open transactions that are slow already, the longest first.
    pub open: Vec<SlowTransaction>,
    /// Slow ones that have ended of late, the last first.
    pub ended: Vec<Arc<SlowTransaction>>,
    /// What integrations did and suffered.
    pub footprints: footprints::View,
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
    /// When the last sample was taken, since the agent's start.
    sampled: Duration,
    drawn: Option<SystemTime>,
    sessions: Sessions,
    relations: Relations,
    waits: Waits,
    locks: LockWaits,
    hot_spots: HotSpots,
    runners: Runners,
    transactions: Transactions,
    incidents: Incidents,
    footprints: Footprints,
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
            sampled: Duration::ZERO,
            drawn: None,
            sessions: Sessions::default(),
            relations: Relations::default(),
            waits: Waits::new(limits.series),
            locks: LockWaits::new(limits.series),
            hot_spots: HotSpots::new(limits.series),
            runners: Runners::default(),
            transactions: Transactions::new(limits.series, limits.slow_after.clone()),
            incidents: Incidents::default(),
            footprints: Footprints::new(limits.series),
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
        self.hot_spots.limit(limits.series);
        self.log.limit(limits.series);
        self.footprints.limit(limits.series);
        self.transactions.limit(limits.series, limits.slow_after.clone());
        self.limits = limits;
    }

    /// The ERP's words are others from now on: a profile was changed, or a database recognised.
    pub fn learn_words(&mut self, erps: &Erps) {
        self.sessions.learn_words(erps);
        self.footprints.learn_words();
    }

    /// Folds one sample in.
    pub fn apply(&mut self, taken: Taken, sample: &Sample, words: Words<'_>) -> Told {
        let now = self.timeline.now(sample.now, taken.at, taken.interval);
        let since_last = self.last.map_or(Duration::ZERO, |last| span(last, now.at));
        let seen = self.sessions.name(sample, now, words);
        self.waits.apply(&seen, now, self.last);
        self.runners.apply(&seen);
        if sample.all {
            self.count(&seen);
        }
        self.want_names(sample, taken.at);
        let by_pid: HashMap<i32, &Seen<'_>> = seen.iter().map(|s| (s.row.pid, s)).collect();
        let scene =
            Scene { sample, now, seen: &by_pid, relations: &self.relations, erps: words.erps };
        let mut reports = Vec::new();
        let locks = self.locks.apply(scene, taken.sighted);
        let incidents =
            self.incidents.apply(scene, &self.locks, &locks.charges, self.limits.incident);
        reports.extend(incidents.into_iter().map(Report::LockIncident));
        self.end_waits(&locks.finished, since_last, &mut reports);
        let ended = self.transactions.apply(&seen, now, self.last, &locks.charges);
        self.end_transactions(ended, &mut reports);
        let breaches = self.footprints.apply(&seen, sample.all, &locks.charges, now, self.last);
        reports.extend(breaches.iter().map(BoundaryBreach::of).map(Report::BoundaryBreach));
        tally(&mut self.reports, &reports);
        (self.now, self.last, self.sampled) = (Some(now), Some(now.at), taken.at);
        let is_due =
            self.drawn.is_none_or(|drawn| span(drawn, now.at) >= self.limits.picture_every);
        let scene =
            Scene { sample, now, seen: &by_pid, relations: &self.relations, erps: words.erps };
        let view = is_due.then(|| self.view(scene));
        if is_due {
            self.drawn = Some(now.at);
        }
        Told { reports, view }
    }

    /// Keeps and tells what ended waits were; samples are `interval` apart.
    fn end_waits(&mut self, ended: &[Finished], interval: Duration, reports: &mut Vec<Report>) {
        for finished in ended {
            self.hot_spots.count(finished, &self.relations);
            let is_told = span(finished.wait.start, finished.end) >= self.limits.report_after;
            let ties = Ties::of(finished.wait.origin.as_deref());
            if !is_told && ties.is_none() {
                continue;
            }
            let object = object(&finished.wait, &self.relations);
            let wait = Arc::new(LockWait::of(finished, object, interval));
            if let Some(ties) = ties {
                let stretch = Stretch { start: finished.wait.start, end: finished.end };
                self.footprints.trail.add_wait(ties.step(stretch, finished.pid, &wait));
            }
            if is_told {
                reports.push(Report::LockWait(Arc::unwrap_or_clone(wait)));
            }
        }
    }

    /// Keeps and tells what ended transactions were.
    fn end_transactions(&mut self, ended: Vec<transactions::Finished>, reports: &mut Vec<Report>) {
        for finished in ended {
            let transactions::Finished { transaction, pid, end } = &finished;
            let is_slow = self.transactions.is_slow(&finished);
            let ties = Ties::of_transaction(transaction).filter(|_| finished.length() >= TIED);
            if !is_slow && ties.is_none() {
                continue;
            }
            let told = Arc::new(SlowTransaction::of(*pid, transaction, *end));
            if let Some(ties) = ties {
                let stretch = Stretch { start: transaction.start, end: *end };
                self.footprints.trail.add_transaction(ties.step(stretch, *pid, &told));
            }
            if is_slow {
                if let Some(integration) = &transaction.origin.integration {
                    self.footprints.was_slow(&integration.name);
                }
                self.ended.push_front(Arc::clone(&told));
                reports.push(Report::SlowTransaction(Arc::unwrap_or_clone(told)));
            }
        }
        self.ended.truncate(TRANSACTIONS);
    }

    /// Takes what pg_stat_statements has counted of the roles of integrations.
    pub fn read_statements(&mut self, view: &statements::View, words: Words<'_>) -> Vec<Report> {
        let breaches = self.footprints.read_statements(view, words);
        let reports: Vec<Report> =
            breaches.iter().map(BoundaryBreach::of).map(Report::BoundaryBreach).collect();
        tally(&mut self.reports, &reports);
        reports
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
            blocked_now: Capped::default(),
            root_victims: Capped::default(),
            root_since: Capped::default(),
            oldest_transaction: Capped::default(),
            oldest_idle: Capped::default(),
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
}

fn tally(counts: &mut BTreeMap<&'static str, u64>, reports: &[Report]) {
    for report in reports {
        *counts.entry(report.kind()).or_default() += 1;
    }
}

#[cfg(test)]
mod tests;
