//! From a workload to the indexes it wants.

mod ask;
mod merge;
mod settle;

use std::collections::{BTreeMap, BTreeSet};

use super::candidate::{Allowed, candidates};
use super::catalog::Catalog;
use super::definition::Definition;
use super::plan::{Place, Reading};
use super::plannable::Plannable;
use super::select::{Atom, Limits, Model, Priced, Weighted};
use super::upkeep::Daily;
use super::what_if::{WhatIf, WhatIfError};

/// A statement that can be planned.
#[derive(Clone, Debug, Default)]
pub struct Planned {
    /// As it is asked for: one or several with real values, or the one with parameters.
    pub variants: Vec<Plannable>,
    /// How probable each of them is; together 1.
    pub weights: Vec<f64>,
    /// Seconds a day that it takes now.
    pub seconds: f64,
    /// Its cost now, the mean of its variants.
    pub cost: f64,
    /// What the plan of each says.
    pub readings: Vec<Reading>,
    /// Where the parameters stand.
    pub places: Vec<Place>,
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
}
