//! What an index would save, by our own reckoning: where there is no HypoPG, and for kinds that HypoPG does
//! not know.
//!
//! The planner's plan as things are is taken as it is, and what an index would change in it is computed
//! from statistics, after PostgreSQL's own formulas (`costsize.c`, `selfuncs.c`): a table read by the index (`path`),
//! rows of a join looked up one by one, an order that need not be sorted (`tree`). The join order stays, histograms are
//! not looked at, and what else a plan could become is not known: so it is said that it is reasoned.

mod gin;
mod path;
mod share;
mod sure;
mod tree;

use std::collections::BTreeSet;

pub use gin::{Saved, saved};
pub use path::bytes;
pub use share::held;
pub use sure::is_surely_taken;
pub use tree::imagine;

use super::advisor::Found;
use super::gate;

/// Some statement becomes cheaper by this share.
const LEAST_OF_ONE: f64 = 0.5;

/// Seconds a day that an index saves beside what it costs.
const LEAST_SECONDS: f64 = 5.0;

/// Takes away what is not worth so much that even a bad estimate of it is worth it.
pub fn keep_convincing(found: &Found, passed: &mut BTreeSet<usize>) {
    loop {
        let is_weak = |id: &&usize| !is_convincing(**id, found, passed);
        let saved = |id: &usize| gate::saved(*id, &found.model, passed);
        let weakest = passed
            .iter()
            .filter(is_weak)
            .copied()
            .min_by(|a, b| saved(a).total_cmp(&saved(b)).then(a.cmp(b)));
        match weakest {
            Some(id) => passed.remove(&id),
            None => return,
        };
    }
}

fn is_convincing(id: usize, found: &Found, passed: &BTreeSet<usize>) -> bool {
    let model = &found.model;
    let upkeep = model.indexes.get(id).map_or(0.0, |index| index.upkeep);
    let mut rest = passed.clone();
    rest.remove(&id);
    let gains = model.statements.iter().map(|s| 1.0 - s.cost(passed) / s.cost(&rest));
    gains.fold(0.0, f64::max) >= LEAST_OF_ONE
        && gate::saved(id, model, passed) - upkeep >= LEAST_SECONDS
}
