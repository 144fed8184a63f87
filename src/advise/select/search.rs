//! A search over what is known: greedy from several beginnings, then made better step by step.

use std::collections::{BTreeMap, BTreeSet};

use super::Model;

/// What may be chosen.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of all indexes together.
    pub bytes: f64,
    /// Their number.
    pub number: usize,
}

/// How much size counts when the next index is chosen: worth over bytes to this power.
const EXPONENTS: [f64; 4] = [1.0, 0.7, 0.4, 0.0];

/// Looks at a bundle before a search ends with what it has; counted, so that the same model gives
/// the same answer on every machine.
const LOOKS: u64 = 30_000_000;

/// Indexes of one statement that are told apart.
const MOST_OF_ONE: usize = 128;

/// The best set that is found.
#[must_use]
pub fn search(model: &Model, limits: Limits, begin: &[BTreeSet<usize>]) -> BTreeSet<usize> {
    let starts = EXPONENTS.iter().map(|exponent| (BTreeSet::new(), *exponent));
    let given = begin.iter().map(|set| (set.clone(), 0.7));
    search_from(model, limits, given.chain(starts).collect())
}

/// A set made better, without a look at what lies far from it.
#[must_use]
pub fn refine(model: &Model, limits: Limits, begin: &BTreeSet<usize>) -> BTreeSet<usize> {
    search_from(model, limits, vec![(begin.clone(), 0.7)])
}

fn search_from(
    model: &Model,
    limits: Limits,
    starts: Vec<(BTreeSet<usize>, f64)>,
) -> BTreeSet<usize> {
    let mut search = Search::new(model, limits);
    let mut best = search.state(&BTreeSet::new());
    for (set, exponent) in starts {
        let mut state = search.state(&set);
        if !search.fits(state.bytes, state.number) {
            continue;
        }
        search.fill(&mut state, exponent);
        while let Some(better) = search.exchange(&state, exponent) {
            state = better;
        }
        if state.total < best.total * (1.0 - 1e-9) {
            best = state;
        }
    }
    best.chosen()
}

/// A statement, with its indexes numbered from 0.
struct Local {
    weight: f64,
    /// Indexes used, and what the plan is charged; the one that the planner likes best first.
    atoms: Vec<(u128, f64)>,
}

impl Local {
    /// Place of the plan that is taken with these indexes, before the place `end`.
    fn place(&self, mask: u128, end: usize) -> Option<usize> {
        self.atoms.iter().take(end).position(|(used, _)| used & !mask == 0)
    }

    fn cost(&self, place: usize) -> f64 {
        self.atoms.get(place).map_or(f64::INFINITY, |(_, cost)| *cost)
    }

    fn cost_with(&self, mask: u128) -> f64 {
        self.cost(self.place(mask, usize::MAX).unwrap_or(usize::MAX))
    }
}

/// Indexes that some plan uses together.
struct Bundle {
    ids: Vec<usize>,
    /// Statements that it may serve.
    statements: Vec<usize>,
}

struct Search<'a> {
    model: &'a Model,
    limits: Limits,
    locals: Vec<Local>,
    /// Of an index: statements, and its bit in each.
    bits: Vec<Vec<(usize, u128)>>,
    bundles: Vec<Bundle>,
    /// Of a statement: bundles whose worth depends on it.
    bundles_of: Vec<Vec<usize>>,
    looks: u64,
}

#[derive(Clone)]
struct State {
    is_chosen: Vec<bool>,
    masks: Vec<u128>,
    /// Place of the plan that each statement has.
    places: Vec<usize>,
    total: f64,
    bytes: f64,
    number: usize,
    /// What each bundle would gain; not a number where that is to be found out.
    gains: Vec<f64>,
}

impl State {
    fn chosen(&self) -> BTreeSet<usize> {
        self.is_chosen.iter().enumerate().filter(|(_, is)| **is).map(|(id, _)| id).collect()
    }

    fn has(&self, id: usize) -> bool {
        self.is_chosen.get(id).copied().unwrap_or(false)
    }
}

