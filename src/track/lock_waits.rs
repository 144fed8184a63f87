//! Waits for locks as episodes, and the blocked time that each root blocker has to answer for.
//!
//! A wait begins at its `waitstart` (PostgreSQL 14 and later; before that halfway between the last
//! sample without it and the first with it) and ends halfway between the last sample with it and
//! the first without: either is right to half an interval. Of waits shorter than an interval most are
//! never seen; one that a single sample shows stands for them with a whole interval. So the sum has no
//! bias, but for waits of one to two intervals, of which an eighth of an interval is missing at worst.
//! A wait that its session does not show goes on while the locks may still have it: see
//! [`Session::may_wait_unseen`](crate::sample::activity::Session::may_wait_unseen).
//! Until a wait ends, its time is charged at each sample to the root blocker of that
//! moment; what has no root yet is charged when one is found, at the latest at the end.

mod keys;
mod missed;
mod open;
mod root;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

pub use self::keys::{BlockedKey, LengthKey, WaitKey};
pub use self::missed::Missed;
pub use self::open::Open;
pub use self::root::Root;
use super::capped::Capped;
use super::distribution::Distribution;
use super::forest::Forest;
use super::relations::Relations;
use super::sessions::{Origin, Seen, Who};
use super::timeline::{Now, span};
use crate::erp::Erps;
use crate::sample::activity::{Backend, Sample, Transaction, Wait};

/// Blocked time between two samples.
#[derive(Clone, Debug)]
pub struct Charge {
    /// Who waited.
    pub waiter: i32,
    /// On whose behalf.
    pub origin: Option<Arc<Origin>>,
    /// The root blocker; `None` if it was never seen.
    pub root: Option<i32>,
    /// Its application.
    pub root_application: Arc<str>,
    /// On whose behalf it works.
    pub root_origin: Option<Arc<Origin>>,
    /// Its transaction, by when that began on the server's clock.
    pub root_xact: Option<SystemTime>,
    /// How long.
    pub time: Duration,
    /// The wait is over: what the two do now is another thing already.
    pub is_last: bool,
}

/// A wait that has ended.
#[derive(Clone, Debug)]
pub struct Finished {
    /// What was known of it.
    pub wait: Open,
    /// Its process.
    pub pid: i32,
    /// When it ended, on the server's line of time.
    pub end: SystemTime,
}

/// What one sample has told.
#[derive(Debug, Default)]
pub struct Told {
    /// Blocked time by waiter and root.
    pub charges: Vec<Charge>,
    /// Waits that ended.
    pub finished: Vec<Finished>,
}

/// What is needed to read a sample.
#[derive(Clone, Copy)]
pub struct Scene<'a> {
    /// The sample.
    pub sample: &'a Sample,
    /// Its time.
    pub now: Now,
    /// Its sessions by name.
    pub seen: &'a HashMap<i32, &'a Seen<'a>>,
    /// Names of relations.
    pub relations: &'a Relations,
    /// The ERP's words.
    pub erps: &'a Erps,
}

/// The waits of one server.
#[derive(Debug)]
pub struct LockWaits {
    open: BTreeMap<i32, Open>,
    forest: Forest,
    /// Roots that waited in a circle at the last look.
    circles: BTreeSet<i32>,
    /// Prepared transactions that somebody waits for, as last looked; the oldest first.
    prepared: Vec<Transaction>,
    /// Root blocker of each waiter, as last looked.
    roots: HashMap<i32, i32>,
    /// The transactions that those roots were in.
    root_xacts: HashMap<i32, Option<SystemTime>>,
    last: Option<SystemTime>,
    finished: Capped<WaitKey, u64>,
    seconds: Capped<LengthKey, Distribution>,
    blocked: Capped<BlockedKey, Duration>,
    /// Waits that have ended of late: process, beginning and end.
    recent: VecDeque<(i32, SystemTime, SystemTime)>,
}

/// For so long a wait may go on with no sample that shows it and no look.
const UNSEEN: Duration = Duration::from_secs(1);

/// How many waits that have ended are remembered, to know them again in the log.
const RECENT: usize = 4_096;

impl LockWaits {
    /// Nothing seen yet; at most `series` series of each metric.
    #[must_use]
    pub fn new(series: usize) -> Self {
        Self {
            open: BTreeMap::new(),
            forest: Forest::default(),
            circles: BTreeSet::new(),
            prepared: Vec::new(),
            roots: HashMap::new(),
            root_xacts: HashMap::new(),
            last: None,
            finished: Capped::new(series),
            seconds: Capped::new(series),
            blocked: Capped::new(series),
            recent: VecDeque::new(),
        }
    }

