//! What lies around a chosen set: what would add to it, and what could stand in for a part of it.

use std::collections::BTreeSet;

use super::Advisor;
use super::settle::NEWS;
use crate::advise::select::Limits;
use crate::advise::what_if::WhatIfError;

/// Indexes that are looked at beside those that are chosen.
const NEIGHBOURS: usize = 40;

/// Ways to serve a statement that are looked for.
struct Ways {
    /// Their number.
    most: usize,
    /// What one spares at least, as a share of the statement's cost.
    least: f64,
}

/// Beside the chosen indexes, and in place of one of them.
const ADDED: Ways = Ways { most: 3, least: 0.01 };

/// Of those that are then asked about one by one.
const TOGETHER: Ways = Ways { most: 6, least: 0.001 };

/// Indexes that are looked at in place of one that does less, by what they promise and by their size.
const IN_PLACE: usize = 2;

/// What is worth another look, as a share of the cost of all.
const LEAST_OF_ALL: f64 = 3e-4;

impl Advisor<'_> {
    /// Asks about what was not thought of; whether there is news.
    pub(super) async fn around(
        &mut self,
        chosen: &BTreeSet<usize>,
        limits: Limits,
    ) -> Result<bool, WhatIfError> {
        let beside = self.beside(chosen, limits).await?;
        let neighbours = self.neighbours(chosen, limits).await?;
        Ok(self.in_place(chosen, limits).await? || neighbours || beside)
    }

    /// Asks, of each statement, what those that are not chosen would add, and what could stand in for each that it uses:
    /// what it does not use it would not miss.
    async fn beside(
        &mut self,
        chosen: &BTreeSet<usize>,
        limits: Limits,
    ) -> Result<bool, WhatIfError> {
        let free = limits.bytes - self.model.bytes(chosen);
        let biggest = chosen.iter().map(|id| self.bytes(*id)).fold(0.0, f64::max);
        let mut is_news = false;
        for number in 0..self.statements.len() {
            let others = self.not_chosen(number, chosen, free + biggest);
            is_news |= self.added(number, chosen, others, ADDED).await?;
            for id in self.used(number, chosen) {
                let mut rest = chosen.clone();
                rest.remove(&id);
                let others = self.not_chosen(number, chosen, free + self.bytes(id));
                is_news |= self.added(number, &rest, others, ADDED).await?;
            }
        }
        Ok(is_news)
    }

    /// Those that may matter to a statement, are not chosen, and are not too big.
    fn not_chosen(&self, number: usize, chosen: &BTreeSet<usize>, most: f64) -> BTreeSet<usize> {
        let is_one = |id: &usize| !chosen.contains(id) && self.bytes(*id) <= most;
        self.relevant.get(number).into_iter().flatten().copied().filter(is_one).collect()
    }

    /// Asks what others would add to a set: all of them at once, for the planner takes the best; then without what it took.
    async fn added(
        &mut self,
        number: usize,
        set: &BTreeSet<usize>,
        mut others: BTreeSet<usize>,
        Ways { most, least }: Ways,
    ) -> Result<bool, WhatIfError> {
        let mut is_news = false;
        let of_it = self.touching(number, set);
        for _ in 0..most {
            if others.is_empty() || self.is_spent() {
                break;
            }
            let with: BTreeSet<usize> = of_it.union(&others).copied().collect();
            let Some(statement) = self.model.statements.get(number) else { break };
            let without = statement.plan(&of_it).map_or(0.0, |atom| atom.plan);
            let bound = statement.cost(&with);
            let atom = self.ask(number, &with).await?;
            is_news |= atom.cost < bound * (1.0 - NEWS);
            let used: BTreeSet<usize> = atom.used.intersection(&others).copied().collect();
            if atom.plan >= without * (1.0 - least) || used.is_empty() {
                break;
            }
            others = others.difference(&used).copied().collect();
        }
        Ok(is_news)
    }

    /// Asks what each index that is not chosen would add to those that are, the most promising first.
    async fn neighbours(
        &mut self,
        chosen: &BTreeSet<usize>,
        limits: Limits,
    ) -> Result<bool, WhatIfError> {
        let mut is_news = false;
        let others: BTreeSet<usize> =
            self.relevant.iter().flatten().copied().filter(|id| !chosen.contains(id)).collect();
        let others = self.sized(others).await?;
        let most: f64 = self.model.total(chosen) * LEAST_OF_ALL;
        let mut others: Vec<(f64, usize)> = others
            .into_iter()
            .filter(|id| self.bytes(*id) <= limits.bytes)
            .map(|id| (self.promise(id, chosen), id))
            .filter(|(promise, _)| *promise > most)
            .map(|(promise, id)| (promise / self.bytes(id).max(1.0).sqrt(), id))
            .collect();
        others.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        others.truncate(NEIGHBOURS);
        let others: Vec<usize> = others.into_iter().map(|(_, id)| id).collect();
        self.together(chosen, &others).await?;
        for id in others {
            let mut with = chosen.clone();
            with.insert(id);
            let wants = |number: &usize| {
                self.relevant.get(*number).is_some_and(|relevant| relevant.contains(&id))
            };
            let wanting: Vec<usize> = (0..self.statements.len()).filter(wants).collect();
            is_news |= self.verify_some(&wanting, &with).await?;
        }
        Ok(is_news)
    }

    /// Asks each statement about all of these at once, then without what was taken: what adds nothing with the rest of them adds
    /// nothing by itself, and is known then.
    async fn together(
        &mut self,
        chosen: &BTreeSet<usize>,
        others: &[usize],
    ) -> Result<(), WhatIfError> {
        for number in 0..self.statements.len() {
            let Some(relevant) = self.relevant.get(number) else { continue };
            let wanted = others.iter().copied().filter(|id| relevant.contains(id)).collect();
            self.added(number, chosen, wanted, TOGETHER).await?;
        }
        Ok(())
    }

    /// Asks, of each chosen index, about others in its place that can do all that it does, and more for other
    /// statements, for which they were thought of: what they are to those that use it now nobody knows yet.
    async fn in_place(
        &mut self,
        chosen: &BTreeSet<usize>,
        limits: Limits,
    ) -> Result<bool, WhatIfError> {
        let mut is_news = false;
        for id in chosen {
            let mut rest = chosen.clone();
            rest.remove(id);
            let users = self.using(*id, chosen);
            for other in self.more_than(*id, chosen, limits) {
                let mut with = rest.clone();
                with.insert(other);
                is_news |= self.verify_some(&users, &with).await?;
            }
        }
        Ok(is_news)
    }

    /// Indexes that can do all that one does: those that promise most for what they are bigger, and the smallest, for a
    /// promise is made before much is known.
    fn more_than(&self, id: usize, chosen: &BTreeSet<usize>, limits: Limits) -> BTreeSet<usize> {
        let Some(less) = self.definitions.get(id) else { return BTreeSet::new() };
        let does_more = |other: &usize| {
            !chosen.contains(other)
                && self.bytes(*other) <= limits.bytes
                && self.definitions.get(*other).is_some_and(|more| more.does_all_of(less))
        };
        let others: BTreeSet<usize> = self.relevant.iter().flatten().copied().collect();
        let least = self.model.total(chosen) * LEAST_OF_ALL;
        let mut others: Vec<(f64, usize)> = others
            .into_iter()
            .filter(does_more)
            .map(|other| (self.promise(other, chosen), other))
            .filter(|(promise, _)| *promise > least)
            .collect();
        let worth = |(promise, other): &(f64, usize)| {
            promise / (self.bytes(*other) - self.bytes(id)).max(1.0)
        };
        others.sort_by(|a, b| worth(b).total_cmp(&worth(a)));
        let mut found: BTreeSet<usize> = others.iter().take(IN_PLACE).map(|o| o.1).collect();
        others.sort_by(|a, b| self.bytes(a.1).total_cmp(&self.bytes(b.1)));
        found.extend(others.iter().take(IN_PLACE).map(|o| o.1));
        found
    }

    /// Statements whose plan with the chosen indexes uses one of them.
    fn using(&self, id: usize, chosen: &BTreeSet<usize>) -> Vec<usize> {
        (0..self.statements.len()).filter(|n| self.used(*n, chosen).contains(&id)).collect()
    }

    /// The chosen indexes that a statement's plan uses.
    fn used(&self, number: usize, chosen: &BTreeSet<usize>) -> BTreeSet<usize> {
        let plan = self.model.statements.get(number).and_then(|s| s.plan(chosen));
        plan.map(|plan| plan.used.clone()).unwrap_or_default()
    }

    /// The most that an index could be worth beside those that are chosen: what its statements cost
    /// more than they do at least.
    fn promise(&self, id: usize, chosen: &BTreeSet<usize>) -> f64 {
        let mut with = chosen.clone();
        with.insert(id);
        let of_it = self.relevant.iter().zip(&self.model.statements).enumerate();
        of_it
            .filter(|(_, (relevant, _))| relevant.contains(&id))
            .map(|(number, (_, statement))| {
                let least = self.least(number, &self.touching(number, &with));
                let now = statement.plan(chosen).map_or(0.0, |atom| atom.plan);
                statement.weight * (now - least).max(0.0)
            })
            .sum()
    }
}