impl<'a> Search<'a> {
    fn new(model: &'a Model, limits: Limits) -> Self {
        let mut bits = vec![Vec::new(); model.indexes.len()];
        let mut locals = Vec::with_capacity(model.statements.len());
        let mut sets: BTreeSet<BTreeSet<usize>> = BTreeSet::new();
        for (number, statement) in model.statements.iter().enumerate() {
            let used: BTreeSet<usize> =
                statement.atoms.iter().flat_map(|atom| atom.used.iter().copied()).collect();
            let bit_of: BTreeMap<usize, u128> = used
                .into_iter()
                .take(MOST_OF_ONE)
                .enumerate()
                .map(|(at, id)| (id, 1_u128 << at))
                .collect();
            for (id, bit) in &bit_of {
                if let Some(list) = bits.get_mut(*id) {
                    list.push((number, *bit));
                }
                sets.insert(BTreeSet::from([*id]));
            }
            let mut atoms: Vec<(f64, u128, f64)> = Vec::new();
            for atom in &statement.atoms {
                let mask = atom.used.iter().map(|id| bit_of.get(id).copied());
                if let Some(mask) = mask.collect::<Option<Vec<u128>>>() {
                    let mask = mask.into_iter().fold(0, |all, bit| all | bit);
                    atoms.push((atom.plan, mask, statement.charge(atom.cost)));
                    if atom.used.len() > 1 {
                        sets.insert(atom.used.clone());
                    }
                }
            }
            atoms.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            let atoms = atoms.into_iter().map(|(_, mask, cost)| (mask, cost)).collect();
            locals.push(Local { weight: statement.weight, atoms });
        }
        let mut search = Self {
            model,
            limits,
            bundles_of: vec![Vec::new(); locals.len()],
            locals,
            bits,
            bundles: Vec::new(),
            looks: 0,
        };
        for set in sets {
            search.add_bundle(&set);
        }
        search
    }

    fn add_bundle(&mut self, set: &BTreeSet<usize>) {
        let bytes: f64 = set.iter().map(|id| self.bytes(*id)).sum();
        if !self.fits(bytes, set.len()) {
            return;
        }
        let touched = set.iter().filter_map(|id| self.bits.get(*id)).flatten();
        let statements: BTreeSet<usize> = touched.map(|(number, _)| *number).collect();
        for number in &statements {
            if let Some(list) = self.bundles_of.get_mut(*number) {
                list.push(self.bundles.len());
            }
        }
        self.bundles.push(Bundle {
            ids: set.iter().copied().collect(),
            statements: statements.into_iter().collect(),
        });
    }

    fn fits(&self, bytes: f64, number: usize) -> bool {
        bytes <= self.limits.bytes && number <= self.limits.number
    }

    fn bytes(&self, id: usize) -> f64 {
        self.model.indexes.get(id).map_or(0.0, |index| index.bytes)
    }

    fn upkeep(&self, id: usize) -> f64 {
        self.model.indexes.get(id).map_or(0.0, |index| index.upkeep)
    }

    fn state(&self, chosen: &BTreeSet<usize>) -> State {
        let place = |local: &Local| local.place(0, usize::MAX).unwrap_or(usize::MAX);
        let places: Vec<usize> = self.locals.iter().map(place).collect();
        let costs =
            self.locals.iter().zip(&places).map(|(local, at)| local.weight * local.cost(*at));
        let mut state = State {
            is_chosen: vec![false; self.model.indexes.len()],
            masks: vec![0; self.locals.len()],
            total: costs.sum(),
            places,
            bytes: 0.0,
            number: 0,
            gains: vec![f64::NAN; self.bundles.len()],
        };
        for id in chosen {
            self.set(&mut state, *id, true);
        }
        state
    }

    /// Puts an index in or takes it out.
    fn set(&self, state: &mut State, id: usize, is_in: bool) {
        if state.has(id) == is_in {
            return;
        }
        let sign = if is_in { 1.0 } else { -1.0 };
        state.bytes += sign * self.bytes(id);
        state.total += sign * self.upkeep(id);
        state.number = if is_in { state.number + 1 } else { state.number.saturating_sub(1) };
        if let Some(chosen) = state.is_chosen.get_mut(id) {
            *chosen = is_in;
        }
        for (number, bit) in self.bits.get(id).into_iter().flatten() {
            let (Some(mask), Some(place), Some(local)) = (
                state.masks.get_mut(*number),
                state.places.get_mut(*number),
                self.locals.get(*number),
            ) else {
                continue;
            };
            *mask = if is_in { *mask | bit } else { *mask & !bit };
            let now = local.place(*mask, usize::MAX).unwrap_or(usize::MAX);
            state.total += local.weight * (local.cost(now) - local.cost(*place));
            *place = now;
            for bundle in self.bundles_of.get(*number).into_iter().flatten() {
                if let Some(gain) = state.gains.get_mut(*bundle) {
                    *gain = f64::NAN;
                }
            }
        }
    }

