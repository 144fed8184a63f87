//! Which of many possible indexes are the best together, under a budget of storage.
//!
//! Every answer of the planner is an *atom*: a statement, the indexes that its plan used, its cost. With more
//! indexes a plan never costs more, so with a set of indexes a statement costs at most as much as
//! its cheapest atom whose indexes are all in the set. A search over these bounds asks nobody
//! anything; the planner is then asked about what the search found, and what it says is new atoms.
//! (The same property makes the what-if cache of "Index Merging", Chaudhuri and Narasayya, ICDE 1999, and
//! the atomic configurations of CoPhy, Dash et al., PVLDB 4(6), 2011, possible.)

mod search;

use std::collections::BTreeSet;

pub use search::{Limits, refine, search};

/// One plan that is known.
#[derive(Clone, Debug, PartialEq)]
pub struct Atom {
    /// Indexes that it uses.
    pub used: BTreeSet<usize>,
    /// Its cost, in the planner's units.
    pub cost: f64,
}

/// One statement.
#[derive(Clone, Debug, Default)]
pub struct Weighted {
    /// Worth of one unit of its cost, in seconds a day.
    pub weight: f64,
    /// Its plans, the one without any index among them.
    pub atoms: Vec<Atom>,
}

/// One index.
#[derive(Clone, Copy, Debug, Default)]
pub struct Priced {
    /// Bytes.
    pub bytes: f64,
    /// What it costs to keep it, in seconds a day.
    pub upkeep: f64,
}

/// Everything that is known.
#[derive(Clone, Debug, Default)]
pub struct Model {
    /// Indexes, by their number.
    pub indexes: Vec<Priced>,
    /// Statements.
    pub statements: Vec<Weighted>,
}

impl Weighted {
    /// What it costs at most with these indexes.
    #[must_use]
    pub fn cost(&self, chosen: &BTreeSet<usize>) -> f64 {
        let possible = self.atoms.iter().filter(|atom| atom.used.is_subset(chosen));
        possible.map(|atom| atom.cost).fold(f64::INFINITY, f64::min)
    }

    /// Learns a plan; whether that is news.
    pub fn learn(&mut self, atom: Atom) -> bool {
        let is_known =
            |known: &Atom| known.used.is_subset(&atom.used) && known.cost <= atom.cost * 1.000_001;
        if self.atoms.iter().any(is_known) {
            return false;
        }
        self.atoms.retain(|known| !(atom.used.is_subset(&known.used) && atom.cost <= known.cost));
        self.atoms.push(atom);
        true
    }
}

impl Model {
    /// Seconds a day, at most, of the workload and of keeping these indexes.
    #[must_use]
    pub fn total(&self, chosen: &BTreeSet<usize>) -> f64 {
        let statements: f64 = self.statements.iter().map(|s| s.weight * s.cost(chosen)).sum();
        let upkeep: f64 =
            chosen.iter().filter_map(|id| self.indexes.get(*id)).map(|i| i.upkeep).sum();
        statements + upkeep
    }

    /// Bytes of these indexes.
    #[must_use]
    pub fn bytes(&self, chosen: &BTreeSet<usize>) -> f64 {
        chosen.iter().filter_map(|id| self.indexes.get(*id)).map(|index| index.bytes).sum()
    }
}
