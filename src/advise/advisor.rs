//! From a workload to the indexes it wants.

use std::collections::{BTreeMap, BTreeSet};

use super::candidate::{Allowed, candidates};
use super::catalog::Catalog;
use super::definition::Definition;
use super::plan::Reading;
use super::plannable::Plannable;
use super::reason;
use super::select::{Atom, Limits, Model, Priced, Weighted, refine, search};
use super::size;
use super::upkeep::{Daily, PRESENCE, upkeep};
use super::what_if::{WhatIf, WhatIfError};

/// A statement that can be planned.
#[derive(Clone, Debug)]
pub struct Planned {
    /// As it is asked for: one or several with real values, or the one with parameters.
    pub variants: Vec<Plannable>,
    /// Seconds a day that it takes now.
    pub seconds: f64,
    /// Its cost now, the mean of its variants.
    pub cost: f64,
    /// What its plans say.
    pub readings: Vec<Reading>,
}

/// How far to go.
#[derive(Clone, Debug)]
pub struct Effort {
    /// Bytes and number of indexes.
    pub limits: Limits,
    /// Indexes lose keys and columns that add little to what they save.
    pub lean: bool,
    /// Sizes are HypoPG's, as other advisors take them: to compare with those.
    pub sizes_of_hypopg: bool,
    /// Questions to the planner.
    pub calls: u64,
    /// Milliseconds of planning, by the server's clock.
    pub planning_ms: f64,
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// Every index that was considered.
    pub definitions: Vec<Definition>,
    /// Their size and upkeep.
    pub model: Model,
    /// Those to create.
    pub chosen: BTreeSet<usize>,
    /// Indexes that PostgreSQL refused, with its reason.
    pub refused: Vec<(usize, String)>,
}

/// Rounds of looking for other ways to serve one statement.
const WAYS: usize = 6;

/// Turns of searching and asking.
const ROUNDS: usize = 12;

/// Merged indexes that are asked about in one round.
const MERGED: usize = 300;

/// Indexes that are looked at beside those that are chosen.
const NEIGHBOURS: usize = 150;

/// What the columns that an index carries along may add to what it saves and still be left out: they
/// make it bigger, and an update of any of them is no longer HOT.
const SLIM_INCLUDES: f64 = 0.1;

/// The same of its last key.
const SLIM_KEYS: f64 = 0.02;

/// A way is one if it saves at least this share.
const LEAST_GAIN: f64 = 0.01;

/// The state of one search.
pub struct Advisor<'a> {
    what_if: &'a mut WhatIf,
    catalog: &'a Catalog,
    daily: &'a Daily,
    effort: Effort,
    statements: &'a [Planned],
    definitions: Vec<Definition>,
    ids: BTreeMap<Definition, usize>,
    model: Model,
    refused: BTreeMap<usize, String>,
    /// Plans that are known: with these supposed, these were used, at this cost.
    known: Vec<Vec<(BTreeSet<usize>, Atom)>>,
    /// Indexes that may matter to a statement.
    relevant: Vec<BTreeSet<usize>>,
}

impl<'a> Advisor<'a> {
    /// Nothing asked yet.
    pub fn new(
        what_if: &'a mut WhatIf,
        catalog: &'a Catalog,
        daily: &'a Daily,
        statements: &'a [Planned],
        effort: Effort,
    ) -> Self {
        let weighted = |planned: &Planned| Weighted {
            weight: if planned.cost > 0.0 { planned.seconds / planned.cost } else { 0.0 },
            atoms: vec![Atom { used: BTreeSet::new(), cost: planned.cost }],
        };
        let model =
            Model { indexes: Vec::new(), statements: statements.iter().map(weighted).collect() };
        Self {
            what_if,
            catalog,
            daily,
            effort,
            definitions: Vec::new(),
            ids: BTreeMap::new(),
            model,
            refused: BTreeMap::new(),
            known: vec![Vec::new(); statements.len()],
            relevant: vec![BTreeSet::new(); statements.len()],
            statements,
        }
    }

    /// Looks for the best indexes.
    pub async fn run(
        mut self,
        allowed: &Allowed,
        budgets: &[Limits],
    ) -> Result<Vec<Found>, WhatIfError> {
        for number in 0..self.statements.len() {
            self.explore(number, allowed).await?;
        }
        self.merge().await?;
        let mut all = Vec::new();
        let mut begin = Vec::new();
        for limits in budgets {
            let mut chosen = self.settle(*limits, &begin).await?;
            begin.push(chosen.clone());
            if self.effort.lean {
                chosen = self.slim(chosen).await?;
            }
            all.push(chosen);
        }
        let found = |chosen: BTreeSet<usize>| Found {
            definitions: self.definitions.clone(),
            model: self.model.clone(),
            chosen,
            refused: self.refused.clone().into_iter().collect(),
        };
        Ok(all.into_iter().map(found).collect())
    }

