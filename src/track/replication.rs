//! Standbys and slots, under names from a bounded set.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::cumulative::Cumulative;
use crate::erp::OTHER;
use crate::sample::Moment;
use crate::sample::replication::{Conflicts, Here, Sample, Slot, Standby};

/// One server's.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct View {
    /// When that was read; `None` before.
    pub at: Option<Moment>,
    /// By label `standby`: each one's name, or `other` for many names. Of several the one that is
    /// furthest behind, in each respect.
    pub standbys: BTreeMap<Arc<str>, Standing>,
    /// By label `slot`: its name, or `other`; of several the one that keeps most.
    pub slots: BTreeMap<Arc<str>, Slot>,
    /// This server as a standby.
    pub here: Option<Here>,
    /// When it was last seen to stream, as a standby that it has been since; `None` if it never was.
    pub streamed: Option<Moment>,
    /// What replay has cancelled since the agent first saw it.
    pub conflicts: Conflicts,
}

/// Those who share a name.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    /// How many there are.
    pub connections: u64,
    /// The worst of them.
    pub worst: Standby,
}

/// Names that are told apart, of standbys and of slots. Each keeps its own for good: names that
/// come and go fill it, and are `other` then.
const MOST: usize = 30;

/// What is known of one server.
#[derive(Debug, Default)]
pub struct Replication {
    standbys: BTreeSet<Arc<str>>,
    slots: BTreeSet<Arc<str>>,
    last: Option<Conflicts>,
    conflicts: Conflicts,
    streamed: Option<Moment>,
}

impl Replication {
    /// The next sample is only a base: the server is another one.
    pub fn rebase(&mut self) {
        self.last = None;
        self.streamed = None;
    }

    /// Folds a sample in.
    pub fn apply(&mut self, at: Moment, sample: Sample) -> View {
        self.streamed = match sample.here.as_ref().map(|here| here.receiver.as_deref()) {
            // A primary, perhaps one that was a standby.
            None => None,
            Some(Some("streaming")) => Some(at),
            // It may stream.
            Some(Some("hidden")) => self.streamed.map(|_| at),
            Some(_) => self.streamed,
        };
        if let Some(here) = &sample.here {
            let now = here.conflicts;
            let last = self.last.replace(now).unwrap_or(now);
            let last = if last.at_most(&now) { last } else { Conflicts::default() };
            self.conflicts.add(&now.since(&last));
        }
        let mut standbys: BTreeMap<Arc<str>, Standing> = BTreeMap::new();
        for standby in sample.standbys {
            let label = label(&mut self.standbys, &standby.name);
            match standbys.get_mut(&label) {
                Some(standing) => standing.join(standby),
                None => {
                    standbys.insert(label, Standing { connections: 1, worst: standby });
                }
            }
        }
        let mut slots: BTreeMap<Arc<str>, Slot> = BTreeMap::new();
        // Those that keep most come first.
        for slot in sample.slots {
            slots.entry(label(&mut self.slots, &slot.name)).or_insert(slot);
        }
        View {
            at: Some(at),
            standbys,
            slots,
            here: sample.here,
            streamed: self.streamed,
            conflicts: self.conflicts,
        }
    }
}

impl Standing {
    fn join(&mut self, other: Standby) {
        let later = |a: Option<f64>, b: Option<f64>| a.into_iter().chain(b).reduce(f64::max);
        self.connections += 1;
        let worst = &mut self.worst;
        worst.unsent_bytes = worst.unsent_bytes.max(other.unsent_bytes);
        worst.unflushed_bytes = worst.unflushed_bytes.max(other.unflushed_bytes);
        worst.unreplayed_bytes = worst.unreplayed_bytes.max(other.unreplayed_bytes);
        worst.flush_lag_seconds = later(worst.flush_lag_seconds, other.flush_lag_seconds);
        worst.replay_lag_seconds = later(worst.replay_lag_seconds, other.replay_lag_seconds);
        if worst.state == "streaming" {
            worst.state = other.state;
        }
    }
}

