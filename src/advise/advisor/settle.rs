//! The search, and the planner's word on what it found.

use std::collections::BTreeSet;

use super::Advisor;
use crate::advise::select::{Atom, Limits, Weighted, optima, refine};
use crate::advise::what_if::WhatIfError;

/// Turns of searching and asking at most. Most of them ask a few questions: what the planner makes of a set that looks
/// better than it is.
const ROUNDS: usize = 60;

/// In so many of them it is looked for what was not thought of.
const EXPLORING: usize = 5;

/// After so many questions for each statement it is no more: the first turns find most of what there is.
const EXPLORED: u64 = 40;

/// Sets that are nearly as good when the search would end: these are explored, too.
const OTHERS: usize = 2;

/// How much dearer these may be, as a share of all.
const NEARLY: f64 = 0.002;

/// Sets in which one statement is looked at for what harms it.
const MOST_HARMS: usize = 6;

/// How much dearer a plan may look to the planner that it takes all the same: sizes and statistics are estimates, and move.
const TIE: f64 = 0.15;

/// A bound that moves by this share is news.
pub(super) const NEWS: f64 = 1e-6;

impl Advisor<'_> {
    /// Searches, asks the planner about what was found, and searches again, until it agrees: near the best that is known,
    /// far from it when there is nothing new to be had there, and at last near others that look as good.
    pub(super) async fn settle(
        &mut self,
        limits: Limits,
        begin: &[BTreeSet<usize>],
    ) -> Result<BTreeSet<usize>, WhatIfError> {
        let mut best: Option<(f64, BTreeSet<usize>)> = None;
        let mut explored: BTreeSet<BTreeSet<usize>> = BTreeSet::new();
        let mut others = OTHERS;
        let enough = self.what_if.calls + EXPLORED * self.statements.len() as u64;
        let mut is_wide = true;
        for round in 0..ROUNDS {
            let found = match &best {
                Some((_, set)) if !is_wide => vec![refine(&self.model, limits, set)],
                known => {
                    let from = begin.iter().chain(known.iter().map(|(_, set)| set));
                    optima(&self.model, limits, from)
                }
            };
            let mut found = found.into_iter();
            let chosen = found.next().unwrap_or_default();
            let mut is_news = self.verify(&chosen).await?;
            let total = self.told(&chosen);
            if best.as_ref().is_none_or(|(least, _)| total < *least) {
                best = Some((total, chosen.clone()));
            }
            if round < EXPLORING && self.what_if.calls < enough {
                is_news |= self.around(&chosen, limits).await?;
                explored.insert(chosen);
            }
            if is_wide && round > 0 && !is_news {
                let is_nearly_as_good =
                    |set: &BTreeSet<usize>| self.model.total(set) <= total * (1.0 + NEARLY);
                let is_new = |set: &BTreeSet<usize>| !explored.contains(set);
                let nearly: Vec<BTreeSet<usize>> =
                    found.filter(is_nearly_as_good).filter(is_new).take(others).collect();
                others -= nearly.len();
                for set in nearly {
                    if self.what_if.calls >= enough {
                        break;
                    }
                    is_news |= self.verify(&set).await?;
                    is_news |= self.around(&set, limits).await?;
                    explored.insert(set);
                }
                if !is_news {
                    break;
                }
            }
            if self.is_spent() {
                break;
            }
            is_wide = !is_news;
        }
        Ok(best.map(|(_, set)| set).unwrap_or_default())
    }

    /// Seconds a day of the workload and of keeping these indexes, as the planner said when it was asked about just these.
    fn told(&self, chosen: &BTreeSet<usize>) -> f64 {
        let more = |(number, statement): (usize, &Weighted)| {
            let known = statement.charged(chosen);
            let told = self.plan(number, chosen).map_or(known, |atom| statement.charge(atom.cost));
            statement.weight * (told - known)
        };
        let more: f64 = self.model.statements.iter().enumerate().map(more).sum();
        self.model.total(chosen) + more
    }

    /// The plan of a statement: as it was told if just these were asked about, for the planner may take a plan that it
    /// thinks worse than one with fewer of them (it drops what is nearly as cheap as something else); else as far as its
    /// plans are known.
    fn plan(&self, number: usize, chosen: &BTreeSet<usize>) -> Option<&Atom> {
        let set = self.touching(number, chosen);
        let asked = self.known.get(number)?.iter().find(|(asked, _)| *asked == set);
        let told = asked.map(|(_, atom)| atom);
        told.or_else(|| self.model.statements.get(number)?.plan(chosen))
    }

    /// Without what makes a statement dearer by more than a tenth, or would if the planner took a plan that looks nearly as good
    /// to it: of the indexes of that plan, the one that is missed least goes, until none does.
    pub(super) async fn unharmed(
        &mut self,
        mut chosen: BTreeSet<usize>,
    ) -> Result<BTreeSet<usize>, WhatIfError> {
        loop {
            self.verify(&chosen).await?;
            let mut harmed = None;
            for number in 0..self.statements.len() {
                harmed = self.harming(number, &chosen).await?;
                if harmed.is_some() {
                    break;
                }
            }
            let mut least: Option<(f64, BTreeSet<usize>)> = None;
            for id in harmed.into_iter().flatten() {
                let mut rest = chosen.clone();
                rest.remove(&id);
                self.verify(&rest).await?;
                let total = self.told(&rest);
                if rest.len() < chosen.len() && least.as_ref().is_none_or(|(l, _)| total < *l) {
                    least = Some((total, rest));
                }
            }
            match least {
                Some((_, rest)) => chosen = rest,
                None => return Ok(chosen),
            }
        }
    }

    /// The indexes of a plan by which a statement is harmed: of the one that the planner takes, or of one that it takes when
    /// an index of that is missing and that looks nearly as good to it.
    async fn harming(
        &mut self,
        number: usize,
        chosen: &BTreeSet<usize>,
    ) -> Result<Option<BTreeSet<usize>>, WhatIfError> {
        let is_harmed = |advisor: &Self, plan: &Atom| {
            advisor.model.statements.get(number).is_some_and(|s| s.is_harmed_by(plan))
        };
        let Some(plan) = self.plan(number, chosen).cloned() else { return Ok(None) };
        if is_harmed(self, &plan) && !plan.used.is_empty() {
            return Ok(Some(plan.used));
        }
        for id in &plan.used {
            let mut rest = self.touching(number, chosen);
            rest.remove(id);
            if self.is_spent() {
                break;
            }
            let other = self.ask(number, &rest).await?;
            let is_tie = other.plan <= plan.plan * (1.0 + TIE) && !other.used.is_empty();
            if is_tie && is_harmed(self, &other) {
                return Ok(Some(other.used));
            }
        }
        Ok(None)
    }

    /// Those of a set that may matter to a statement: on its tables.
    pub(super) fn touching(&self, number: usize, set: &BTreeSet<usize>) -> BTreeSet<usize> {
        let Some(tables) = self.tables.get(number) else { return BTreeSet::new() };
        let is_on =
            |id: &usize| self.definitions.get(*id).is_some_and(|d| tables.contains(&d.table));
        set.iter().copied().filter(is_on).collect()
    }

    /// Asks for the cost of every statement with the chosen indexes, also of those that were
    /// not thought of when these were looked for: the planner may take a plan that is worse.
    pub(super) async fn verify(&mut self, chosen: &BTreeSet<usize>) -> Result<bool, WhatIfError> {
        let all: Vec<usize> = (0..self.statements.len()).collect();
        self.verify_some(&all, chosen).await
    }

    /// The same of some statements.
    pub(super) async fn verify_some(
        &mut self,
        numbers: &[usize],
        chosen: &BTreeSet<usize>,
    ) -> Result<bool, WhatIfError> {
        let mut is_news = false;
        for number in numbers {
            is_news |= self.verify_one(*number, chosen).await?;
        }
        Ok(is_news)
    }

    async fn verify_one(
        &mut self,
        number: usize,
        chosen: &BTreeSet<usize>,
    ) -> Result<bool, WhatIfError> {
        let set = self.touching(number, chosen);
        if set.is_empty() || self.is_spent() {
            return Ok(false);
        }
        let bound = self.model.statements.get(number).map_or(0.0, |s| s.charged(&set));
        self.ask(number, &set).await?;
        let now = self.model.statements.get(number).map_or(0.0, |s| s.charged(&set));
        self.without_harm(number, set).await?;
        Ok((now - bound).abs() > bound * NEWS)
    }

    /// What else the planner would take if one of the indexes of a plan that harms was not there, and so on until one does
    /// not: else a search finds out one by one, as it goes from what harms to what harms in another way.
    async fn without_harm(
        &mut self,
        number: usize,
        set: BTreeSet<usize>,
    ) -> Result<(), WhatIfError> {
        let mut sets = vec![set];
        for _ in 0..MOST_HARMS {
            let Some(set) = sets.pop() else { break };
            let harming = self.model.statements.get(number).and_then(|statement| {
                let plan = statement.plan(&set)?;
                statement.is_harmed_by(plan).then(|| plan.used.clone())
            });
            for id in harming.into_iter().flatten() {
                let mut rest = set.clone();
                rest.remove(&id);
                if !self.is_spent() {
                    self.ask(number, &rest).await?;
                    sets.push(rest);
                }
            }
        }
        Ok(())
    }

    /// Seconds a day of the statements alone.
    pub(super) fn seconds(&self, chosen: &BTreeSet<usize>) -> f64 {
        self.model.statements.iter().map(|s| s.weight * s.cost(chosen)).sum()
    }
}
