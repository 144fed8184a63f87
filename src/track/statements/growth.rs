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
    entries: HashMap<Key, Entry>,
    info: Option<Info>,
    counts: Counts,
}

#[derive(Debug)]
struct Entry {
    since: Option<SystemTime>,
    counters: Counters,
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
        let had_hidden: HashSet<(u32, u32)> = self
            .entries
            .keys()
            .filter(|key| key.queryid.is_none())
            .map(|key| (key.userid, key.dbid))
            .collect();
        let before = std::mem::take(&mut self.entries);
        let mut growths = Vec::with_capacity(sample.statements.len());
        for statement in &sample.statements {
            let Key { userid, dbid, queryid, .. } = statement.key;
            let entry = Entry { since: statement.since, counters: statement.counters };
            if queryid.is_none() {
                self.add_hidden(statement.key, &statement.counters);
                continue;
            }
            let growth = match before.get(&statement.key) {
                _ if relation == Relation::Base => Counters::default(),
                _ if relation == Relation::Reset => entry.counters,
                Some(last) if last.continues(&entry) => entry.counters.since(&last.counters),
                Some(_) => {
                    self.counts.entry_resets += 1;
                    entry.counters
                }
                // It may have been there, hidden: the role has just been allowed to see it.
                None if had_hidden.contains(&(userid, dbid)) => Counters::default(),
                None => entry.counters,
            };
            growths.push((statement.key, growth));
            self.entries.insert(statement.key, entry);
        }
        if relation == Relation::Continues {
            growths.extend(self.hidden_growth(&before));
        }
        self.begun = true;
        growths
    }

    pub(super) fn counts(&self) -> Counts {
        self.counts
    }

    fn relation(&self, info: Option<Info>) -> Relation {
        if !self.begun {
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

    fn add_hidden(&mut self, key: Key, counters: &Counters) {
        self.entries
            .entry(key)
            .or_insert(Entry { since: None, counters: Counters::default() })
            .counters
            .add(counters);
    }

    /// A sum that went back has lost an entry: its growth cannot be told and is not guessed.
    fn hidden_growth(&self, before: &HashMap<Key, Entry>) -> Vec<(Key, Counters)> {
        self.entries
            .iter()
            .filter(|(key, _)| key.queryid.is_none())
            .filter_map(|(key, now)| {
                let last = before.get(key)?;
                let grown = last.counters.at_most(&now.counters);
                grown.then(|| (*key, now.counters.since(&last.counters)))
            })
            .collect()
    }
}

impl Entry {
    fn continues(&self, later: &Self) -> bool {
        self.since == later.since && self.counters.at_most(&later.counters)
    }
}
