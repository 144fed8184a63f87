//! Which of many possible indexes are the best together, under a budget of storage.
//!
//! Every answer of the planner is an *atom*: a statement, the indexes that its plan used, its cost. With more
//! indexes a plan never costs more in the planner's eyes, so with a set of indexes it takes a plan
//! that costs at most as much as the cheapest atom whose indexes are all in the set. A search over these asks nobody
//! anything; the planner is then asked about what the search found, and what it says is new atoms.
//! (The same property makes the what-if cache of "Index Merging", Chaudhuri and Narasayya, ICDE 1999, and
//! the atomic configurations of CoPhy, Dash et al., PVLDB 4(6), 2011, possible.)

mod layout;
mod moves;
mod search;
mod state;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

pub use layout::left_out;
pub use search::{optima, refine};

/// What may be chosen.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of all indexes together.
    pub bytes: f64,
    /// Their number.
    pub number: usize,
}

/// One plan that is known.
#[derive(Clone, Debug, PartialEq)]
pub struct Atom {
    /// Indexes that it uses.
    pub used: BTreeSet<usize>,
    /// What the planner says that it costs: by this it is chosen.
    pub plan: f64,
    /// What it is taken to cost, in the planner's units: by this it is judged.
    pub cost: f64,
}

impl Atom {
    /// A plan that costs what the planner says.
    #[must_use]
    pub const fn plain(used: BTreeSet<usize>, cost: f64) -> Self {
        Self { used, plan: cost, cost }
    }
}

/// One statement.
#[derive(Clone, Debug, Default)]
pub struct Weighted {
    /// Worth of one unit of its cost, in seconds a day.
    pub weight: f64,
    /// What it costs without any of the indexes.
    pub now: f64,
    /// What it takes longer for each unit that is added to its cost, in its units: less than 1 for a
    /// statement that takes longer than its cost says, for that part of it stays as it is.
    pub pace: f64,
    /// Its plans, the one without any index among them; the one that the planner likes best first.
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

/// What a statement may become dearer for the good of others, as a share.
const MOST_HARM: f64 = 0.1;

/// What is lost beyond that weighs so many times a gain, which is more than any gain is worth: nobody thanks
/// for the second statement that is quicker when the first is slower.
const LOSS: f64 = 1_000.0;

impl Weighted {
    /// A statement that takes so many seconds a day, with its plans now.
    #[must_use]
    pub fn new(seconds: f64, now: f64, mut atoms: Vec<Atom>) -> Self {
        atoms.sort_by(|a, b| a.plan.total_cmp(&b.plan));
        Self { weight: if now > 0.0 { seconds / now } else { 0.0 }, now, pace: 1.0, atoms }
    }

    /// The plan that the planner would take with these indexes, as far as its plans are known.
    #[must_use]
    pub fn plan(&self, chosen: &BTreeSet<usize>) -> Option<&Atom> {
        self.atoms.iter().find(|atom| atom.used.is_subset(chosen))
    }

    /// What it costs with these indexes, as far as its plans are known.
    #[must_use]
    pub fn cost(&self, chosen: &BTreeSet<usize>) -> f64 {
        self.plan(chosen).map_or(f64::INFINITY, |atom| atom.cost)
    }

    /// The same with a loss made heavier.
    #[must_use]
    pub fn charged(&self, chosen: &BTreeSet<usize>) -> f64 {
        self.charge(self.cost(chosen))
    }

    /// A cost with a loss made heavier.
    #[must_use]
    pub fn charge(&self, cost: f64) -> f64 {
        let lost = (cost - self.now).max(0.0) * self.pace;
        cost.min(self.now) + lost + (LOSS - 1.0) * (lost - self.now * MOST_HARM).max(0.0)
    }

    /// Whether a plan would be worse than anybody should bear.
    #[must_use]
    pub fn is_harmed_by(&self, plan: &Atom) -> bool {
        (plan.cost - self.now) * self.pace > self.now * MOST_HARM
    }

    /// Learns a plan; whether that is news. A plan that costs the same with fewer indexes is the one to
    /// know, and one that costs more with more of them is never taken.
    pub fn learn(&mut self, atom: Atom) -> bool {
        let as_cheap = |known: &&Atom| known.plan <= atom.plan * 1.000_001;
        if self.atoms.iter().take_while(as_cheap).any(|known| known.used.is_subset(&atom.used)) {
            return false;
        }
        self.atoms.retain(|known| !(atom.plan <= known.plan && atom.used.is_subset(&known.used)));
        let at = self.atoms.partition_point(|known| known.plan <= atom.plan);
        self.atoms.insert(at, atom);
        true
    }
}

impl Model {
    /// Seconds a day of the workload, with losses made heavier, and of keeping these indexes.
    #[must_use]
    pub fn total(&self, chosen: &BTreeSet<usize>) -> f64 {
        let statements: f64 = self.statements.iter().map(|s| s.weight * s.charged(chosen)).sum();
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
