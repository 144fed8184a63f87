//! What is asked of the planner, what is known already, and what indexes weigh.

use std::collections::{BTreeMap, BTreeSet};

use super::{Advisor, Judge, Planned};
use crate::advise::catalog::Table;
use crate::advise::definition::Definition;
use crate::advise::reason::{self, Saved};
use crate::advise::select::{Atom, Weighted};
use crate::advise::size;
use crate::advise::upkeep::{PRESENCE, upkeep};
use crate::advise::what_if::{Answer, WhatIfError, parts};
use crate::advise::workload::SECONDS_PER_COST;

/// Bounds that are so near to each other are an answer.
const NEAR: f64 = 1e-3;

/// Planner's units that a statement costs at least.
const LEAST_COST: f64 = 0.01;

/// Questions about one statement that may have no answer: each can take as long as `statement_timeout`.
const MOST_UNANSWERED: usize = 3;

/// Hypothetical indexes that are supposed together to learn their sizes, or to find the best of them: HypoPG has oids for about
/// 2,500, and a plan of hundreds of partitions takes seconds with so many.
const SLICE: usize = 500;

/// Bytes by index, or why PostgreSQL does not want it.
type Sizes = BTreeMap<usize, Result<f64, String>>;

impl Advisor<'_> {
    /// Those that PostgreSQL takes; learns their sizes.
    pub(super) async fn accepted(
        &mut self,
        ids: BTreeSet<usize>,
    ) -> Result<BTreeSet<usize>, WhatIfError> {
        let mut accepted = BTreeSet::new();
        let ids: BTreeSet<usize> =
            ids.into_iter().filter(|id| !self.refused.contains_key(id)).collect();
        let (reasoned, ids): (Vec<usize>, Vec<usize>) = ids.into_iter().partition(|id| {
            let definition = self.definitions.get(*id);
            !self.what_if.can_suppose() || definition.is_some_and(|d| !d.can_be_supposed())
        });
        for id in reasoned {
            if !self.is_surely_taken(id) {
                continue;
            }
            self.price(id, self.imagined_bytes(id));
            accepted.insert(id);
        }
        for some in self.slices(ids) {
            let sizes = match self.supposed_sizes(&some).await {
                // They are asked for again when somebody wants them.
                Err(error) if !error.is_the_end() => continue,
                sizes => sizes?,
            };
            for (id, size) in sizes {
                match size {
                    Ok(bytes) => {
                        accepted.insert(id);
                        self.price(id, bytes);
                    }
                    Err(reason) => {
                        self.refused.insert(id, reason);
                    }
                }
            }
        }
        Ok(accepted)
    }

    async fn supposed_sizes(&mut self, some: &BTreeSet<usize>) -> Result<Sizes, WhatIfError> {
        self.what_if.suppose_only(&BTreeSet::new(), &self.definitions, self.catalog).await?;
        self.what_if.suppose_only(some, &self.definitions, self.catalog).await
    }

    /// Sets that HypoPG has room for, each of which can be planned with in time.
    pub(super) fn slices(&self, ids: impl IntoIterator<Item = usize>) -> Vec<BTreeSet<usize>> {
        let mut slices = Vec::new();
        let (mut slice, mut parts) = (BTreeSet::new(), 0);
        for id in ids {
            let own = self.parts(id);
            if parts + own > SLICE && !slice.is_empty() {
                slices.push(std::mem::take(&mut slice));
                parts = 0;
            }
            slice.insert(id);
            parts += own;
        }
        slices.extend(Some(slice).filter(|slice| !slice.is_empty()));
        slices
    }

    /// Hypothetical indexes that one index is: of a partitioned table, one for each leaf.
    pub(super) fn parts(&self, id: usize) -> usize {
        self.definitions.get(id).map_or(0, |definition| parts(definition, self.catalog))
    }

    /// Takes up an index's size: by the layout of its pages, else as HypoPG says.
    pub(super) fn price(&mut self, id: usize, supposed: f64) {
        let own = self.definitions.get(id).and_then(|definition| {
            let table = self.catalog.tables.get(&definition.table)?;
            size::estimate(definition, self.catalog, table)
                .filter(|_| !self.effort.sizes_of_hypopg || !definition.can_be_supposed())
        });
        let burden = self.definitions.get(id).and_then(|definition| {
            let table = self.catalog.tables.get(&definition.table)?;
            let presence = if self.effort.lean { PRESENCE } else { 0.0 };
            Some(upkeep(definition, table, self.daily).seconds + presence)
        });
        let cost = burden.unwrap_or_default();
        if let Some(priced) = self.model.indexes.get_mut(id) {
            priced.bytes = own.unwrap_or(supposed);
            priced.upkeep = cost;
        }
    }

    pub(super) fn is_spent(&self) -> bool {
        self.what_if.calls >= self.effort.calls
            || self.what_if.planning_ms >= self.effort.planning_ms
    }

    /// The plan of a statement with these indexes: known, or bounded closely by what is known, or
    /// asked for.
    pub(super) async fn ask(
        &mut self,
        number: usize,
        set: &BTreeSet<usize>,
    ) -> Result<Atom, WhatIfError> {
        if let Some(atom) = self.bounded(number, set, NEAR) {
            return Ok(atom);
        }
        self.ask_exactly(number, set).await
    }

    /// The plan that is taken at worst, if no plan can be cheaper by more than a share: with fewer
    /// indexes a statement never costs less.
    fn bounded(&self, number: usize, set: &BTreeSet<usize>, share: f64) -> Option<Atom> {
        let worst = self.model.statements.get(number)?.plan(set)?;
        if self.is_unanswered(number, set) {
            return Some(worst.clone());
        }
        (self.least(number, set) >= worst.plan * (1.0 - share)).then(|| worst.clone())
    }

    /// What a statement costs at least with these indexes, in the planner's eyes.
    pub(super) fn least(&self, number: usize, set: &BTreeSet<usize>) -> f64 {
        let mut dearest_first = self.known.get(number).into_iter().flatten();
        dearest_first.find(|(asked, _)| set.is_subset(asked)).map_or(0.0, |(_, atom)| atom.plan)
    }

    /// Remembers the plan of a statement with these.
    fn remember(&mut self, number: usize, set: &BTreeSet<usize>, atom: &Atom) {
        if let Some(known) = self.known.get_mut(number) {
            let at = known.partition_point(|(_, dearer)| dearer.plan >= atom.plan);
            known.insert(at, (set.clone(), atom.clone()));
        }
    }

    /// The same, asked for unless it was.
    pub(super) async fn ask_exactly(
        &mut self,
        number: usize,
        set: &BTreeSet<usize>,
    ) -> Result<Atom, WhatIfError> {
        if let Some(atom) = self.bounded(number, set, 1e-9) {
            return Ok(atom);
        }
        let Some(planned) = self.statements.get(number) else {
            return Ok(Atom::plain(BTreeSet::new(), 0.0));
        };
        if !self.what_if.can_suppose() {
            let atom = self.imagined(planned, set);
            self.remember(number, set, &atom);
            return Ok(self.learn(number, atom));
        }
        let (atom, missing) = match self.answered(number, planned, set).await {
            Err(error) if !error.is_the_end() => return Ok(self.give_up(number, set, &error)),
            answer => answer?,
        };
        let asked: BTreeSet<usize> = set.difference(&missing).copied().collect();
        if !missing.is_empty()
            && let Some(short) = self.short.get_mut(number)
        {
            short.insert(set.clone());
        }
        self.remember(number, &asked, &atom);
        Ok(self.learn(number, atom))
    }

    /// Its plan with these, and those of them that could not be supposed.
    async fn answered(
        &mut self,
        number: usize,
        planned: &Planned,
        set: &BTreeSet<usize>,
    ) -> Result<(Atom, BTreeSet<usize>), WhatIfError> {
        if let Some(tables) = self.tables.get(number) {
            let missing =
                self.what_if.suppose_on(tables, set, &self.definitions, self.catalog).await?;
            let atom = self.planned(planned).await?;
            // Else it reads a table that it did not read before.
            if atom.used.is_subset(set) {
                return Ok((atom, missing));
            }
        }
        self.what_if.suppose_only(set, &self.definitions, self.catalog).await?;
        let missing = self.what_if.missing(set, &self.definitions, self.catalog);
        Ok((self.planned(planned).await?, missing))
    }

    /// The mean of its variants, with what is supposed.
    async fn planned(&mut self, planned: &Planned) -> Result<Atom, WhatIfError> {
        let mut atom = Atom::plain(BTreeSet::new(), 0.0);
        for (variant, weight) in planned.variants.iter().zip(&planned.weights) {
            let answer = self.what_if.plan(variant).await?;
            atom.plan += answer.plan.cost * weight;
            atom.cost += self.judged(&answer) * weight;
            atom.used.extend(answer.used());
        }
        Ok(atom)
    }

    /// Remembers that there was no answer; what is known already has to do.
    fn give_up(&mut self, number: usize, set: &BTreeSet<usize>, error: &WhatIfError) -> Atom {
        // The others are counted where they are asked.
        if !error.is_for_now() {
            self.what_if.unanswered += 1;
        }
        if let Some(unanswered) = self.unanswered.get_mut(number) {
            unanswered.push(set.clone());
        }
        let now = self.statements.get(number).map_or(0.0, |planned| planned.cost);
        self.bounded(number, set, NEAR).unwrap_or_else(|| Atom::plain(BTreeSet::new(), now))
    }

    /// Whether it was asked without an answer about all of these, or that was so too often with this statement.
    fn is_unanswered(&self, number: usize, set: &BTreeSet<usize>) -> bool {
        if self.short.get(number).is_some_and(|short| short.contains(set)) {
            return true;
        }
        let unanswered = self.unanswered.get(number).map_or(&[][..], Vec::as_slice);
        unanswered.len() >= MOST_UNANSWERED || unanswered.contains(set)
    }

    /// What a plan is taken to cost.
    fn judged(&mut self, answer: &Answer) -> f64 {
        if self.effort.judge == Judge::Planner {
            return answer.plan.cost;
        }
        for (name, id) in &answer.named {
            // Anew each time: names of what is supposed are given again.
            if let Some(definition) = self.definitions.get(*id) {
                self.ground.suppose(name, definition, self.catalog);
            }
        }
        self.ground.true_cost(&answer.plan)
    }

    /// Plans statements as things are, to judge these plans, too.
    pub(super) async fn judge_now(&mut self) -> Result<(), WhatIfError> {
        if self.effort.judge == Judge::Planner || !self.what_if.can_suppose() {
            return Ok(());
        }
        self.what_if.suppose_only(&BTreeSet::new(), &self.definitions, self.catalog).await?;
        for number in 0..self.statements.len() {
            let Some(planned) = self.statements.get(number) else { continue };
            let cost = match self.cost_now(planned).await {
                // It goes on at the planner's cost.
                Err(error) if !error.is_the_end() => continue,
                cost => cost?,
            };
            if let Some(statement) = self.model.statements.get_mut(number) {
                let atoms = vec![Atom { used: BTreeSet::new(), plan: planned.cost, cost }];
                *statement = Weighted::new(planned.seconds, cost, atoms);
            }
        }
        self.set_paces();
        Ok(())
    }

    async fn cost_now(&mut self, planned: &Planned) -> Result<f64, WhatIfError> {
        let mut cost = 0.0;
        for (variant, weight) in planned.variants.iter().zip(&planned.weights) {
            let answer = self.what_if.plan(variant).await?;
            cost += self.judged(&answer) * weight;
        }
        Ok(cost)
    }

    /// What is added to a statement's cost takes as long as a unit does in the whole of the workload.
    fn set_paces(&mut self) {
        let calls =
            |number: usize| self.statements.get(number).map_or(0.0, |planned| planned.calls);
        let units: f64 =
            self.model.statements.iter().enumerate().map(|(at, s)| calls(at) * s.now).sum();
        let seconds: f64 = self.statements.iter().map(|planned| planned.seconds).sum();
        if units <= 0.0 || seconds <= 0.0 {
            return;
        }
        for (at, statement) in self.model.statements.iter_mut().enumerate() {
            let calls = self.statements.get(at).map_or(0.0, |planned| planned.calls);
            if statement.weight > 0.0 && calls > 0.0 {
                statement.pace = (calls * seconds / units / statement.weight).min(1.0);
            }
        }
    }

    /// The cost as reckoned from statistics, where the planner cannot be asked.
    fn imagined(&self, planned: &Planned, set: &BTreeSet<usize>) -> Atom {
        let indexes = set.iter().filter_map(|id| Some((*id, self.definitions.get(*id)?)));
        let indexes: Vec<(usize, &Definition)> =
            indexes.filter(|(_, definition)| definition.can_be_supposed()).collect();
        let mut atom = Atom::plain(BTreeSet::new(), 0.0);
        for (reading, weight) in planned.readings.iter().zip(&planned.weights) {
            let imagined = reason::imagine(reading, &indexes, self.catalog);
            atom.used.extend(imagined.used);
            atom.cost += imagined.cost * weight;
        }
        atom.plan = atom.cost;
        atom
    }

    fn is_surely_taken(&self, id: usize) -> bool {
        let definition = self.definitions.get(id);
        let table = definition.and_then(|d| self.catalog.tables.get(&d.table));
        let is_there =
            |d: &Definition, table: &Table| table.indexes.iter().any(|i| d.is_covered_by(i));
        definition
            .zip(table)
            .is_some_and(|(d, table)| reason::is_surely_taken(d, table) && !is_there(d, table))
    }

    fn imagined_bytes(&self, id: usize) -> f64 {
        let definition = self.definitions.get(id);
        let table = definition.and_then(|d| self.catalog.tables.get(&d.table));
        definition.zip(table).map_or(0.0, |(definition, table)| {
            let readings = self.statements.iter().flat_map(|planned| &planned.readings);
            let held = reason::held(definition, self.catalog, table, readings);
            reason::bytes(definition, self.catalog, table, held)
        })
    }

    pub(super) fn learn(&mut self, number: usize, atom: Atom) -> Atom {
        if let Some(statement) = self.model.statements.get_mut(number) {
            statement.learn(atom.clone());
        }
        atom
    }

    /// The cost with an index that cannot be supposed.
    pub(super) fn reasoned(&self, number: usize, id: usize) -> Option<Atom> {
        let definition = self.definitions.get(id).filter(|d| !d.can_be_supposed())?;
        let table = self.catalog.tables.get(&definition.table)?;
        let planned = self.statements.get(number)?;
        let pace = planned.seconds / (planned.calls * planned.cost * SECONDS_PER_COST);
        let mut saved = Saved::default();
        for (reading, weight) in planned.readings.iter().zip(&planned.weights) {
            let one = reason::saved(definition, table, self.catalog, reading, pace);
            saved.plan += one.plan * weight;
            saved.gambles += one.gambles * weight;
        }
        let now = self.model.statements.get(number)?.now;
        let plan = (planned.cost - saved.plan).max(planned.cost.min(LEAST_COST));
        let cost = (now - saved.plan - saved.gambles).max(plan);
        Some(Atom { used: BTreeSet::from([id]), plan, cost })
    }

    /// Those that PostgreSQL takes, with their sizes known.
    pub(super) async fn sized(
        &mut self,
        ids: BTreeSet<usize>,
    ) -> Result<BTreeSet<usize>, WhatIfError> {
        let is_sized = |id: &usize| self.model.indexes.get(*id).is_some_and(|i| i.bytes > 0.0);
        let (known, unknown): (BTreeSet<usize>, BTreeSet<usize>) =
            ids.into_iter().partition(is_sized);
        let mut all = self.accepted(unknown).await?;
        all.extend(known);
        Ok(all)
    }
}
