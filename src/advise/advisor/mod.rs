//! From a workload to the indexes it wants.

mod around;
mod ask;
mod explore;
mod merge;
mod settle;
mod slim;

use std::collections::{BTreeMap, BTreeSet};

use super::candidate::Allowed;
use super::catalog::Catalog;
use super::daily::Daily;
use super::definition::Definition;
use super::plan::{Place, Reading};
use super::plannable::Plannable;
use super::select::{Atom, Limits, Model, Priced, Weighted, left_out};
use super::visits::Ground;
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
    /// Executions a day.
    pub calls: f64,
    /// Its cost now, the mean of its variants.
    pub cost: f64,
    /// What the plan of each says.
    pub readings: Vec<Reading>,
    /// Where the parameters stand.
    pub places: Vec<Place>,
}

impl Planned {
    /// Tables that its plans read, by oid.
    fn tables(&self, catalog: &Catalog) -> BTreeSet<u32> {
        let uses = self.readings.iter().flat_map(|reading| reading.uses.values());
        uses.filter_map(|u| Some(catalog.table(&u.schema, &u.relation)?.oid)).collect()
    }
}

/// By what a plan is judged. It is chosen by the planner's cost in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Judge {
    /// By its cost with what the planner forgets of it.
    #[default]
    Visits,
    /// By the planner's cost alone, as published algorithms do it: to compare with those.
    Planner,
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
    /// By what plans are judged.
    pub judge: Judge,
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
    /// Indexes of single statements that the search left out, as there were too many.
    pub left_out: usize,
}

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
    /// What was asked of each statement: with these supposed, it has this plan; the dearest first.
    known: Vec<Vec<(BTreeSet<usize>, Atom)>>,
    /// What was asked of each statement without an answer.
    unanswered: Vec<Vec<BTreeSet<usize>>>,
    /// What was asked of each statement with a part of it supposed alone, as there was no room for all.
    short: Vec<BTreeSet<BTreeSet<usize>>>,
    /// Indexes that may matter to a statement.
    relevant: Vec<BTreeSet<usize>>,
    /// Tables that a statement reads, by oid.
    tables: Vec<BTreeSet<u32>>,
    /// Where rows lie.
    ground: Ground,
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
        let weighted = |planned: &Planned| {
            let atoms = vec![Atom::plain(BTreeSet::new(), planned.cost)];
            Weighted::new(planned.seconds, planned.cost, atoms)
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
            unanswered: vec![Vec::new(); statements.len()],
            short: vec![BTreeSet::new(); statements.len()],
            relevant: vec![BTreeSet::new(); statements.len()],
            tables: statements.iter().map(|planned| planned.tables(catalog)).collect(),
            ground: Ground::new(catalog),
            statements,
        }
    }

    /// Looks for the best indexes.
    pub async fn run(
        mut self,
        allowed: &Allowed,
        budgets: &[Limits],
    ) -> Result<Vec<Found>, WhatIfError> {
        self.judge_now().await?;
        let most = budgets.iter().map(|limits| limits.bytes).fold(0.0, f64::max);
        for number in 0..self.statements.len() {
            let all = self.candidates(number, allowed);
            self.explore(number, all, most).await?;
        }
        self.borrow(most).await?;
        self.merge().await?;
        let mut all = Vec::new();
        let mut begin = Vec::new();
        for limits in budgets {
            let mut chosen = self.settle(*limits, &begin).await?;
            begin.push(chosen.clone());
            if self.effort.lean {
                chosen = self.slim(chosen).await?;
            }
            if self.effort.judge == Judge::Visits {
                chosen = self.unharmed(chosen).await?;
            }
            all.push(chosen);
        }
        let found = |chosen: BTreeSet<usize>| Found {
            definitions: self.definitions.clone(),
            model: self.model.clone(),
            chosen,
            left_out: left_out(&self.model),
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

    fn bytes(&self, id: usize) -> f64 {
        self.model.indexes.get(id).map_or(0.0, |index| index.bytes)
    }
}