    fn id(&mut self, definition: Definition) -> usize {
        if let Some(id) = self.ids.get(&definition) {
            return *id;
        }
        let id = self.definitions.len();
        self.ids.insert(definition.clone(), id);
        self.definitions.push(definition);
        self.model.indexes.push(Priced::default());
        id
    }

    /// Finds the ways to serve one statement: with everything supposed, then without what was used,
    /// and so on.
    async fn explore(&mut self, number: usize, allowed: &Allowed) -> Result<(), WhatIfError> {
        let Some(planned) = self.statements.get(number) else { return Ok(()) };
        let mut definitions = BTreeSet::new();
        for reading in &planned.readings {
            definitions.extend(candidates(reading, self.catalog, allowed));
        }
        let all: BTreeSet<usize> = definitions.into_iter().map(|d| self.id(d)).collect();
        let all = self.accepted(all).await?;
        let plain: BTreeSet<usize> = all
            .iter()
            .copied()
            .filter(|id| self.definitions.get(*id).is_some_and(|d| d.includes.is_empty()))
            .collect();
        let mut useful = BTreeSet::new();
        for id in &all {
            if self.is_spent() {
                break;
            }
            let atom = match self.reasoned(number, *id) {
                Some(atom) => self.learn(number, atom),
                None => self.ask(number, &BTreeSet::from([*id])).await?,
            };
            if atom.cost < planned.cost * (1.0 - LEAST_GAIN) {
                useful.insert(*id);
            }
        }
        for mut set in [all, plain] {
            for _ in 0..WAYS {
                if set.is_empty() || self.is_spent() {
                    break;
                }
                let atom = self.ask(number, &set).await?;
                if atom.used.is_empty() || atom.cost > planned.cost * (1.0 - LEAST_GAIN) {
                    break;
                }
                useful.extend(atom.used.iter().copied());
                set = set.difference(&atom.used).copied().collect();
            }
        }
        if let Some(relevant) = self.relevant.get_mut(number) {
            relevant.extend(useful);
        }
        Ok(())
    }

