//! From cumulative counters to growth since the last sample, through resets and evictions.

use std::collections::{HashMap, HashSet};
use std::time::SystemTime;

use super::Counts;
use crate::sample::statements::{Counters, Info, Key, Sample};
use crate::track::cumulative::Cumulative;

/// The last sample, by entry.
#[derive(Debug, Default)]
pub(super) struct Growth {
    begun: bool,
    elsewhere: bool,
    entries: HashMap<Key, Entry>,
    info: Option<Info>,
    counts: Counts,
}

/// One entry, or the sum of several that cannot be told apart: hidden ones have no queryid, and
/// extensions before 1.9 do not tell nested from top-level ones.
#[derive(Debug)]
struct Entry {
    since: Option<SystemTime>,
    counters: Counters,
    is_sum: bool,
}

/// How a sample relates to the one before it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Relation {
    /// The counters went on.
    Continues,
    /// All were reset since: what they hold now has grown since.
    Reset,
    /// The first sample, or one of another history (a fail-over): only a new base.
    Base,
}

impl Growth {
    /// The growth of every entry since the last sample. Entries which the role may not see are
    /// summed for each role and database, with no queryid.
    pub(super) fn read(&mut self, sample: &Sample) -> Vec<(Key, Counters)> {
        let relation = self.relation(sample.info);
        self.count(sample, relation);
        let before = std::mem::replace(&mut self.entries, entries(sample));
        let had_hidden: HashSet<(u32, u32)> = before
            .keys()
            .filter(|key| key.queryid.is_none())
            .map(|key| (key.userid, key.dbid))
            .collect();
        let mut growths = Vec::with_capacity(self.entries.len());
        for (key, now) in &self.entries {
            let growth = match (relation, before.get(key)) {
                (Relation::Base, _) => Counters::default(),
                (Relation::Continues, Some(last)) if last.continues(now) => {
                    now.counters.since(&last.counters)
                }
                (Relation::Continues, Some(last)) => {
                    self.counts.entry_resets += 1;
                    // A sum that went back has lost a part: its growth cannot be told.
                    if last.is_sum || now.is_sum { Counters::default() } else { now.counters }
                }
                // It may have been there in another guise: the role has just been allowed, or
                // forbidden, to see it.
                (Relation::Continues, None)
                    if key.queryid.is_none() || had_hidden.contains(&(key.userid, key.dbid)) =>
                {
                    Counters::default()
                }
                (Relation::Reset, _) | (Relation::Continues, None) => now.counters,
            };
            growths.push((*key, growth));
        }
        (self.begun, self.elsewhere) = (true, false);
        growths
    }

    pub(super) fn counts(&self) -> Counts {
        self.counts
    }

    /// The next sample is known to be another server's.
    pub(super) fn rebase(&mut self) {
        self.elsewhere = true;
    }

    fn relation(&self, info: Option<Info>) -> Relation {
        if !self.begun || self.elsewhere {
            return Relation::Base;
        }
        match (self.info, info) {
            (Some(last), Some(now)) if last.stats_reset != now.stats_reset => {
                if now.stats_reset.is_some_and(|reset| reset >= last.read_at) {
                    Relation::Reset
                } else {
                    Relation::Base
                }
            }
            _ => Relation::Continues,
        }
    }

    fn count(&mut self, sample: &Sample, relation: Relation) {
        self.counts.tracked = u64::try_from(sample.statements.len()).unwrap_or(u64::MAX);
        let hidden = sample.statements.iter().filter(|s| s.key.queryid.is_none()).count();
        self.counts.hidden = u64::try_from(hidden).unwrap_or(u64::MAX);
        self.counts.resets += u64::from(relation == Relation::Reset);
        self.counts.rebased += u64::from(self.begun && relation == Relation::Base);
        if let Some(now) = sample.info {
            self.counts.deallocated += match (relation, self.info) {
                (Relation::Continues, Some(last)) => now.dealloc.saturating_sub(last.dealloc),
                (Relation::Reset, _) => now.dealloc,
                _ => 0,
            };
            self.info = Some(now);
        }
    }
}

fn entries(sample: &Sample) -> HashMap<Key, Entry> {
    let mut entries: HashMap<Key, Entry> = HashMap::with_capacity(sample.statements.len());
    for statement in &sample.statements {
        let hidden = statement.key.queryid.is_none();
        entries
            .entry(statement.key)
            .and_modify(|entry| {
                entry.counters.add(&statement.counters);
                entry.is_sum = true;
                entry.since = None;
            })
            .or_insert(Entry {
                since: statement.since.filter(|_| !hidden),
                counters: statement.counters,
                is_sum: hidden,
            });
    }
    entries
}

impl Entry {
    fn continues(&self, later: &Self) -> bool {
        self.since == later.since && self.counters.at_most(&later.counters)
    }
}
