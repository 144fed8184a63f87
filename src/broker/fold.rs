//! Looks at a broker, one after the other, made into counters that only grow and a bounded number of
//! queues that are shown singly. Pure.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::ask::{Look, Reading, Trouble};
use crate::config;
use crate::erp::{OTHER, Pattern};
use crate::integration::meter::broker::{Broker, Depth, Passed, Queue};

/// A queue that has gone is shown for so many looks more.
const LEAVES_AFTER: u32 = 10;
/// Bytes of a name; AMQP has no longer ones.
const LONGEST: usize = 255;

/// A queue by virtual host and name.
type Key = (Arc<str>, Arc<str>);

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
    /// What the broker last said of each queue.
    last: BTreeMap<Key, Passed>,
    looks: u64,
    failures: BTreeMap<&'static str, u64>,
    picture: Picture,
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
}

impl Fold {
    /// Goes on from what was known before the config changed.
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
        for queue in before.into_iter().flat_map(|before| &before.queues) {
            if queue.is_other() || fold.shown.len() >= fold.config.top {
                fold.other = fold.other.plus(&queue.passed);
            } else {
                let key = (Arc::clone(&queue.vhost), Arc::clone(&queue.name));
                fold.shown.insert(key, Shown { passed: queue.passed, gone: 0 });
            }
        }
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
        let Picture { queues, there, in_other, unseen, unmeasured } = self.picture.clone();
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
        let mut last = BTreeMap::new();
        let mut depths = BTreeMap::new();
        for (key, reading) in readings {
            // What has passed before it was first seen is nobody's.
            let grown = self.last.get(&key).map(|then| reading.passed.since(then));
            let grown = grown.unwrap_or_default();
            picture.unmeasured += u64::from(reading.depth.is_none());
            if let Some(shown) = self.shown.get_mut(&key) {
                shown.passed = shown.passed.plus(&grown);
                depths.insert(key.clone(), reading.depth);
            } else {
                self.other = self.other.plus(&grown);
                picture.in_other += 1;
                let depth = reading.depth.unwrap_or_default();
                let sum = rest.get_or_insert_default();
                sum.ready = sum.ready.saturating_add(depth.ready);
                sum.unacked = sum.unacked.saturating_add(depth.unacked);
                sum.consumers = sum.consumers.saturating_add(depth.consumers);
            }
            last.insert(key, reading.passed);
        }
        self.last = last;
        picture.queues =
            self.shown.iter().map(|(key, shown)| self.queue(key, shown, &depths)).collect();
        if rest.is_some() || self.other != Passed::default() {
            picture.queues.push(Queue {
                vhost: OTHER.into(),
                name: OTHER.into(),
                module: OTHER.into(),
                integration: None,
                depth: rest,
                passed: self.other,
            });
        }
        picture
    }

    fn queue(&self, key: &Key, shown: &Shown, depths: &BTreeMap<Key, Option<Depth>>) -> Queue {
        let (vhost, name) = key;
        let module = first(&self.config.modules, name);
        Queue {
            vhost: Arc::clone(vhost),
            name: Arc::clone(name),
            module: module.unwrap_or_else(|| OTHER.into()),
            integration: first(&self.config.integrations, name),
            depth: depths.get(key).copied().flatten(),
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
            let is_named = first(&self.config.modules, name).is_some()
                || first(&self.config.integrations, name).is_some();
            let is_sum = &**vhost == OTHER && &**name == OTHER;
            let fits = vhost.len() <= LONGEST && name.len() <= LONGEST && !is_sum;
            if fits && (is_named || !reading.is_passing) && !self.shown.contains_key(key) {
                let ready = reading.depth.map_or(0, |depth| depth.ready);
                let busy = ready.saturating_add(reading.passed.published);
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

fn first(patterns: &[(Pattern, Arc<str>)], name: &str) -> Option<Arc<str>> {
    let found = patterns.iter().find(|(pattern, _)| pattern.fits(name));
    found.map(|(_, value)| Arc::clone(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(top: usize) -> config::Broker {
        let of = |queue: &str, name: &str| (Pattern::new(queue), Arc::from(name));
        config::Broker {
            name: "orders".into(),
            url: "http://localhost:15672".parse().unwrap(),
            user: "erpscope".to_owned(),
            password: config::Password::None,
            vhosts: vec![],
            modules: vec![of("orders.*", "sales"), of("orders.new", "crm")],
            integrations: vec![of("*.shop", "webshop")],
            top,
            interval: Duration::from_secs(30),
            timeout: Duration::from_secs(5),
            root_cert: None,
        }
    }

    fn reading(name: &str, ready: u64, published: u64) -> Reading {
        Reading {
            vhost: "/".to_owned(),
            name: name.to_owned(),
            depth: Some(Depth { ready, unacked: 1, consumers: 2 }),
            passed: Passed { published, done: published - ready, ..Passed::default() },
            is_passing: false,
        }
    }

    fn look(queues: Vec<Reading>) -> Look {
        Look { queues, unseen: 0 }
    }

    const AT: Times = Times { at: SystemTime::UNIX_EPOCH, took: Duration::ZERO };

    fn shown(broker: &Broker) -> Vec<(&str, &str, u64)> {
        broker.queues.iter().map(|q| (&*q.name, &*q.module, q.passed.published)).collect()
    }

    #[test]
    fn named_queues_are_shown_first_then_the_busiest_and_the_rest_together() {
        let mut fold = Fold::new(config(2), None);
        let mut queues = vec![
            reading("a", 5, 10),
            reading("busy", 1_000, 2_000),
            reading("orders.shop", 0, 1),
            Reading { is_passing: true, ..reading("amq.gen-1", 9_000, 9_000) },
        ];
        let first = fold.next(Ok(look(queues.clone())), AT);
        assert_eq!(
            shown(&first),
            [("busy", "other", 0), ("orders.shop", "sales", 0), ("other", "other", 0)]
        );
        assert_eq!(first.queues[1].integration.as_deref(), Some("webshop"));
        let rest = Depth { ready: 9_005, unacked: 2, consumers: 4 };
        assert_eq!(first.queues[2].depth, Some(rest));
        assert_eq!((first.there, first.in_other, first.is_up), (4, 2, true));
        for queue in &mut queues {
            queue.passed.published += 7;
        }
        let second = fold.next(Ok(look(queues)), AT);
        assert_eq!(
            shown(&second),
            [("busy", "other", 7), ("orders.shop", "sales", 7), ("other", "other", 14)]
        );
    }

    #[test]
    fn counters_go_on_when_the_broker_begins_anew_or_the_config_changes_and_never_go_back() {
        let mut fold = Fold::new(config(5), None);
        let passed = |fold: &mut Fold, published| {
            let broker = fold.next(Ok(look(vec![reading("orders.new", 0, published)])), AT);
            broker.queues[0].passed.published
        };
        assert_eq!((passed(&mut fold, 500), passed(&mut fold, 600)), (0, 100));
        assert_eq!(passed(&mut fold, 20), 120, "it began anew");
        let before = fold.next(Ok(look(vec![reading("orders.new", 0, 30)])), AT);
        let mut fold = Fold::new(config(4), Some(&before));
        assert_eq!((passed(&mut fold, 35), passed(&mut fold, 40)), (130, 135));
        let less = fold.next(Ok(look(vec![])), AT);
        let mut fold = Fold::new(config::Broker { top: 0, ..config(1) }, Some(&less));
        let rest = fold.next(Ok(look(vec![reading("orders.new", 0, 50)])), AT);
        assert_eq!(shown(&rest), [("other", "other", 135)]);
        assert_eq!(rest.looks, 8);
    }

    #[test]
    fn a_queue_that_is_gone_is_shown_for_a_while_without_a_depth_and_makes_room() {
        let mut fold = Fold::new(config(1), None);
        fold.next(Ok(look(vec![reading("a", 1, 1)])), AT);
        for _ in 0..LEAVES_AFTER {
            let gone = fold.next(Ok(look(vec![reading("b", 1, 1)])), AT);
            assert_eq!((shown(&gone)[0], gone.queues[0].depth), (("a", "other", 0), None));
        }
        let after = fold.next(Ok(look(vec![reading("b", 1, 1)])), AT);
        assert_eq!(shown(&after), [("b", "other", 0)]);
    }

    #[test]
    fn a_look_that_failed_is_counted_by_cause_and_one_without_figures_is_told() {
        let mut fold = Fold::new(config(5), None);
        fold.next(Ok(look(vec![Reading { depth: None, ..reading("a", 0, 0) }])), AT);
        let trouble = Trouble { kind: "login", message: "it refuses".to_owned() };
        let failed = fold.next(Err(trouble), AT);
        assert_eq!((failed.is_up, failed.looks, failed.unmeasured), (false, 2, 1));
        assert_eq!(failed.failures, BTreeMap::from([("login", 1)]));
        assert_eq!(failed.failure.as_deref(), Some("it refuses"));
        let odd = vec![
            Reading { vhost: "other".to_owned(), ..reading("other", 3, 3) },
            reading(&"x".repeat(LONGEST + 1), 4, 4),
        ];
        let odd = fold.next(Ok(look(odd)), AT);
        assert_eq!(odd.queues.last().unwrap().depth.unwrap().ready, 7, "neither is shown singly");
    }
}
