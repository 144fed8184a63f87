//! pg_stat_statements as counters that only grow: the heaviest singly, the rest in `other`.
//!
//! Every growth is charged to exactly one series at the moment it is seen: that of its statement
//! if it is shown singly, else `other` of its database. So the sum over all series is the truth,
//! and no series moves because another one comes or goes:
//! - a statement enters at the value its series had when it left (0 the first time);
//! - one that leaves stays visible, unchanged, for [`LINGER`], so that every scraper sees its last
//!   value, while its further growth is charged to `other`.

mod growth;
mod unit;
mod view;

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use self::growth::Growth;
use self::unit::{Display, Labels, Unit};
pub use self::view::{Shown, View};
use super::cumulative::Cumulative;
use super::names::{Names, UNKNOWN};
use super::sessions::Words;
use super::top;
use crate::sample::Moment;
use crate::sample::statements::{Counters, Key, Sample};
use crate::sample::texts::{self, TextKey};

/// How long a series that left the top stays visible: Prometheus' look-back is as long.
pub const LINGER: Duration = Duration::from_secs(300);

/// A statement's weight halves in this time when it is not run.
const HALF_LIFE: Duration = Duration::from_secs(600);

/// How long the value of a series is remembered after its statement left the server.
const REMEMBER: Duration = Duration::from_secs(24 * 3_600);

/// What could not be told exactly, and how much there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Entries in the last sample.
    pub tracked: u64,
    /// Entries in the last sample which the agent's role may not see: they are in `other`.
    pub hidden: u64,
    /// Times when pg_stat_statements threw out its least used entries: each loses counts.
    pub deallocated: u64,
    /// Resets of all entries.
    pub resets: u64,
    /// Resets or re-entries of single entries.
    pub entry_resets: u64,
    /// Times when the counters were another history's (a fail-over): nothing was counted.
    pub rebased: u64,
}

/// The statements of one server.
#[derive(Debug)]
pub struct Statements {
    top: usize,
    growth: Growth,
    units: HashMap<TextKey, Unit>,
    other: BTreeMap<OtherKey, Counters>,
    texts_come: bool,
    unknown: Arc<str>,
    last: Option<Moment>,
}

/// Database and module of what is not shown singly.
pub type OtherKey = (Arc<str>, Arc<str>);

impl Statements {
    /// Nothing seen yet; at most `top` statements will be shown singly.
    #[must_use]
    pub fn new(top: usize) -> Self {
        Self {
            top,
            growth: Growth::default(),
            units: HashMap::new(),
            other: BTreeMap::new(),
            texts_come: false,
            unknown: UNKNOWN.into(),
            last: None,
        }
    }

    /// Whether texts can be read: then a statement is not shown before its text was asked for,
    /// because its module is a label.
    pub fn expect_texts(&mut self, texts_come: bool) {
        self.texts_come = texts_come;
    }

    /// Another limit from the next sample on.
    pub fn limit(&mut self, top: usize) {
        self.top = top;
    }

    /// The next sample is another server's (a fail-over): only a new base.
    pub fn rebase(&mut self) {
        self.growth.rebase();
    }

    /// Folds one sample of counters in. Returns what has grown since the one before; `None` if it
    /// is only a base.
    pub fn apply(
        &mut self,
        at: Moment,
        sample: &Sample,
        names: &Names,
    ) -> Option<Vec<(Key, Counters)>> {
        self.fade(at);
        let first = self.last.is_none();
        let rebased = self.growth.counts().rebased;
        let mut grown = self.growth.read(sample);
        for (key, growth) in &grown {
            let unit = key.queryid.map(|queryid| {
                let text_key = TextKey { userid: key.userid, dbid: key.dbid, queryid };
                self.units.entry(text_key).or_insert_with(|| Unit::new(at.elapsed))
            });
            let mut module = None;
            let charged = unit.is_some_and(|unit| {
                module = unit.module().cloned();
                unit.charge(growth, at.elapsed)
            });
            if !charged {
                let module = module.unwrap_or_else(|| Arc::clone(&self.unknown));
                self.other.entry((names.datname(key.dbid), module)).or_default().add(growth);
            }
        }
        if first {
            self.weigh_history(sample);
        }
        let labels = names.labels();
        self.other.retain(|(datname, _), _| labels.contains(&**datname));
        self.choose(at, names);
        self.forget(at);
        self.last = Some(at);
        grown.retain(|(_, growth)| *growth != Counters::default());
        (!first && self.growth.counts().rebased == rebased).then_some(grown)
    }

    /// Folds texts in; who only lacked its text is shown from now on.
    pub fn apply_texts(&mut self, at: Moment, sample: &texts::Sample, words: Words<'_>) {
        let found: HashMap<&TextKey, &str> =
            sample.texts.iter().map(|(key, text)| (key, text.as_str())).collect();
        for key in &sample.asked {
            if let Some(unit) = self.units.get_mut(key) {
                let erp = words.erps.of(&words.names.datname(key.dbid));
                unit.learn(found.get(key).copied(), |text| erp.module_of_statement(text));
            }
        }
        self.choose(at, words.names);
    }

