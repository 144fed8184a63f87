//! The picture of one server's sessions, drawn about once a second.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::{Activity, BlockedNowKey, StateKey, TRANSACTIONS, View, Waiters};
use crate::sample::activity::State;
use crate::track::capped::{Capped, Coarse};
use crate::track::distribution::Distribution;
use crate::track::histogram::{EPISODE_SECONDS, Histogram};
use crate::track::lock_tree::{Blocker, LockTree};
use crate::track::lock_waits::Scene;
use crate::track::reports::SlowTransaction;
use crate::track::timeline::{Now, span};
use crate::track::waits::IdleKey;

impl Activity {
    pub(super) fn view(&self, scene: Scene<'_>) -> View {
        let now = scene.now;
        let series = self.limits.series;
        let (oldest_transaction, oldest_statement) = self.oldest(now, series);
        let oldest_idle = self.oldest_idle(now, series);
        let tree = LockTree::of(scene, &self.locks);
        View {
            is_current: true,
            root_victims: root_victims(&tree, series),
            root_since: root_since(&tree, series),
            blocked_now: blocked_now(&tree, series),
            tree,
            waiters: self.waiters(now.at),
            lock_waits: self.locks.finished().clone(),
            lock_seconds: histograms(self.locks.seconds()),
            blocked: self.locks.blocked().clone(),
            hot_spots: self.hot_spots.clone(),
            runners: self.runners.clone(),
            series,
            active: self.waits.active().clone(),
            idle_in_transaction: self.waits.idle_in_transaction().clone(),
            unseen: self.waits.unseen(),
            slow: histograms(self.transactions.slow()),
            oldest_transaction,
            oldest_idle,
            oldest_statement,
            sessions: self.counts.clone(),
            open: self.open(now.at),
            ended: self.ended.iter().cloned().collect(),
            footprints: self.footprints.view(),
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

    fn oldest_idle(&self, now: Now, series: usize) -> Capped<IdleKey, Duration> {
        let mut oldest = Capped::new(series);
        let is_idle = |state| matches!(state, State::IdleInTransaction | State::Aborted);
        for open in self.transactions.open().values().filter(|open| is_idle(open.state)) {
            let key = (Arc::clone(&open.who.datname), Arc::clone(&open.who.application));
            let of: &mut Duration = oldest.of(key);
            *of = (*of).max(span(open.state_since, now.at));
        }
        oldest
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

fn root_victims(tree: &LockTree, series: usize) -> Capped<StateKey, u64> {
    let mut most = Capped::new(series);
    for root in &tree.roots {
        let victims: &mut u64 = most.of(root_key(root));
        *victims = (*victims).max(u64::try_from(root.victim_count).unwrap_or(u64::MAX));
    }
    most
}

fn root_since(tree: &LockTree, series: usize) -> Capped<StateKey, Duration> {
    let mut longest = Capped::new(series);
    for root in &tree.roots {
        let Some(seconds) = root.state_seconds else { continue };
        let since: &mut Duration = longest.of(root_key(root));
        *since = (*since).max(length(Some(seconds)));
    }
    longest
}

fn root_key(root: &Blocker) -> StateKey {
    StateKey {
        datname: Arc::clone(&root.datname),
        application: Arc::clone(&root.application),
        state: root.state,
    }
}

fn blocked_now(tree: &LockTree, series: usize) -> Capped<BlockedNowKey, Waiters> {
    let mut blocked = Capped::new(series);
    for root in &tree.roots {
        let mut rest: Vec<&Blocker> = root.victims.iter().collect();
        while let Some(victim) = rest.pop() {
            rest.extend(&victim.victims);
            let Some(waiting) = &victim.waits_for else { continue };
            let of: &mut Waiters = blocked.of(BlockedNowKey {
                datname: Arc::clone(&victim.datname),
                module: Arc::clone(&waiting.module),
                root_application: Arc::clone(&root.application),
                root_state: if root.circle { "deadlock" } else { root.state },
            });
            of.count += 1;
            of.oldest = of.oldest.max(length(waiting.seconds));
        }
    }
    blocked
}

/// Zero where it is not known.
fn length(seconds: Option<f64>) -> Duration {
    seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()).unwrap_or_default()
}
