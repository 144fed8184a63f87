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

/// The sets that are the best in their surroundings, one at most for each of these beginnings and for each way from
/// nothing; the best of all first.
#[must_use]
pub fn optima<'a>(
    model: &Model,
    limits: Limits,
    begin: impl Iterator<Item = &'a BTreeSet<usize>>,
) -> Vec<BTreeSet<usize>> {
    let starts = EXPONENTS.iter().map(|exponent| (BTreeSet::new(), *exponent));
    let given = begin.map(|set| (set.clone(), EXPONENT));
    optima_from(model, limits, given.chain(starts))
}

/// A set made better, without a look at what lies far from it.
#[must_use]
pub fn refine(model: &Model, limits: Limits, begin: &BTreeSet<usize>) -> BTreeSet<usize> {
    let begin = std::iter::once((begin.clone(), EXPONENT));
    optima_from(model, limits, begin).into_iter().next().unwrap_or_default()
}

fn optima_from(
    model: &Model,
    limits: Limits,
    starts: impl Iterator<Item = (BTreeSet<usize>, f64)>,
) -> Vec<BTreeSet<usize>> {
    let layout = Layout::new(model, limits);
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    for (set, exponent) in starts {
        let begin = State::new(&layout, set);
        if begin.fits() {
            found.extend(descend(&layout, begin, exponent, &mut seen));
        }
    }
    let nothing = State::new(&layout, []);
    found.retain(|state| state.total < nothing.total * (1.0 - 1e-9));
    found.sort_by(|a, b| a.total.total_cmp(&b.total));
    found.into_iter().map(|state| state.chosen.into_iter().collect()).collect()
}

/// The best near a beginning; none if it comes to where another one came by, as it would go on like that.
fn descend<'a>(
    layout: &'a Layout<'a>,
    begin: State<'a>,
    exponent: f64,
    seen: &mut BTreeSet<Vec<usize>>,
) -> Option<State<'a>> {
    let mut moves = Moves::new(layout, exponent);
    let mut state = moves.filled(begin);
    while seen.insert(state.chosen.clone()) {
        match moves.better(&state) {
            Some(better) => state = better,
            None => return Some(state),
        }
    }
    None
}
