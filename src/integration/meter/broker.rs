//! What is known of brokers of messages and their queues.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

/// What all of them are like. Cheap to share.
#[derive(Debug, Default)]
pub struct Meter {
    tally: Mutex<Tally>,
}

/// That at one moment, by the broker's name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tally {
    /// Those that were asked once at least.
    pub brokers: BTreeMap<Arc<str>, Arc<Broker>>,
}

/// One broker.
#[derive(Clone, Debug, PartialEq)]
pub struct Broker {
    /// The last look brought its queues.
    pub is_up: bool,
    /// Looks that have ended.
    pub looks: u64,
    /// Failed ones by cause.
    pub failures: BTreeMap<&'static str, u64>,
    /// Why the last look failed, for people; `None` if it did not. Nothing of the URL but its host.
    pub failure: Option<String>,
    /// When the last look ended.
    pub at: SystemTime,
    /// How long the last look took.
    pub took: Duration,
    /// Queues that are shown singly, and what the others of it make together. As the last good look
    /// saw them.
    pub queues: Vec<Queue>,
    /// Queues that it has.
    pub there: u64,
    /// Those of them that are shown in `other`.
    pub in_other: u64,
    /// Those that were beyond what is read at a look: nothing is known of them.
    pub unseen: u64,
    /// Those of which the broker told no figures.
    pub unmeasured: u64,
    /// Those that are streams: they have no depth.
    pub streams: u64,
}

/// One queue, or all that are not shown singly (`other`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queue {
    /// Its virtual host.
    pub vhost: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
    /// The business module that the config says.
    pub module: Arc<str>,
    /// The integration that the config says.
    pub integration: Option<Arc<str>>,
    /// What is in it; `None` while the broker does not tell, and of a stream.
    pub depth: Option<Depth>,
    /// What becomes of messages that wait for long; `None` if they stay, or the last look did not tell.
    pub expiry: Option<Expiry>,
    /// What has passed since it was first seen: never goes back.
    pub passed: Passed,
}

/// Messages of a queue are gone after a time, by its argument or by a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expiry {
    /// How long one waits at most.
    pub after: Duration,
    /// It goes to another queue then (a dead letter exchange).
    pub is_passed_on: bool,
}

/// What is in a queue now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Depth {
    /// Messages that wait.
    pub ready: u64,
    /// Messages that a consumer has and has not acknowledged.
    pub unacked: u64,
    /// Consumers; `None` where the broker does not tell.
    pub consumers: Option<u64>,
}

/// Messages that have passed a queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Passed {
    /// Came in.
    pub published: u64,
    /// Were handed out, those that were handed out again each time.
    pub delivered: u64,
    /// Are done: acknowledged, or handed out to somebody who does not acknowledge.
    pub done: u64,
    /// Were handed out again.
    pub redelivered: u64,
}

impl Queue {
    /// Whether it is the sum of all that are not shown singly.
    #[must_use]
    pub fn is_other(&self) -> bool {
        &*self.name == "other" && &*self.vhost == "other"
    }
}

impl Passed {
    /// What has passed since `earlier`; less than that means that the broker has begun anew.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let grown = |now: u64, then: u64| now.checked_sub(then).unwrap_or(now);
        Self {
            published: grown(self.published, earlier.published),
            delivered: grown(self.delivered, earlier.delivered),
            done: grown(self.done, earlier.done),
            redelivered: grown(self.redelivered, earlier.redelivered),
        }
    }

    /// With what has passed besides.
    #[must_use]
    pub const fn plus(&self, more: &Self) -> Self {
        Self {
            published: self.published.saturating_add(more.published),
            delivered: self.delivered.saturating_add(more.delivered),
            done: self.done.saturating_add(more.done),
            redelivered: self.redelivered.saturating_add(more.redelivered),
        }
    }
}

impl Meter {
    /// This is known of a broker now.
    pub fn set(&self, name: &Arc<str>, broker: Broker) {
        self.tally().brokers.insert(Arc::clone(name), Arc::new(broker));
    }

    /// Forgets brokers that are no more.
    pub fn keep(&self, names: &[Arc<str>]) {
        self.tally().brokers.retain(|name, _| names.contains(name));
    }

    /// What is known now.
    #[must_use]
    pub fn read(&self) -> Tally {
        self.tally().clone()
    }

    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