/// A name as a label. Those that logical replication makes up while it copies tables are one.
fn label(known: &mut BTreeSet<Arc<str>>, name: &str) -> Arc<str> {
    let is_made_up = name.starts_with("pg_") && name.contains("_sync_");
    let name: Arc<str> = if is_made_up { "table sync".into() } else { name.into() };
    if known.contains(&name) {
        return name;
    }
    if known.len() >= MOST {
        return OTHER.into();
    }
    known.insert(Arc::clone(&name));
    name
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;

    fn standby(name: &str, unreplayed: u64) -> Standby {
        Standby {
            name: name.into(),
            state: "streaming".into(),
            sync_state: "async".into(),
            unsent_bytes: Some(0),
            unflushed_bytes: None,
            unreplayed_bytes: Some(unreplayed),
            flush_lag_seconds: None,
            replay_lag_seconds: None,
        }
    }

    #[test]
    fn a_standby_is_known_to_have_streamed_until_it_is_none_any_more() {
        let mut replication = Replication::default();
        let mut seen = |seconds, receiver: Option<Option<&str>>| {
            let elapsed = Duration::from_secs(seconds);
            let at = Moment { wall: SystemTime::UNIX_EPOCH, elapsed };
            let here = receiver.map(|of| Here { receiver: of.map(str::to_owned), ..here(0) });
            let view = replication.apply(at, Sample { here, ..Sample::default() });
            view.streamed.map(|at| at.elapsed.as_secs())
        };
        assert_eq!(seen(1, Some(None)), None, "an archive feeds it");
        assert_eq!(seen(2, Some(Some("hidden"))), None);
        assert_eq!(seen(3, Some(Some("streaming"))), Some(3));
        assert_eq!(seen(4, Some(Some("waiting"))), Some(3));
        assert_eq!(seen(5, Some(None)), Some(3));
        assert_eq!(seen(6, Some(Some("hidden"))), Some(6), "it may stream");
        assert_eq!(seen(7, None), None, "it was promoted");
        assert_eq!(seen(8, Some(None)), None);
    }

    fn here(lock: u64) -> Here {
        Here {
            receiver: None,
            unreplayed_bytes: None,
            lag_seconds: None,
            is_paused: false,
            conflicts: Conflicts { lock, ..Conflicts::default() },
        }
    }

    #[test]
    fn names_that_come_and_go_make_no_end_of_series() {
        let mut replication = Replication::default();
        let at = Moment { wall: SystemTime::UNIX_EPOCH, elapsed: Duration::ZERO };
        let mut seen = BTreeSet::new();
        for round in 0..100 {
            let standbys = vec![
                standby("walreceiver", 5),
                standby("walreceiver", 9),
                standby(&format!("backup-{round}"), 1),
                standby(&format!("pg_16399_sync_{round}_7"), 1),
            ];
            let view = replication.apply(at, Sample { standbys, ..Sample::default() });
            seen.extend(view.standbys.keys().cloned());
            let both = &view.standbys["walreceiver"];
            assert_eq!((both.connections, both.worst.unreplayed_bytes), (2, Some(9)));
        }
        assert_eq!(seen.len(), MOST + 1);
        assert!(seen.contains("table sync") && seen.contains("other"));
    }

    #[test]
    fn conflicts_are_counted_from_the_first_look_on() {
        let mut replication = Replication::default();
        let at = Moment { wall: SystemTime::UNIX_EPOCH, elapsed: Duration::ZERO };
        let locks: Vec<u64> = [100, 104, 1]
            .into_iter()
            .map(|lock| {
                let sample = Sample { here: Some(here(lock)), ..Sample::default() };
                replication.apply(at, sample).conflicts.lock
            })
            .collect();
        assert_eq!(locks, [0, 4, 5]);
    }
}