    /// Those that PostgreSQL takes; learns their sizes.
    async fn accepted(&mut self, ids: BTreeSet<usize>) -> Result<BTreeSet<usize>, WhatIfError> {
        let mut accepted = BTreeSet::new();
        let ids: BTreeSet<usize> =
            ids.into_iter().filter(|id| !self.refused.contains_key(id)).collect();
        let ids: Vec<usize> = ids.into_iter().collect();
        // HypoPG has oids for about 2,500 at a time.
        let (reasoned, ids): (Vec<usize>, Vec<usize>) = ids
            .into_iter()
            .partition(|id| self.definitions.get(*id).is_some_and(|d| !d.can_be_supposed()));
        for id in reasoned {
            self.price(id, 0.0);
            accepted.insert(id);
        }
        for some in ids.chunks(500) {
            self.what_if.suppose_only(&BTreeSet::new(), &self.definitions, self.catalog).await?;
            let some: BTreeSet<usize> = some.iter().copied().collect();
            let sizes = self.what_if.suppose_only(&some, &self.definitions, self.catalog).await?;
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

    /// Takes up an index's size: by the layout of its pages, else as HypoPG says.
    fn price(&mut self, id: usize, supposed: f64) {
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

    fn is_spent(&self) -> bool {
        self.what_if.calls >= self.effort.calls
            || self.what_if.planning_ms >= self.effort.planning_ms
    }

    /// The plan of a statement with these indexes: known, or asked for.
    async fn ask(&mut self, number: usize, set: &BTreeSet<usize>) -> Result<Atom, WhatIfError> {
        let known = self.known.get(number).into_iter().flatten();
        let mut same =
            known.filter(|(asked, atom)| set.is_subset(asked) && atom.used.is_subset(set));
        if let Some((_, atom)) = same.next() {
            return Ok(atom.clone());
        }
        let Some(planned) = self.statements.get(number) else {
            return Ok(Atom { used: BTreeSet::new(), cost: 0.0 });
        };
        self.what_if.suppose_only(set, &self.definitions, self.catalog).await?;
        let mut atom = Atom { used: BTreeSet::new(), cost: 0.0 };
        for variant in &planned.variants {
            let answer = self.what_if.plan(variant).await?;
            atom.used.extend(answer.used);
            atom.cost += answer.plan.cost / planned.variants.len().max(1) as f64;
        }
        if let Some(known) = self.known.get_mut(number) {
            known.push((set.clone(), atom.clone()));
        }
        Ok(self.learn(number, atom))
    }

    fn learn(&mut self, number: usize, atom: Atom) -> Atom {
        if let Some(statement) = self.model.statements.get_mut(number) {
            statement.learn(atom.clone());
        }
        atom
    }

    /// The cost with an index that cannot be supposed.
    fn reasoned(&self, number: usize, id: usize) -> Option<Atom> {
        let definition = self.definitions.get(id).filter(|d| !d.can_be_supposed())?;
        let table = self.catalog.tables.get(&definition.table)?;
        let planned = self.statements.get(number)?;
        let saved: f64 =
            planned.readings.iter().map(|reading| reason::saved(definition, table, reading)).sum();
        let cost = planned.cost - saved / planned.readings.len().max(1) as f64;
        Some(Atom { used: BTreeSet::from([id]), cost: cost.max(1.0) })
    }

    /// Two indexes whose keys begin alike can be one that carries what both carry; and three.
    async fn merge(&mut self) -> Result<(), WhatIfError> {
        let mut seen = BTreeSet::new();
        for _ in 0..2 {
            let mut merged: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
            for (a, b) in self.pairs() {
                let (Some(first), Some(second)) =
                    (self.definitions.get(a), self.definitions.get(b))
                else {
                    continue;
                };
                if let Some(both) = first.merged(second).filter(|_| seen.insert((a, b))) {
                    let of_either = self
                        .relevant
                        .iter()
                        .enumerate()
                        .filter(|(_, relevant)| relevant.contains(&a) || relevant.contains(&b));
                    let statements: Vec<usize> = of_either.map(|(number, _)| number).collect();
                    merged.entry(self.id(both)).or_default().extend(statements);
                }
            }
            let ids = self.sized(merged.keys().copied().take(MERGED).collect()).await?;
            for (id, statements) in merged.into_iter().filter(|(id, _)| ids.contains(id)) {
                for number in statements {
                    if self.is_spent() {
                        return Ok(());
                    }
                    self.ask(number, &BTreeSet::from([id])).await?;
                    if let Some(relevant) = self.relevant.get_mut(number) {
                        relevant.insert(id);
                    }
                }
            }
        }
        Ok(())
    }

    /// Pairs of useful indexes on the same table.
    fn pairs(&self) -> Vec<(usize, usize)> {
        let useful: BTreeSet<usize> = self.relevant.iter().flatten().copied().collect();
        let mut by_table: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
        for id in useful {
            if let Some(definition) = self.definitions.get(id) {
                by_table.entry(definition.table).or_default().push(id);
            }
        }
        let pairs = by_table.values().flat_map(|ids| {
            ids.iter().flat_map(move |a| ids.iter().map(move |b| (*a, *b))).filter(|(a, b)| a != b)
        });
        pairs.collect()
    }

    /// Searches, asks the planner about what was found, and searches again, until it agrees.
    async fn settle(
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
    async fn verify(&mut self, chosen: &BTreeSet<usize>) -> Result<bool, WhatIfError> {
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
    async fn neighbours(
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
    async fn slim(
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
    fn seconds(&self, chosen: &BTreeSet<usize>) -> f64 {
        self.model.statements.iter().map(|s| s.weight * s.cost(chosen)).sum()
    }

    /// The most that an index could be worth beside those that are chosen, for its size: what its
    /// statements cost more than the least that is known.
    fn promise(&self, id: usize, chosen: &BTreeSet<usize>) -> f64 {
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

    /// Those that PostgreSQL takes, with their sizes known.
    async fn sized(&mut self, ids: BTreeSet<usize>) -> Result<BTreeSet<usize>, WhatIfError> {
        let is_sized = |id: &usize| self.model.indexes.get(*id).is_some_and(|i| i.bytes > 0.0);
        let (known, unknown): (BTreeSet<usize>, BTreeSet<usize>) =
            ids.into_iter().partition(is_sized);
        let mut all = self.accepted(unknown).await?;
        all.extend(known);
        Ok(all)
    }
}