    /// Another number of series from now on.
    pub fn limit(&mut self, series: usize) {
        self.finished.limit(series);
        self.seconds.limit(series);
        self.blocked.limit(series);
    }

    /// Folds one sample in.
    pub fn apply(&mut self, scene: Scene<'_>, sighted: bool) -> Told {
        let mut told = Told::default();
        let Some(mut waiting) = waiting(scene, sighted) else { return told };
        if let Some(waits) = &scene.sample.waits {
            self.look(scene, waits);
            waiting.extend(self.going_on(scene, waits));
        }
        self.end(scene, &waiting, &mut told);
        self.begin(scene, &waiting);
        if let Some(waits) = &scene.sample.waits {
            self.learn(scene, waits, &mut told);
        }
        self.charge(scene, &mut told);
        self.last = Some(scene.now.at);
        told
    }

    /// Who blocks whom, from the last look.
    fn look(&mut self, scene: Scene<'_>, waits: &[Wait]) {
        let mut edges: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
        for wait in waits {
            let waiter = leader(scene, wait.pid);
            let blockers = wait.blockers.iter().copied().filter(|blocker| *blocker != waiter);
            edges.entry(waiter).or_default().extend(blockers);
        }
        self.prepared.clone_from(&scene.sample.prepared);
        self.forest = Forest::grow(&edges);
        self.circles = self.forest.confirm(&self.circles);
        self.roots = self.forest.root_of_each();
        let xact_start = |pid: &i32| scene.seen.get(pid).and_then(|seen| seen.row.xact_start);
        self.root_xacts = self.roots.values().map(|pid| (*pid, xact_start(pid))).collect();
    }

    /// The waits that a look finds again, whatever their sessions show.
    fn going_on(&self, scene: Scene<'_>, waits: &[Wait]) -> Vec<i32> {
        let pids = waits.iter().filter_map(|wait| {
            let pid = leader(scene, wait.pid);
            self.open.get(&pid).is_some_and(|open| open.is_in(wait)).then_some(pid)
        });
        pids.collect()
    }

    /// Ends the waits that are no more. Of one that may go on unseen the next look or the next samples tell.
    fn end(&mut self, scene: Scene<'_>, waiting: &BTreeSet<i32>, told: &mut Told) {
        let mut ended = Vec::new();
        for (pid, open) in &mut self.open {
            let seen = scene.seen.get(pid);
            let mut looked_at = scene.sample.waits.iter().flatten();
            let is_still = open.is_still(seen)
                || looked_at.any(|w| leader(scene, w.pid) == *pid && open.is_surely(w))
                    && open.adopt(seen);
            if is_still && waiting.contains(pid) {
                continue;
            }
            let lost = open.lose(scene.now);
            let may_go_on = seen.is_some_and(|seen| seen.row.may_wait_unseen());
            let is_long_gone = span(lost, scene.now.at) > UNSEEN;
            if !is_still || !may_go_on || is_long_gone || scene.sample.waits.is_some() {
                ended.push(*pid);
            }
        }
        for pid in ended {
            let Some(open) = self.open.remove(&pid) else { continue };
            let end = open.end(scene.now);
            self.finish(pid, open, end, told);
        }
    }

    fn begin(&mut self, scene: Scene<'_>, waiting: &BTreeSet<i32>) {
        for pid in waiting {
            let seen = scene.seen.get(pid).copied();
            let is_looked_at = scene.sample.waits.is_some();
            let open = self.open.entry(*pid).or_insert_with(|| {
                if !is_looked_at {
                    // Whom its last wait was for says nothing of this one.
                    self.roots.remove(pid);
                }
                Open::begin(scene.now, self.last, seen)
            });
            open.see(scene.now.at, seen);
        }
    }

    /// What a look says of the waits themselves: their start and their object.
    fn learn(&mut self, scene: Scene<'_>, waits: &[Wait], told: &mut Told) {
        let mut by_leader: BTreeMap<i32, Vec<&Wait>> = BTreeMap::new();
        for wait in waits {
            by_leader.entry(leader(scene, wait.pid)).or_default().push(wait);
        }
        for (pid, waits) in by_leader {
            let Some(open) = self.open.get_mut(&pid) else { continue };
            if let Some(begun) = open.is_followed_by(&waits, scene.now) {
                // It has ended and the session waits again, with no sample between.
                let next = open.next(begun, scene.now, self.last);
                let before = std::mem::replace(open, next);
                let end = before.gap.map_or(begun, |gap| gap.min(begun)).max(before.charged);
                self.finish(pid, before, end, told);
            }
            if let Some(open) = self.open.get_mut(&pid) {
                open.learn(&waits, scene.now);
            }
        }
    }