    /// What is true now.
    #[must_use]
    pub fn view(&self) -> View {
        View::of(&self.units, &self.other, self.growth.counts(), self.top)
    }

    fn fade(&mut self, at: Moment) {
        let Some(last) = self.last else { return };
        let age = at.elapsed.saturating_sub(last.elapsed).as_secs_f64();
        let factor = 0.5_f64.powf(age / HALF_LIFE.as_secs_f64());
        for unit in self.units.values_mut() {
            unit.fade(factor);
        }
    }

    /// Until statements have run before our eyes, what they weighed before ranks them; it yields
    /// to anything that runs now.
    fn weigh_history(&mut self, sample: &Sample) {
        const PAST: f64 = 1e-6;
        for statement in &sample.statements {
            let key = statement.key;
            let Some(queryid) = key.queryid else { continue };
            let text_key = TextKey { userid: key.userid, dbid: key.dbid, queryid };
            if let Some(unit) = self.units.get_mut(&text_key) {
                unit.weigh(&statement.counters, PAST);
            }
        }
    }

    fn choose(&mut self, at: Moment, names: &Names) {
        let mut order: Vec<(TextKey, &mut Unit)> =
            self.units.iter_mut().map(|(key, unit)| (*key, unit)).collect();
        // A fixed order: equal weights must not shuffle from sample to sample.
        order.sort_unstable_by_key(|(key, _)| *key);
        let holders = holders(&mut order, names);
        let items: Vec<(top::Score, bool)> = order
            .iter()
            .zip(holders)
            .map(|((_, unit), holds)| {
                let score = if holds { unit.score() } else { top::Score::default() };
                (score, unit.display == Display::Single)
            })
            .collect();
        let mut single = vec![false; order.len()];
        for picked in top::pick(&items, self.top) {
            if let Some(single) = single.get_mut(picked) {
                *single = true;
            }
        }
        for ((_, unit), single) in order.iter_mut().zip(single) {
            unit.show(single, self.texts_come, at.elapsed);
        }
        self.end_oldest_lingering();
    }

    /// Lingering series count against the limit too: at most as many as are shown singly.
    fn end_oldest_lingering(&mut self) {
        let mut leaving: Vec<(Duration, &mut Unit)> = self
            .units
            .values_mut()
            .filter_map(|unit| match unit.display {
                Display::Leaving { since } => Some((since, unit)),
                _ => None,
            })
            .collect();
        let excess = leaving.len().saturating_sub(self.top);
        leaving.sort_unstable_by_key(|(since, _)| *since);
        for (_, unit) in leaving.into_iter().take(excess) {
            unit.display = Display::Other;
        }
    }

    /// Lets go of units whose entries have left the server, unless their series must be continued.
    fn forget(&mut self, at: Moment) {
        let most = self.top.saturating_mul(4).saturating_add(1_000);
        let gone = |unit: &Unit| unit.seen != at.elapsed && unit.display == Display::Other;
        self.units.retain(|_, unit| {
            !gone(unit) || unit.was_shown() && at.elapsed.saturating_sub(unit.seen) < REMEMBER
        });
        let mut remembered: Vec<(Duration, TextKey)> = self
            .units
            .iter()
            .filter(|(_, unit)| gone(unit))
            .map(|(key, unit)| (unit.seen, *key))
            .collect();
        let excess = remembered.len().saturating_sub(most);
        remembered.sort_unstable();
        for (_, key) in remembered.into_iter().take(excess) {
            self.units.remove(&key);
        }
    }
}

/// Which units hold the series of their labels. Several have the same labels when a role or
/// database was made anew, or took another's name: the one that runs most holds the series, and
/// goes on with it where the one before left it.
fn holders(order: &mut [(TextKey, &mut Unit)], names: &Names) -> Vec<bool> {
    let mut best: HashMap<(Labels, i64), usize> = HashMap::with_capacity(order.len());
    for index in 0..order.len() {
        let (before, rest) = order.split_at_mut(index);
        let Some((key, unit)) = rest.first_mut() else { continue };
        let Some(labels) = unit.name(*key, names) else { continue };
        match best.entry((labels, key.queryid)) {
            Entry::Vacant(place) => {
                place.insert(index);
            }
            Entry::Occupied(mut place) => {
                let Some((_, holder)) = before.get_mut(*place.get()) else { continue };
                if unit.claim() > holder.claim() {
                    unit.inherit(holder);
                    place.insert(index);
                } else {
                    holder.inherit(unit);
                }
            }
        }
    }
    let mut holds = vec![false; order.len()];
    for index in best.into_values() {
        if let Some(holds) = holds.get_mut(index) {
            *holds = true;
        }
    }
    holds
}

#[cfg(test)]
mod tests;
