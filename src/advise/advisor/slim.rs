//! Less of what was chosen, where less does nearly the same.

use std::collections::BTreeSet;

use super::Advisor;
use crate::advise::what_if::WhatIfError;

/// What the columns that an index carries along may add to what it saves and still be left out: they
/// make it bigger, and an update of any of them is no longer HOT.
const SLIM_INCLUDES: f64 = 0.1;

/// The same of its last key, and of the rows that a partial index leaves out.
const SLIM_KEYS: f64 = 0.02;

/// A partial index is a good deal smaller if it has at most this share of the bytes.
const SMALL: f64 = 0.25;

impl Advisor<'_> {
    /// Takes from each index what adds little to what the whole of it saves.
    pub(super) async fn slim(
        &mut self,
        mut chosen: BTreeSet<usize>,
    ) -> Result<BTreeSet<usize>, WhatIfError> {
        let mut left: Vec<usize> = chosen.iter().copied().collect();
        while let Some(id) = left.pop() {
            if !chosen.contains(&id) {
                continue;
            }
            let now = self.seconds(&chosen);
            let mut rest = chosen.clone();
            rest.remove(&id);
            let gain = self.seconds(&rest) - now;
            for (other, slack) in self.less(id).await? {
                let mut instead = rest.clone();
                if !instead.insert(other) {
                    continue;
                }
                self.verify(&instead).await?;
                let lost = self.seconds(&instead) - now;
                // An update of the predicate's column may be HOT with the one and not with the other.
                let more = (self.upkeep(other) - self.upkeep(id)).max(0.0);
                if lost + more <= gain * slack {
                    chosen = instead;
                    left.push(other);
                    break;
                }
            }
        }
        Ok(chosen)
    }

    fn upkeep(&self, id: usize) -> f64 {
        self.model.indexes.get(id).map_or(0.0, |index| index.upkeep)
    }

    /// What could stand in for an index, and the share of what it saves that may be lost for that: the smallest first of
    /// partial ones, then the same index with less.
    async fn less(&mut self, id: usize) -> Result<Vec<(usize, f64)>, WhatIfError> {
        let Some(definition) = self.definitions.get(id).cloned() else { return Ok(Vec::new()) };
        let mut found: Vec<(usize, f64)> =
            self.partial(id).into_iter().map(|other| (other, SLIM_KEYS)).collect();
        let less: BTreeSet<usize> =
            definition.less().into_iter().map(|less| self.id(less)).collect();
        for other in self.sized(less).await? {
            for relevant in &mut self.relevant {
                if relevant.contains(&id) {
                    relevant.insert(other);
                }
            }
            let has_all_keys =
                self.definitions.get(other).is_some_and(|d| d.keys.len() == definition.keys.len());
            found.push((other, if has_all_keys { SLIM_INCLUDES } else { SLIM_KEYS }));
        }
        Ok(found)
    }

    /// Of an index of all rows: much smaller ones of some rows that matter to a statement to which this one matters.
    fn partial(&self, id: usize) -> Vec<usize> {
        let Some(definition) = self.definitions.get(id).filter(|d| d.predicate.is_none()) else {
            return Vec::new();
        };
        let most = self.bytes(id) * SMALL;
        let is_one = |other: &usize| {
            self.definitions
                .get(*other)
                .is_some_and(|other| other.table == definition.table && other.predicate.is_some())
                && self.bytes(*other) <= most
        };
        let with_it = self.relevant.iter().filter(|relevant| relevant.contains(&id));
        let found: BTreeSet<usize> = with_it.flatten().copied().filter(is_one).collect();
        let mut found: Vec<usize> = found.into_iter().collect();
        found.sort_by(|a, b| self.bytes(*a).total_cmp(&self.bytes(*b)));
        found
    }
}
