//! The ways to serve one statement.

use std::collections::{BTreeMap, BTreeSet};

use super::Advisor;
use crate::advise::candidate::{Allowed, candidates};
use crate::advise::what_if::WhatIfError;

/// Rounds of looking for other ways to serve one statement.
const WAYS: usize = 6;

/// The same with small ones alone.
const FEW_WAYS: usize = 3;

/// Circles of small ones at most.
const CIRCLES: usize = 14;

/// Each circle of candidates is of those that are so many times smaller.
const HALVING: f64 = 1.6;

/// A way is one if it saves at least this share.
const LEAST_GAIN: f64 = 0.01;

impl Advisor<'_> {
    /// All that could serve a statement by itself.
    pub(super) fn candidates(&mut self, number: usize, allowed: &Allowed) -> BTreeSet<usize> {
        let mut definitions = BTreeSet::new();
        for reading in self.statements.get(number).into_iter().flat_map(|s| &s.readings) {
            definitions.extend(candidates(reading, self.catalog, allowed));
        }
        definitions.into_iter().map(|definition| self.id(definition)).collect()
    }

    /// Finds the ways to serve one statement: with everything supposed, then without what was used,
    /// and so on; the same with what is small enough, smaller and smaller. `most`: bytes that an index may have.
    pub(super) async fn explore(
        &mut self,
        number: usize,
        all: BTreeSet<usize>,
        most: f64,
    ) -> Result<(), WhatIfError> {
        let Some(planned) = self.statements.get(number) else { return Ok(()) };
        let mut all = self.sized(all).await?;
        all.retain(|id| self.bytes(*id) <= most);
        let mut useful = BTreeSet::new();
        for id in &all {
            if let Some(atom) = self.reasoned(number, *id) {
                if atom.plan < planned.cost * (1.0 - LEAST_GAIN) {
                    useful.insert(*id);
                }
                self.learn(number, atom);
            }
        }
        let slices = self.at_once(&all);
        for slice in &slices {
            for (set, ways) in self.circles(slice) {
                useful.extend(self.ways(number, set, ways).await?);
            }
        }
        if slices.len() > 1 {
            // The best of each, beside each other.
            for set in self.at_once(&useful) {
                self.ways(number, set, WAYS).await?;
            }
        }
        for slice in slices {
            for table in self.by_table(&slice) {
                if self.gain(number, &table).await? < LEAST_GAIN {
                    continue;
                }
                for id in table {
                    if self.gain(number, &BTreeSet::from([id])).await? >= LEAST_GAIN {
                        useful.insert(id);
                    }
                }
            }
        }
        if let Some(relevant) = self.relevant.get_mut(number) {
            relevant.extend(useful);
        }
        Ok(())
    }

    /// Finds out what the indexes that were found for some statements are to the others, small ones, too. `most`: bytes that an
    /// index may have.
    pub(super) async fn borrow(&mut self, most: f64) -> Result<(), WhatIfError> {
        let mut found: BTreeSet<usize> = self.relevant.iter().flatten().copied().collect();
        found.retain(|id| self.bytes(*id) <= most);
        for number in 0..self.statements.len() {
            let all = self.borrowed(number, &found);
            // What comes after needs answers, too.
            let is_plenty = self.what_if.calls * 2 < self.effort.calls;
            let circles = if is_plenty { self.circles(&all) } else { vec![(all, WAYS)] };
            let mut useful = BTreeSet::new();
            for (set, ways) in circles {
                useful.extend(self.ways(number, set, ways).await?);
            }
            if let Some(relevant) = self.relevant.get_mut(number) {
                relevant.extend(useful);
            }
        }
        Ok(())
    }

    /// What was found for other statements and can do all that something does which serves this one.
    fn borrowed(&self, number: usize, found: &BTreeSet<usize>) -> BTreeSet<usize> {
        let Some(own) = self.relevant.get(number) else { return BTreeSet::new() };
        let does_all = |other: &usize| {
            let other = self.definitions.get(*other);
            let mut own = own.iter().filter_map(|id| self.definitions.get(*id));
            other.is_some_and(|other| own.any(|own| other.does_all_of(own)))
        };
        found.difference(own).copied().filter(does_all).collect()
    }

    /// Sets that are asked about at once: all, but few at a time where tables have many partitions.
    fn at_once(&self, all: &BTreeSet<usize>) -> Vec<BTreeSet<usize>> {
        if self.what_if.can_suppose() && all.iter().any(|id| self.parts(*id) > 1) {
            return self.slices(all.iter().copied());
        }
        vec![all.clone()]
    }

    /// All, those that carry nothing along, those up to the half of the biggest, up to a quarter, ...;
    /// with the number of ways to look for in each.
    fn circles(&self, all: &BTreeSet<usize>) -> Vec<(BTreeSet<usize>, usize)> {
        let carries_nothing =
            |id: &usize| self.definitions.get(*id).is_some_and(|d| d.includes.is_empty());
        let plain: BTreeSet<usize> = all.iter().copied().filter(carries_nothing).collect();
        let mut circles = vec![(all.clone(), WAYS), (plain, WAYS)];
        let mut most = all.iter().map(|id| self.bytes(*id)).fold(0.0, f64::max);
        let mut before = all.len();
        for _ in 0..CIRCLES {
            most /= HALVING;
            let small: BTreeSet<usize> =
                all.iter().copied().filter(|id| self.bytes(*id) <= most).collect();
            if small.len() < before {
                before = small.len();
                circles.push((small, FEW_WAYS));
            }
        }
        circles
    }

    /// Asks with a set, then without what was used of it, and so on; all that was used.
    async fn ways(
        &mut self,
        number: usize,
        mut set: BTreeSet<usize>,
        most: usize,
    ) -> Result<BTreeSet<usize>, WhatIfError> {
        let mut useful = BTreeSet::new();
        for _ in 0..most {
            if set.is_empty() || self.gain(number, &set).await? < LEAST_GAIN {
                break;
            }
            let used = self.ask(number, &set).await?.used;
            if used.is_empty() {
                break;
            }
            set = set.difference(&used).copied().collect();
            useful.extend(used);
        }
        Ok(useful)
    }

    fn by_table(&self, ids: &BTreeSet<usize>) -> Vec<BTreeSet<usize>> {
        let mut tables: BTreeMap<u32, BTreeSet<usize>> = BTreeMap::new();
        for id in ids {
            if let Some(definition) = self.definitions.get(*id) {
                tables.entry(definition.table).or_default().insert(*id);
            }
        }
        tables.into_values().collect()
    }

    /// The share of its cost that a statement is spared, in the planner's eyes.
    async fn gain(&mut self, number: usize, set: &BTreeSet<usize>) -> Result<f64, WhatIfError> {
        let now = self.statements.get(number).map_or(0.0, |planned| planned.cost);
        if self.is_spent() || now <= 0.0 {
            return Ok(0.0);
        }
        Ok(1.0 - self.ask(number, set).await?.plan / now)
    }
}
