//! Looks at a broker, one after the other, made into counters that only grow and a bounded number of
//! queues that are shown singly. Pure.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::ask::{Look, Reading, Trouble};
use crate::config;
use crate::erp::{OTHER, Pattern};
use crate::integration::meter::broker::{Broker, Depth, Expiry, Passed, Queue};

/// A queue that has gone is shown for so many looks more.
const LEAVES_AFTER: u32 = 10;
/// Bytes of a name; AMQP has no longer ones.
const LONGEST: usize = 255;

/// A queue by virtual host and name.
type Key = (Arc<str>, Arc<str>);

/// What is in a queue, and what becomes of it there.
type State = (Option<Depth>, Option<Expiry>);

/// When a look ended, and how long it took.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    pub(super) at: SystemTime,
    pub(super) took: Duration,
}

/// What is remembered of one broker.
#[derive(Debug)]
pub(super) struct Fold {
    config: config::Broker,
    shown: BTreeMap<Key, Shown>,
    /// What has passed queues that were not shown singly.
    other: Passed,
    /// What the broker last said of each queue, and in how many looks since it was not there.
    last: BTreeMap<Key, Last>,
    looks: u64,
    failures: BTreeMap<&'static str, u64>,
    picture: Picture,
}

/// What the broker last said of a queue.
#[derive(Debug)]
struct Last {
    passed: Passed,
    gone: u32,
}

/// A queue that is shown singly.
#[derive(Debug)]
struct Shown {
    passed: Passed,
    gone: u32,
}

/// Of the last good look.
#[derive(Clone, Debug, Default)]
struct Picture {
    queues: Vec<Queue>,
    there: u64,
    in_other: u64,
    unseen: u64,
    unmeasured: u64,
    streams: u64,
}

impl Fold {
    /// Goes on from what was known before the config changed. Of queues that are not shown singly any more the past is
    /// charged to nobody: in `other` it would look as if it had come now.
    pub(super) fn new(config: config::Broker, before: Option<&Broker>) -> Self {
        let mut fold = Self {
            config,
            shown: BTreeMap::new(),
            other: Passed::default(),
            last: BTreeMap::new(),
            looks: before.map_or(0, |before| before.looks),
            failures: before.map(|before| before.failures.clone()).unwrap_or_default(),
            picture: Picture::default(),
        };
        let (others, mut single): (Vec<&Queue>, Vec<&Queue>) =
            before.into_iter().flat_map(|before| &before.queues).partition(|q| q.is_other());
        single.sort_by_key(|queue| !fold.is_named(&queue.name));
        for queue in single.into_iter().take(fold.config.top) {
            let key = (Arc::clone(&queue.vhost), Arc::clone(&queue.name));
            fold.shown.insert(key, Shown { passed: queue.passed, gone: 0 });
        }
        if let Some(other) = others.first() {
            fold.other = other.passed;
        }
        fold.picture.queues = fold.queues(&BTreeMap::new(), None);
        fold
    }

    /// Folds a look in, or that there was none.
    pub(super) fn next(&mut self, found: Result<Look, Trouble>, times: Times) -> Broker {
        self.looks += 1;
        let failure = match found {
            Ok(look) => {
                self.picture = self.draw(look);
                None
            }
            Err(Trouble { kind, message }) => {
                *self.failures.entry(kind).or_default() += 1;
                Some(message)
            }
        };
        let Picture { queues, there, in_other, unseen, unmeasured, streams } = self.picture.clone();
        Broker {
            is_up: failure.is_none(),
            looks: self.looks,
            failures: self.failures.clone(),
            failure,
            at: times.at,
            took: times.took,
            queues,
            there,
            in_other,
            unseen,
            unmeasured,
            streams,
        }
    }

    fn draw(&mut self, look: Look) -> Picture {
        let key = |reading: &Reading| -> Key {
            (reading.vhost.as_str().into(), reading.name.as_str().into())
        };
        let readings: BTreeMap<Key, Reading> =
            look.queues.into_iter().map(|reading| (key(&reading), reading)).collect();
        self.leave(&readings);
        self.enter(&readings);
        let mut picture = Picture {
            there: (readings.len() as u64).saturating_add(look.unseen),
            unseen: look.unseen,
            ..Picture::default()
        };
        let mut rest: Option<Depth> = None;
        let mut depths = BTreeMap::new();
        for last in self.last.values_mut() {
            last.gone += 1;
        }
        for (key, reading) in readings {
            let grown = self.learn(&key, &reading);
            picture.streams += u64::from(reading.is_stream);
            picture.unmeasured += u64::from(reading.depth.is_none() && !reading.is_stream);
            if let Some(shown) = self.shown.get_mut(&key) {
                shown.passed = shown.passed.plus(&grown);
                depths.insert(key, (reading.depth, reading.expiry));
            } else {
                self.other = self.other.plus(&grown);
                picture.in_other += 1;
                add(&mut rest, reading.depth);
            }
        }
        self.last.retain(|_, last| last.gone <= LEAVES_AFTER);
        picture.queues = self.queues(&depths, rest);
        picture
    }

