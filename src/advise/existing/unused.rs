//! An index that nothing has used for long: it only costs.
//!
//! Not one that keeps rows unique or apart, that replication identifies rows by, or that alone finds the
//! children of rows that are deleted. Not on a table that nobody reads, whose day may be yet to come, and not on
//! a standby, where the primary's use is unknown.

use std::collections::BTreeSet;

use super::usage::idle;
use super::{Existing, Fault, Idle, Inventory, Verdict};
use crate::advise::suggestion::Confidence;

/// A table that was read less often says nothing of its indexes.
const LEAST_READS: f64 = 20.0;

/// Less is not worth a change.
const LEAST_BYTES: f64 = 1024.0 * 1024.0;

/// A quarter's end was within.
const LONG_DAYS: f64 = 100.0;

/// A month's end was within.
const MONTH_DAYS: f64 = 31.0;

/// Those that nothing has used for `least_days`.
#[must_use]
pub fn unused(inventory: &Inventory, gone: &BTreeSet<u32>, least_days: f64) -> Vec<Verdict> {
    let mut gone = gone.clone();
    let mut verdicts = Vec::new();
    for index in &inventory.indexes {
        if !gone.contains(&index.oid)
            && let Some(verdict) = verdict(index, inventory, &gone, least_days)
        {
            gone.append(&mut inventory.with_parts([index.oid]));
            verdicts.push(verdict);
        }
    }
    verdicts
}

/// Tables, by schema and name, of which a plan may use an index that would be called unused else; of a partitioned index,
/// those of its parts.
#[must_use]
pub fn in_question(inventory: &Inventory, least_days: f64) -> BTreeSet<(&str, &str)> {
    let idle =
        inventory.indexes.iter().filter(|index| may_go(index, inventory, least_days).is_some());
    let oids = inventory.with_parts(idle.map(|index| index.oid));
    inventory
        .indexes
        .iter()
        .filter(|index| oids.contains(&index.oid))
        .map(Existing::relation)
        .collect()
}

/// For how long nothing has scanned it, if that is long enough for what nobody needs for anything else.
fn may_go(index: &Existing, inventory: &Inventory, least_days: f64) -> Option<Idle> {
    let owner = inventory.owners.get(&index.table)?;
    let may_go = !inventory.in_recovery
        && index.is_valid
        && index.is_free()
        && !index.is_unique
        && index.bytes >= LEAST_BYTES
        && owner.reads >= LEAST_READS;
    idle(index, inventory).filter(|idle| may_go && idle.days >= least_days)
}

fn verdict(
    index: &Existing,
    inventory: &Inventory,
    gone: &BTreeSet<u32>,
    least_days: f64,
) -> Option<Verdict> {
    let idle =
        may_go(index, inventory, least_days).filter(|_| !inventory.planned.contains(&index.oid))?;
    let mut warnings = Vec::new();
    for key in inventory.orphaned(index, gone) {
        if inventory.is_followed(key) {
            return None;
        }
        let warning = format!(
            "it is the only index for the foreign key {}: should rows of {} ever be deleted, each deletion would read \
             all of {}",
            key.name, key.parent_name, index.table_name
        );
        // Each partition has the key once more.
        if !warnings.contains(&warning) {
            warnings.push(warning);
        }
    }
    if inventory.followers > 0 {
        warnings.push(format!(
            "{} server{} follow{} this one and may read by it: look there first (`select idx_scan from \
             pg_stat_all_indexes where indexrelname = ...`)",
            inventory.followers,
            if inventory.followers == 1 { "" } else { "s" },
            if inventory.followers == 1 { "s" } else { "" }
        ));
    }
    if idle.days < MONTH_DAYS {
        warnings.push("no month's end may have been within that time".to_owned());
    } else if idle.days < LONG_DAYS {
        warnings.push("no quarter's or year's end may have been within that time".to_owned());
    }
    if !idle.is_age_known {
        warnings.push(
            "PostgreSQL does not tell when an index was created: if it is younger than that, it had less time"
                .to_owned(),
        );
    }
    if index.keys.iter().any(|key| !key.is_column) {
        warnings.push(
            "`analyze` keeps statistics of its expression, which plans may use although nothing scans it; \
             `create statistics` can keep them without an index (14 and later)"
                .to_owned(),
        );
    }
    if index.is_clustered {
        warnings.push("`cluster` orders the table by it".to_owned());
    }
    let confidence = if idle.days < MONTH_DAYS || inventory.followers > 0 {
        Confidence::Low
    } else if idle.days >= LONG_DAYS && idle.is_age_known {
        Confidence::High
    } else {
        Confidence::Medium
    };
    Some(Verdict { index: index.oid, fault: Fault::Unused(idle), confidence, warnings })
}
