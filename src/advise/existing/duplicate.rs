//! The same index twice: every write keeps both, and no plan needs two.
//!
//! The same are two valid indexes of one table with the same method, keys in the same order with the
//! same operator classes and parameters of these, collations and directions, the same carried columns, the same rows and
//! the same storage parameters where these shape what is in it. A unique one does what one that is not unique does; the
//! reverse is not so.

use std::collections::{BTreeMap, BTreeSet};

use super::{Existing, Fault, Inventory, Verdict};
use crate::advise::suggestion::Confidence;

/// Those that are there once more. Parts of a partitioned index that goes are nobody's twins: they go with it.
#[must_use]
pub fn duplicates(inventory: &Inventory) -> Vec<Verdict> {
    let mut parts = BTreeSet::new();
    loop {
        let verdicts = duplicates_beside(&parts, inventory);
        let going = inventory.with_parts(verdicts.iter().map(|verdict| verdict.index));
        let known = parts.len();
        parts.extend(going.into_iter().filter(|oid| verdicts.iter().all(|v| v.index != *oid)));
        if parts.len() == known {
            return verdicts;
        }
    }
}

fn duplicates_beside(parts: &BTreeSet<u32>, inventory: &Inventory) -> Vec<Verdict> {
    let mut alike: BTreeMap<_, Vec<&Existing>> = BTreeMap::new();
    let stays = |index: &&Existing| index.is_valid && !parts.contains(&index.oid);
    for index in inventory.indexes.iter().filter(stays) {
        let what = (&index.method, &index.keys, &index.includes, &index.predicate, &index.storage);
        let shape = (index.table, what);
        alike.entry(shape).or_default().push(index);
    }
    let mut verdicts = Vec::new();
    for mut indexes in alike.into_values().filter(|indexes| indexes.len() > 1) {
        indexes.sort_by(|a, b| best_first(a, b));
        let mut kept: Vec<&Existing> = Vec::new();
        for index in indexes {
            match kept.iter().find(|keeper| does_all_of(keeper, index)) {
                Some(keeper) if can_go(index) => verdicts.push(verdict(index, keeper)),
                _ => kept.push(index),
            }
        }
    }
    verdicts
}

fn verdict(index: &Existing, keeper: &Existing) -> Verdict {
    let mut warnings = Vec::new();
    if index.is_clustered {
        warnings.push(format!(
            "`cluster` orders the table by it; afterwards name the other: `alter table {}.{} cluster on {}`",
            super::super::definition::quote(&index.schema),
            super::super::definition::quote(&index.table_name),
            super::super::definition::quote(&keeper.name)
        ));
    }
    if index.constraint.is_some() {
        warnings.push(
            "it stands under a constraint: dropping that locks the table for a moment, so set a lock_timeout; \
             an `on conflict on constraint` that names it fails afterwards"
                .to_owned(),
        );
    }
    let confidence = if index.constraint.is_some() { Confidence::Medium } else { Confidence::High };
    let fault = Fault::Duplicate { keeps: keeper.qualified(), keeper: keeper.oid };
    Verdict { index: index.oid, fault, confidence, warnings }
}

/// What others stand on first, then what forbids more, then what is older: mostly the one that belongs to the
/// ERP. Which one is used says nothing: the planner takes the newest, and without that the next.
fn best_first(a: &Existing, b: &Existing) -> std::cmp::Ordering {
    let rank = |index: &Existing| {
        [
            index.parent.is_some(),
            index.is_primary,
            index.is_referenced,
            index.is_replica_identity,
            index.is_exclusion,
            index.is_unique && index.constraint.is_some(),
            index.is_unique && index.is_immediate,
            index.is_unique,
            index.is_clustered,
        ]
    };
    rank(b).cmp(&rank(a)).then(a.oid.cmp(&b.oid))
}

/// Whether nothing is lost with `index` while `keeper` is there.
fn does_all_of(keeper: &Existing, index: &Existing) -> bool {
    !index.is_unique
        || (keeper.is_unique
            && (keeper.is_immediate || !index.is_immediate)
            && keeper.is_nulls_equal == index.is_nulls_equal)
}

/// Also a unique constraint that another one repeats can go, if no foreign key points to it.
fn can_go(index: &Existing) -> bool {
    let is_repeated_constraint = index.constraint.is_some()
        && index.is_unique
        && index.is_immediate
        && !index.is_primary
        && !index.is_exclusion
        && !index.is_replica_identity
        && !index.is_referenced
        && !index.is_partitioned
        && index.parent.is_none();
    index.is_free() || is_repeated_constraint
}
