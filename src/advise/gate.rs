//! What is too little to be suggested: an index must be worth its keep, and somebody must notice it.

use std::collections::BTreeSet;

use super::advisor::Found;
use super::catalog::Catalog;
use super::select::Model;

/// Where an index finds the rows already, another one beside it is worth this much of some statement
/// and so many seconds a day: it is written and kept in memory a second time.
const LEAST_OF_A_TWIN: (f64, f64) = (0.5, 60.0);

/// Some statement becomes cheaper by this share.
const LEAST_OF_ONE: f64 = 0.2;

/// A statement is helped if it becomes cheaper by this share.
pub const LEAST_SHARE: f64 = 0.05;

/// Seconds a day that an index saves beside the others, upkeep not taken off.
#[must_use]
pub fn saved(id: usize, model: &Model, chosen: &BTreeSet<usize>) -> f64 {
    let mut rest = chosen.clone();
    rest.remove(&id);
    model.statements.iter().map(|s| s.weight * (s.cost(&rest) - s.cost(chosen))).sum()
}

/// Those of the chosen indexes that are worth it, even when the others that are not are left out.
#[must_use]
pub fn passed(found: &Found, catalog: &Catalog) -> BTreeSet<usize> {
    let mut chosen = found.chosen.clone();
    loop {
        let failing = chosen.iter().filter(|id| !is_worth_it(**id, found, &chosen, catalog));
        let net = |id: usize| {
            let upkeep = found.model.indexes.get(id).map_or(0.0, |index| index.upkeep);
            saved(id, &found.model, &chosen) - upkeep
        };
        let worst = failing.copied().min_by(|a, b| net(*a).total_cmp(&net(*b)));
        match worst {
            Some(id) => chosen.remove(&id),
            None => return chosen,
        };
    }
}

fn is_worth_it(id: usize, found: &Found, chosen: &BTreeSet<usize>, catalog: &Catalog) -> bool {
    let model = &found.model;
    let upkeep = model.indexes.get(id).map_or(0.0, |index| index.upkeep);
    let mut rest = chosen.clone();
    rest.remove(&id);
    let share = model.statements.iter().map(|s| 1.0 - s.cost(chosen) / s.cost(&rest));
    let best = share.fold(0.0, f64::max);
    let is_twin = is_twin(id, found, catalog);
    let least = if is_twin { LEAST_OF_A_TWIN } else { (LEAST_OF_ONE, 0.0) };
    best >= least.0 && saved(id, model, chosen) - upkeep >= least.1
}

/// An index that is there searches by the same keys, or finds at most one row by some of them.
fn is_twin(id: usize, found: &Found, catalog: &Catalog) -> bool {
    let Some(definition) = found.definitions.get(id) else { return false };
    let Some(table) = catalog.tables.get(&definition.table) else { return false };
    let mut plain = definition.clone();
    plain.includes.clear();
    let names: Vec<Option<&str>> = definition.keys.iter().map(|key| key.name()).collect();
    table.indexes.iter().any(|index| {
        let there: Vec<Option<&str>> = index.keys.iter().map(|key| key.column.as_deref()).collect();
        let is_hash = index.is_valid && index.method == "hash" && there == names;
        let finds_one = index.is_valid
            && index.is_unique
            && index.predicate.is_none()
            && !there.contains(&None)
            && names.starts_with(&there);
        plain.is_covered_by(index) || is_hash || finds_one
    })
}
