//! The model laid out for a search: plans in the planner's order, and who could use what.

use std::collections::{BTreeMap, BTreeSet};

use super::{Limits, Model, Weighted};

/// Indexes of one statement that are told apart: those of its cheapest plans.
const MOST_OF_ONE: usize = 128;

/// Indexes that a search leaves out, as a statement has too many to tell them apart: those of its dearest plans.
#[must_use]
pub fn left_out(model: &Model) -> usize {
    let of_one = |statement: &Weighted| {
        let used: BTreeSet<&usize> = statement.atoms.iter().flat_map(|atom| &atom.used).collect();
        used.len().saturating_sub(MOST_OF_ONE)
    };
    model.statements.iter().map(of_one).sum()
}

/// A set of one statement's indexes, a bit for each.
pub(super) type Mask = u128;

/// A statement.
pub(super) struct Served {
    weight: f64,
    /// Indexes that each plan uses; the one that the planner likes best first.
    plans: Vec<Mask>,
    /// What each is charged.
    costs: Vec<f64>,
    /// Of each bit, the places of the plans that use it.
    using: Vec<Vec<usize>>,
}

/// Indexes that some plan uses together.
pub(super) struct Bundle {
    pub(super) ids: Vec<usize>,
    /// Statements that it may serve, and what it is to each.
    pub(super) of: Vec<(usize, Mask)>,
}

/// What a search moves in.
pub(super) struct Layout<'a> {
    model: &'a Model,
    pub(super) limits: Limits,
    pub(super) statements: Vec<Served>,
    /// Of an index: statements, and its bit in each.
    pub(super) of: Vec<Vec<(usize, Mask)>>,
    pub(super) bundles: Vec<Bundle>,
    /// Of a statement: bundles whose worth depends on it.
    pub(super) bundles_of: Vec<Vec<usize>>,
}

impl Served {
    /// A statement, with the bit of each of its indexes.
    fn new(statement: &Weighted) -> (Self, BTreeMap<usize, Mask>) {
        let atoms = &statement.atoms;
        let mut bit_of: BTreeMap<usize, Mask> = BTreeMap::new();
        for id in atoms.iter().flat_map(|atom| &atom.used) {
            let next = bit_of.len();
            if next < MOST_OF_ONE {
                bit_of.entry(*id).or_insert(1 << next);
            }
        }
        let mut plans: Vec<(f64, Mask, f64)> = Vec::new();
        for atom in atoms {
            let bits = atom.used.iter().map(|id| bit_of.get(id).copied());
            if let Some(bits) = bits.collect::<Option<Vec<Mask>>>() {
                let mask = bits.into_iter().fold(0, |all, bit| all | bit);
                plans.push((atom.plan, mask, statement.charge(atom.cost)));
            }
        }
        plans.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let (plans, costs): (Vec<Mask>, Vec<f64>) =
            plans.into_iter().map(|(_, mask, cost)| (mask, cost)).unzip();
        let places = |bit: Mask| -> Vec<usize> {
            let all = plans.iter().enumerate();
            all.filter(|(_, used)| *used & bit != 0).map(|(at, _)| at).collect()
        };
        let using = (0..bit_of.len()).map(|at| places(1 << at)).collect();
        (Self { weight: statement.weight, plans, costs, using }, bit_of)
    }

    /// Seconds a day of a plan, charged.
    pub(super) fn cost(&self, place: usize) -> f64 {
        self.costs.get(place).map_or(f64::INFINITY, |cost| self.weight * cost)
    }

    /// Whether a plan uses one of these.
    pub(super) fn is_using(&self, place: usize, some: Mask) -> bool {
        self.plans.get(place).is_some_and(|used| used & some != 0)
    }

    /// Place of the plan that is taken with these indexes, where it is known to be none before this one.
    pub(super) fn place(&self, mask: Mask, from: usize) -> usize {
        let rest = self.plans.get(from..).unwrap_or_default();
        rest.iter().position(|used| used & !mask == 0).map_or(usize::MAX, |at| from + at)
    }

    /// Place of the plan that is taken with these indexes, where the new among them are `added` and the plan without
    /// those stands at `now`.
    pub(super) fn place_with(&self, mask: Mask, mut added: Mask, now: usize) -> usize {
        let mut best = now;
        while added != 0 {
            let using = self.using.get(added.trailing_zeros() as usize);
            let before = using.into_iter().flatten().copied().take_while(|at| *at < best);
            let is_possible =
                |at: &usize| self.plans.get(*at).is_some_and(|used| used & !mask == 0);
            best = before.into_iter().find(is_possible).unwrap_or(best);
            added &= added - 1;
        }
        best
    }
}

impl<'a> Layout<'a> {
    pub(super) fn new(model: &'a Model, limits: Limits) -> Self {
        let mut of = vec![Vec::new(); model.indexes.len()];
        let mut statements = Vec::with_capacity(model.statements.len());
        let mut sets: BTreeSet<&BTreeSet<usize>> = BTreeSet::new();
        for (number, statement) in model.statements.iter().enumerate() {
            let (served, bit_of) = Served::new(statement);
            for (id, bit) in &bit_of {
                if let Some(list) = of.get_mut(*id) {
                    list.push((number, *bit));
                }
            }
            let is_told_apart =
                |set: &&BTreeSet<usize>| set.iter().all(|id| bit_of.contains_key(id));
            let used = statement.atoms.iter().map(|atom| &atom.used);
            sets.extend(used.filter(|set| set.len() > 1).filter(is_told_apart));
            statements.push(served);
        }
        let mut layout = Self {
            model,
            limits,
            bundles_of: vec![Vec::new(); statements.len()],
            statements,
            of,
            bundles: Vec::new(),
        };
        let singles = (0..model.indexes.len()).map(|id| vec![id]);
        let together = sets.into_iter().map(|set| set.iter().copied().collect());
        for ids in singles.chain(together) {
            layout.add_bundle(ids);
        }
        layout
    }

    fn add_bundle(&mut self, ids: Vec<usize>) {
        let bytes: f64 = ids.iter().map(|id| self.bytes(*id)).sum();
        let mut of: BTreeMap<usize, Mask> = BTreeMap::new();
        for (number, bit) in ids.iter().filter_map(|id| self.of.get(*id)).flatten() {
            *of.entry(*number).or_default() |= bit;
        }
        if of.is_empty() || !self.fits(bytes, ids.len()) {
            return;
        }
        for number in of.keys() {
            if let Some(list) = self.bundles_of.get_mut(*number) {
                list.push(self.bundles.len());
            }
        }
        self.bundles.push(Bundle { ids, of: of.into_iter().collect() });
    }

    pub(super) fn fits(&self, bytes: f64, number: usize) -> bool {
        bytes <= self.limits.bytes && number <= self.limits.number
    }

    pub(super) fn bytes(&self, id: usize) -> f64 {
        self.model.indexes.get(id).map_or(0.0, |index| index.bytes)
    }

    pub(super) fn upkeep(&self, id: usize) -> f64 {
        self.model.indexes.get(id).map_or(0.0, |index| index.upkeep)
    }
}