    /// What a bundle would gain now.
    fn gain(&mut self, state: &mut State, at: usize) -> f64 {
        match state.gains.get(at) {
            Some(known) if !known.is_nan() => return *known,
            _ => {}
        }
        let Some(bundle) = self.bundles.get(at) else { return 0.0 };
        self.looks += bundle.statements.len() as u64;
        let added: Vec<usize> = bundle.ids.iter().copied().filter(|id| !state.has(*id)).collect();
        let mut gain: f64 = -added.iter().map(|id| self.upkeep(*id)).sum::<f64>();
        for number in &bundle.statements {
            let (Some(mask), Some(place), Some(local)) =
                (state.masks.get(*number), state.places.get(*number), self.locals.get(*number))
            else {
                continue;
            };
            let mut with = *mask;
            for id in &added {
                let bit = self.bits.get(*id).and_then(|list| {
                    let found = list.binary_search_by_key(number, |(of, _)| *of).ok()?;
                    list.get(found)
                });
                with |= bit.map_or(0, |(_, bit)| *bit);
            }
            if let Some(better) = local.place(with, *place) {
                gain += local.weight * (local.cost(*place) - local.cost(better));
            }
        }
        if let Some(known) = state.gains.get_mut(at) {
            *known = gain;
        }
        gain
    }

    /// Adds what is worth most for its size, until nothing fits or helps.
    fn fill(&mut self, state: &mut State, exponent: f64) {
        loop {
            let mut best: Option<(f64, usize)> = None;
            for at in 0..self.bundles.len() {
                let gain = self.gain(state, at);
                if gain <= state.total * 1e-9 {
                    continue;
                }
                let Some(bundle) = self.bundles.get(at) else { continue };
                let (mut bytes, mut number) = (0.0, 0);
                for id in bundle.ids.iter().filter(|id| !state.has(**id)) {
                    bytes += self.bytes(*id);
                    number += 1;
                }
                if number == 0 || !self.fits(state.bytes + bytes, state.number + number) {
                    continue;
                }
                let worth = gain / bytes.max(1.0).powf(exponent);
                if best.is_none_or(|(most, _)| worth > most) {
                    best = Some((worth, at));
                }
            }
            let Some((_, at)) = best else { return };
            let ids = self.bundles.get(at).map(|bundle| bundle.ids.clone()).unwrap_or_default();
            for id in ids {
                self.set(state, id, true);
            }
        }
    }

    /// The first that is better of: one or two indexes out, or a bundle in and what is least missed
    /// out for it; then filled anew.
    fn exchange(&mut self, state: &State, exponent: f64) -> Option<State> {
        let chosen: Vec<usize> = state.chosen().into_iter().collect();
        let pairs = chosen
            .iter()
            .enumerate()
            .flat_map(|(at, first)| chosen.iter().skip(at).map(move |second| (*first, *second)));
        for (first, second) in pairs.collect::<Vec<_>>() {
            let mut next = state.clone();
            self.set(&mut next, first, false);
            self.set(&mut next, second, false);
            let better = self.consider(next, exponent, state);
            if better.is_some() {
                return better;
            }
        }
        for at in 0..self.bundles.len() {
            let ids = self.bundles.get(at).map(|bundle| bundle.ids.clone()).unwrap_or_default();
            if ids.iter().all(|id| state.has(*id)) {
                continue;
            }
            let mut next = state.clone();
            for id in &ids {
                self.set(&mut next, *id, true);
            }
            if self.make_room(&mut next, &ids) {
                let better = self.consider(next, exponent, state);
                if better.is_some() {
                    return better;
                }
            }
        }
        None
    }

    fn consider(&mut self, mut next: State, exponent: f64, before: &State) -> Option<State> {
        if self.looks > LOOKS {
            return None;
        }
        self.fill(&mut next, exponent);
        self.prune(&mut next);
        (next.total < before.total * (1.0 - 1e-7)).then_some(next)
    }

    /// What would be lost without an index.
    fn loss(&self, state: &State, id: usize) -> f64 {
        let mut loss = -self.upkeep(id);
        for (number, bit) in self.bits.get(id).into_iter().flatten() {
            if let (Some(mask), Some(place), Some(local)) =
                (state.masks.get(*number), state.places.get(*number), self.locals.get(*number))
            {
                loss += local.weight * (local.cost_with(mask & !bit) - local.cost(*place));
            }
        }
        loss
    }

    /// Takes out what is least missed for its size until the rest fits, but nothing of `kept`.
    fn make_room(&mut self, state: &mut State, kept: &[usize]) -> bool {
        while !self.fits(state.bytes, state.number) {
            let others = state.chosen().into_iter().filter(|id| !kept.contains(id));
            let least = others
                .map(|id| (self.loss(state, id) / self.bytes(id).max(1.0), id))
                .min_by(|a, b| a.0.total_cmp(&b.0));
            let Some((_, id)) = least else { return false };
            self.looks += state.number as u64;
            self.set(state, id, false);
        }
        true
    }

    /// Without what nobody would miss.
    fn prune(&self, state: &mut State) {
        for id in state.chosen().into_iter().rev() {
            if self.loss(state, id) <= state.total.abs() * 1e-12 {
                self.set(state, id, false);
            }
        }
    }
}
