//! All rules, one after the other, so that what one says does not undo what another relies on.

use std::collections::{BTreeMap, BTreeSet};

use super::{Inventory, Verdict, bloated, covered, credit, duplicate, invalid, unused};
use crate::advise::definition::Definition;

/// An index that is suggested to be created.
#[derive(Clone, Copy, Debug)]
pub struct Planned<'a> {
    /// The suggestion's id.
    pub id: &'a str,
    /// What it is.
    pub definition: &'a Definition,
    /// Its size.
    pub bytes: f64,
}

/// At most one verdict an index, the surest and safest first: leftovers, those that are there twice,
/// those that others cover, those that nothing uses, those to rebuild.
///
/// What is used is judged as it will be without what is there twice. What nothing uses is no cover for another, and of two
/// indexes that could stand in for each other one stays. With a partitioned index its parts go.
#[must_use]
pub fn judge(
    inventory: &Inventory,
    planned: &[Planned<'_>],
    estimates: &BTreeMap<u32, f64>,
    least_days: f64,
    block_size: f64,
) -> Vec<Verdict> {
    let invalid = invalid::invalid(inventory);
    let duplicates = duplicate::duplicates(inventory);
    let inventory = &*credit::credited(inventory, &duplicates);
    let with_parts =
        |verdicts: &[Verdict]| inventory.with_parts(verdicts.iter().map(|verdict| verdict.index));
    let mut gone: BTreeSet<u32> = &with_parts(&invalid) | &with_parts(&duplicates);
    let unused = unused::unused(inventory, &gone, least_days);
    gone.append(&mut with_parts(&unused));
    let covered = covered::covered(inventory, planned, &gone, block_size);
    gone.append(&mut with_parts(&covered));
    let bloated =
        inventory.indexes.iter().filter(|index| !gone.contains(&index.oid)).filter_map(|index| {
            let estimate = estimates.get(&index.oid)?;
            bloated::bloated(index, *estimate)
        });
    let bloated: Vec<Verdict> = bloated.collect();
    [invalid, duplicates, covered, unused, bloated].concat()
}