    /// What has passed a queue since the last look that told. What has passed before it was first seen is nobody's.
    fn learn(&mut self, key: &Key, now: &Reading) -> Passed {
        match (self.last.get_mut(key), now.passed) {
            (Some(last), Some(passed)) => {
                let grown = passed.since(&last.passed);
                *last = Last { passed, gone: 0 };
                grown
            }
            (Some(last), None) => {
                last.gone = 0;
                Passed::default()
            }
            (None, passed) => {
                // Nothing has passed a queue yet of which the broker tells the depth and no counters.
                let known = passed.or_else(|| now.depth.map(|_| Passed::default()));
                if let Some(passed) = known {
                    self.last.insert(key.clone(), Last { passed, gone: 0 });
                }
                Passed::default()
            }
        }
    }

    /// Those that are shown singly, and the rest together.
    fn queues(&self, depths: &BTreeMap<Key, State>, rest: Option<Depth>) -> Vec<Queue> {
        let mut queues: Vec<Queue> =
            self.shown.iter().map(|(key, shown)| self.queue(key, shown, depths)).collect();
        if rest.is_some() || self.other != Passed::default() {
            queues.push(Queue {
                vhost: OTHER.into(),
                name: OTHER.into(),
                module: OTHER.into(),
                integration: None,
                depth: rest,
                expiry: None,
                passed: self.other,
            });
        }
        queues
    }

    /// Whether the config names a queue.
    fn is_named(&self, name: &str) -> bool {
        let lists = [&self.config.modules, &self.config.integrations];
        lists.into_iter().any(|list| first(list, name).is_some())
    }

    fn queue(&self, key: &Key, shown: &Shown, depths: &BTreeMap<Key, State>) -> Queue {
        let (vhost, name) = key;
        let module = first(&self.config.modules, name);
        let (depth, expiry) = depths.get(key).copied().unwrap_or_default();
        Queue {
            vhost: Arc::clone(vhost),
            name: Arc::clone(name),
            module: module.unwrap_or_else(|| OTHER.into()),
            integration: first(&self.config.integrations, name),
            depth,
            expiry,
            passed: shown.passed,
        }
    }

    fn leave(&mut self, readings: &BTreeMap<Key, Reading>) {
        self.shown.retain(|key, shown| {
            shown.gone = if readings.contains_key(key) { 0 } else { shown.gone + 1 };
            shown.gone <= LEAVES_AFTER
        });
    }

    /// Those that the config names first, then the fullest and busiest. Queues that come and go with a
    /// connection have names that nobody chose: they are shown only if the config names them.
    fn enter(&mut self, readings: &BTreeMap<Key, Reading>) {
        let mut fitting: BTreeSet<(bool, Reverse<u64>, &Key)> = BTreeSet::new();
        for (key, reading) in readings {
            let (vhost, name) = key;
            let is_named = self.is_named(name);
            let is_sum = &**vhost == OTHER && &**name == OTHER;
            let fits = vhost.len() <= LONGEST && name.len() <= LONGEST && !is_sum;
            if fits && (is_named || !reading.is_passing) && !self.shown.contains_key(key) {
                let ready = reading.depth.map_or(0, |depth| depth.ready);
                let published = reading.passed.map_or(0, |passed| passed.published);
                let busy = ready.saturating_add(published);
                fitting.insert((!is_named, Reverse(busy), key));
            }
        }
        let room = self.config.top.saturating_sub(self.shown.len());
        let entering: Vec<Key> =
            fitting.into_iter().take(room).map(|(_, _, key)| key.clone()).collect();
        let new = |key| (key, Shown { passed: Passed::default(), gone: 0 });
        self.shown.extend(entering.into_iter().map(new));
    }
}

/// Of what is known.
fn add(sum: &mut Option<Depth>, depth: Option<Depth>) {
    let Some(depth) = depth else { return };
    let sum = sum.get_or_insert_default();
    sum.ready = sum.ready.saturating_add(depth.ready);
    sum.unacked = sum.unacked.saturating_add(depth.unacked);
    if let Some(consumers) = depth.consumers {
        sum.consumers = Some(sum.consumers.unwrap_or(0).saturating_add(consumers));
    }
}

fn first(patterns: &[(Pattern, Arc<str>)], name: &str) -> Option<Arc<str>> {
    let found = patterns.iter().find(|(pattern, _)| pattern.fits(name));
    found.map(|(_, value)| Arc::clone(value))
}

#[cfg(test)]
mod tests;
