//! The picture of one server's sessions, drawn about once a second.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::{Activity, StateKey, TRANSACTIONS, View, Waiters};
use crate::sample::activity::State;
use crate::track::capped::{Capped, Coarse};
use crate::track::distribution::Distribution;
use crate::track::histogram::{EPISODE_SECONDS, Histogram};
use crate::track::lock_tree::LockTree;
use crate::track::lock_waits::Scene;
use crate::track::reports::SlowTransaction;
use crate::track::timeline::{Now, span};

impl Activity {
    pub(super) fn view(&self, scene: Scene<'_>) -> View {
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
            hot_spots: self.hot_spots.clone(),
            runners: self.runners.clone(),
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