    /// Charges the time since the last sample to the root blockers of now.
    fn charge(&mut self, scene: Scene<'_>, told: &mut Told) {
        for (pid, open) in self.open.iter_mut().filter(|(_, open)| open.lost.is_none()) {
            open.module = module(open, scene);
            let Some(root_pid) = self.roots.get(pid) else { continue };
            let Some(root) = Root::of(*root_pid, self.forest.is_circle(*root_pid), scene) else {
                continue;
            };
            let looked_at = self.root_xacts.get(root_pid).copied().flatten();
            if scene.sample.waits.is_none() && root.xact_start != looked_at {
                // It has ended what it was in when last looked at: who blocks now is not known.
                continue;
            }
            let time = open.take_charge(scene.now.at);
            *self.blocked.of(open.blocked_key(&root)) += time;
            told.charges.push(open.charge(*pid, &root, time, false));
            open.blame(root, time);
        }
    }

    fn finish(&mut self, pid: i32, mut open: Open, end: SystemTime, told: &mut Told) {
        let rest = open.take_charge(end);
        let last = open.last_root().cloned().unwrap_or_else(Root::unknown);
        *self.blocked.of(open.blocked_key(&last)) += rest;
        told.charges.push(open.charge(pid, &last, rest, true));
        open.blame(last, rest);
        let root = open.worst_root().cloned().unwrap_or_else(Root::unknown);
        *self.finished.of(open.wait_key(&root)) += 1;
        let key = (open.datname(), Arc::clone(&open.module));
        self.seconds.of(key).observe(open.charged_time());
        if self.recent.len() >= RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back((pid, open.start, end));
        told.finished.push(Finished { wait: open, pid, end });
    }

    /// The waits that go on, by pid.
    #[must_use]
    pub fn open(&self) -> &BTreeMap<i32, Open> {
        &self.open
    }

    /// Who blocks whom, as last looked.
    #[must_use]
    pub fn forest(&self) -> &Forest {
        &self.forest
    }

    /// Prepared transactions, the oldest first, while somebody waits for one.
    #[must_use]
    pub fn prepared(&self) -> &[Transaction] {
        &self.prepared
    }

    /// Waits that have ended.
    #[must_use]
    pub fn finished(&self) -> &Capped<WaitKey, u64> {
        &self.finished
    }

    /// How long they were, by database and module.
    #[must_use]
    pub fn seconds(&self) -> &Capped<LengthKey, Distribution> {
        &self.seconds
    }

    /// Blocked time, also of waits that go on.
    #[must_use]
    pub fn blocked(&self) -> &Capped<BlockedKey, Duration> {
        &self.blocked
    }
}

/// Who waits now; `None` if this sample cannot tell.
fn waiting(scene: Scene<'_>, sighted: bool) -> Option<BTreeSet<i32>> {
    if sighted {
        let rows = scene.sample.sessions.iter().filter(|row| row.waits_for_lock());
        return Some(rows.map(|row| row.leader.unwrap_or(row.pid)).collect());
    }
    let waits = scene.sample.waits.as_ref()?;
    Some(waits.iter().map(|wait| leader(scene, wait.pid)).collect())
}

/// A parallel worker waits for its leader.
fn leader(scene: Scene<'_>, pid: i32) -> i32 {
    scene.seen.get(&pid).and_then(|seen| seen.row.leader).unwrap_or(pid)
}

/// Of the relation waited for, else of the statement that waits.
fn module(open: &Open, scene: Scene<'_>) -> Arc<str> {
    let named = open.relation().and_then(|key| scene.relations.name(key));
    let datname = open.datname();
    named.map_or_else(|| open.statement_module(), |(_, name)| scene.erps.of(&datname).module(name))
}

/// Labels of a root blocker's state.
pub(super) fn root_state(who: &Who, state: &'static str) -> &'static str {
    match who.backend {
        Backend::Client | Backend::ParallelWorker => state,
        Backend::Autovacuum => "autovacuum",
        Backend::Replication => "replication",
        Backend::Background => "background",
    }
}

#[cfg(test)]
mod tests;
