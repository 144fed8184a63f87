//! A search over what is known: greedy from several beginnings, then made better step by step.

use std::collections::BTreeSet;

use super::layout::Layout;
use super::moves::Moves;
use super::state::State;
use super::{Limits, Model};

/// How much size counts when the next index is chosen: worth over bytes to this power.
const EXPONENTS: [f64; 4] = [1.0, 0.7, 0.4, 0.0];

/// The same from a beginning that is given.
const EXPONENT: f64 = 0.7;

/// The best set that is found, from these beginnings and from nothing.
#[must_use]
pub fn search<'a>(
    model: &Model,
    limits: Limits,
    begin: impl Iterator<Item = &'a BTreeSet<usize>>,
) -> BTreeSet<usize> {
    let starts = EXPONENTS.iter().map(|exponent| (BTreeSet::new(), *exponent));
    let given = begin.map(|set| (set.clone(), EXPONENT));
    search_from(model, limits, given.chain(starts))
}

/// A set made better, without a look at what lies far from it.
#[must_use]
pub fn refine(model: &Model, limits: Limits, begin: &BTreeSet<usize>) -> BTreeSet<usize> {
    search_from(model, limits, std::iter::once((begin.clone(), EXPONENT)))
}

fn search_from(
    model: &Model,
    limits: Limits,
    starts: impl Iterator<Item = (BTreeSet<usize>, f64)>,
) -> BTreeSet<usize> {
    let layout = Layout::new(model, limits);
    let mut best = State::new(&layout, []);
    let mut seen = BTreeSet::new();
    for (set, exponent) in starts {
        let begin = State::new(&layout, set);
        if begin.fits() {
            let state = descend(&layout, begin, exponent, &mut seen);
            if state.total < best.total * (1.0 - 1e-9) {
                best = state;
            }
        }
    }
    best.chosen.into_iter().collect()
}

/// The best near a beginning. From where another one came by, this one would go on like that.
fn descend<'a>(
    layout: &'a Layout<'a>,
    begin: State<'a>,
    exponent: f64,
    seen: &mut BTreeSet<Vec<usize>>,
) -> State<'a> {
    let mut moves = Moves::new(layout, exponent);
    let mut state = moves.filled(begin);
    while seen.insert(state.chosen.clone()) {
        match moves.better(&state) {
            Some(better) => state = better,
            None => break,
        }
    }
    state
}
