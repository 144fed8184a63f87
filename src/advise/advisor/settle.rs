//! The search, and the planner's word on what it found.

use std::collections::BTreeSet;

use super::Advisor;
use crate::advise::select::{Limits, refine, search};
use crate::advise::what_if::WhatIfError;

/// Turns of searching and asking.
const ROUNDS: usize = 12;

/// Indexes that are looked at beside those that are chosen.
const NEIGHBOURS: usize = 150;

/// What the columns that an index carries along may add to what it saves and still be left out: they
/// make it bigger, and an update of any of them is no longer HOT.
const SLIM_INCLUDES: f64 = 0.1;

/// The same of its last key.
const SLIM_KEYS: f64 = 0.02;

impl Advisor<'_> {
    /// Searches, asks the planner about what was found, and searches again, until it agrees.
    pub(super) async fn settle(
        &mut self,
        limits: Limits,
        begin: &[BTreeSet<usize>],
    ) -> Result<BTreeSet<usize>, WhatIfError> {
        let mut best: Option<(f64, BTreeSet<usize>)> = None;
        let mut begin = begin.to_vec();
        for round in 0..ROUNDS {
            let chosen = match &best {
                None => search(&self.model, limits, &begin),
                Some((_, set)) => refine(&self.model, limits, set),
            };
            let is_news = self.verify(&chosen).await?;
            let total = self.model.total(&chosen);
            if best.as_ref().is_none_or(|(least, _)| total < *least) {
                best = Some((total, chosen.clone()));
            }
            begin.push(chosen.clone());
            let is_news = match round {
                0..=4 => self.neighbours(&chosen, limits).await? || is_news,
                _ => is_news,
            };
            if !is_news || self.is_spent() {
                break;
            }
        }
        let chosen = search(&self.model, limits, &begin);
        self.verify(&chosen).await?;
        let total = self.model.total(&chosen);
        Ok(match best {
            Some((least, set)) if least <= total => set,
            _ => chosen,
        })
    }

    /// Asks for the true cost of every statement with the chosen indexes.
    pub(super) async fn verify(&mut self, chosen: &BTreeSet<usize>) -> Result<bool, WhatIfError> {
        let mut is_news = false;
        for number in 0..self.statements.len() {
            let set: BTreeSet<usize> = self
                .relevant
                .get(number)
                .map(|relevant| relevant.intersection(chosen).copied().collect())
                .unwrap_or_default();
            if set.is_empty() || self.is_spent() {
                continue;
            }
            let bound = self.model.statements.get(number).map_or(0.0, |s| s.cost(&set));
            let atom = self.ask(number, &set).await?;
            is_news |= atom.cost < bound * (1.0 - 1e-6);
        }
        Ok(is_news)
    }

    /// Asks what each index that is not chosen would add to those that are.
    pub(super) async fn neighbours(
        &mut self,
        chosen: &BTreeSet<usize>,
        limits: Limits,
    ) -> Result<bool, WhatIfError> {
        let mut is_news = false;
        let others: BTreeSet<usize> =
            self.relevant.iter().flatten().copied().filter(|id| !chosen.contains(id)).collect();
        let others = self.sized(others).await?;
        let fits =
            |id: &usize| self.model.indexes.get(*id).is_some_and(|i| i.bytes <= limits.bytes);
        let mut others: Vec<(f64, usize)> =
            others.into_iter().filter(fits).map(|id| (self.promise(id, chosen), id)).collect();
        others.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        for (_, id) in others.into_iter().take(NEIGHBOURS) {
            let mut with = chosen.clone();
            with.insert(id);
            for number in 0..self.statements.len() {
                let Some(relevant) = self.relevant.get(number) else { continue };
                if !relevant.contains(&id) || self.is_spent() {
                    continue;
                }
                let set: BTreeSet<usize> = relevant.intersection(&with).copied().collect();
                let bound = self.model.statements.get(number).map_or(0.0, |s| s.cost(&set));
                let atom = self.ask(number, &set).await?;
                is_news |= atom.cost < bound * (1.0 - 1e-6);
            }
        }
        Ok(is_news)
    }

    /// Takes from each index what adds little to what the whole of it saves.
    pub(super) async fn slim(
        &mut self,
        mut chosen: BTreeSet<usize>,
    ) -> Result<BTreeSet<usize>, WhatIfError> {
        let mut left: Vec<usize> = chosen.iter().copied().collect();
        while let Some(id) = left.pop() {
            let now = self.seconds(&chosen);
            let mut rest = chosen.clone();
            rest.remove(&id);
            let gain = self.seconds(&rest) - now;
            let Some(definition) = self.definitions.get(id) else { continue };
            let keys = definition.keys.len();
            let less: BTreeSet<usize> =
                definition.less().into_iter().map(|less| self.id(less)).collect();
            for other in self.sized(less).await? {
                for relevant in &mut self.relevant {
                    if relevant.contains(&id) {
                        relevant.insert(other);
                    }
                }
                let mut instead = rest.clone();
                instead.insert(other);
                self.verify(&instead).await?;
                let lost = self.seconds(&instead) - now;
                let is_short = self.definitions.get(other).is_some_and(|d| d.keys.len() < keys);
                if lost <= gain * if is_short { SLIM_KEYS } else { SLIM_INCLUDES } {
                    chosen = instead;
                    left.push(other);
                    break;
                }
            }
        }
        Ok(chosen)
    }

    /// Seconds a day of the statements alone.
    pub(super) fn seconds(&self, chosen: &BTreeSet<usize>) -> f64 {
        self.model.statements.iter().map(|s| s.weight * s.cost(chosen)).sum()
    }

    /// The most that an index could be worth beside those that are chosen, for its size: what its
    /// statements cost more than the least that is known.
    pub(super) fn promise(&self, id: usize, chosen: &BTreeSet<usize>) -> f64 {
        let of_it = self.relevant.iter().zip(&self.model.statements);
        let most: f64 = of_it
            .filter(|(relevant, _)| relevant.contains(&id))
            .map(|(_, statement)| {
                let with = statement.atoms.iter().filter(|atom| atom.used.contains(&id));
                let least = with.map(|atom| atom.cost).fold(f64::INFINITY, f64::min);
                statement.weight * (statement.cost(chosen) - least).max(0.0)
            })
            .sum();
        most / self.model.indexes.get(id).map_or(1.0, |index| index.bytes.max(1.0)).sqrt()
    }
}
