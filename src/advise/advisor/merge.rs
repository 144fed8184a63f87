//! Indexes that do what two of them would.

use std::collections::{BTreeMap, BTreeSet};

use super::Advisor;
use crate::advise::candidate::fits;
use crate::advise::definition::Definition;
use crate::advise::what_if::WhatIfError;

/// Merged indexes that are asked about in one round.
const MERGED: usize = 300;

/// Plans of a statement whose indexes are merged.
const BEST: usize = 5;

impl Advisor<'_> {
    /// Two indexes whose keys begin alike can be one that carries what both carry; and three.
    pub(super) async fn merge(&mut self) -> Result<(), WhatIfError> {
        let mut seen = BTreeSet::new();
        for _ in 0..2 {
            let mut merged: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
            for (a, b) in self.pairs() {
                let (Some(first), Some(second)) =
                    (self.definitions.get(a), self.definitions.get(b))
                else {
                    continue;
                };
                let fits = |both: &Definition| {
                    self.catalog.tables.get(&both.table).is_some_and(|table| fits(both, table))
                };
                let both = first.merged(second).filter(fits);
                if let Some(both) = both.filter(|_| seen.insert((a, b))) {
                    let of_either = self
                        .relevant
                        .iter()
                        .enumerate()
                        .filter(|(_, relevant)| relevant.contains(&a) || relevant.contains(&b));
                    let statements: Vec<usize> = of_either.map(|(number, _)| number).collect();
                    merged.entry(self.id(both)).or_default().extend(statements);
                }
            }
            let ids = self.sized(merged.keys().copied().take(MERGED).collect()).await?;
            for (id, statements) in merged.into_iter().filter(|(id, _)| ids.contains(id)) {
                for number in statements {
                    if self.is_spent() {
                        return Ok(());
                    }
                    self.ask(number, &BTreeSet::from([id])).await?;
                    if let Some(relevant) = self.relevant.get_mut(number) {
                        relevant.insert(id);
                    }
                }
            }
        }
        Ok(())
    }

    /// Pairs of indexes on the same table that the best plans of some statement use.
    pub(super) fn pairs(&self) -> Vec<(usize, usize)> {
        let mut useful: BTreeSet<usize> = BTreeSet::new();
        for statement in &self.model.statements {
            let best = statement.atoms.iter().take(BEST);
            useful.extend(best.flat_map(|atom| atom.used.iter().copied()));
        }
        let mut by_table: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
        for id in useful {
            if let Some(definition) = self.definitions.get(id) {
                by_table.entry(definition.table).or_default().push(id);
            }
        }
        let pairs = by_table.values().flat_map(|ids| {
            ids.iter().flat_map(move |a| ids.iter().map(move |b| (*a, *b))).filter(|(a, b)| a != b)
        });
        pairs.collect()
    }
}
