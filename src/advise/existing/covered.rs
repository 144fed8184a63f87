//! A b-tree whose keys another b-tree begins with: whatever it finds, the other finds, too.
//!
//! Not if it is unique, not if it holds other rows. The other one is wider, so the same scans read more of it;
//! where that is more than what writing the narrow one costs, both are right.

use std::collections::BTreeSet;

use super::usage::used;
use super::{Existing, Fault, Inventory, KeyPart, Planned, Verdict};
use crate::advise::definition::{Definition, Method, What};
use crate::advise::printed::{are_same, is_same};
use crate::advise::suggestion::Confidence;
use crate::advise::upkeep::{PRESENCE, kept};
use crate::advise::workload::SECONDS_PER_COST;

/// So many times as wide, and it is told.
const WIDE: f64 = 3.0;

/// An index that covers another.
struct Cover<'a> {
    by: &'a str,
    is_new: bool,
    bytes: f64,
}

/// Those that another one covers, of those that are not gone yet; what is planned counts as there.
#[must_use]
pub fn covered(
    inventory: &Inventory,
    planned: &[Planned<'_>],
    gone: &BTreeSet<u32>,
    block_size: f64,
) -> Vec<Verdict> {
    let mut gone = gone.clone();
    let mut candidates: Vec<&Existing> = inventory
        .indexes
        .iter()
        .filter(|i| i.is_valid && i.is_free() && !i.is_unique && i.method == "btree")
        .collect();
    // The longest first: what covers it may cover the shorter ones, too.
    candidates.sort_by(|a, b| b.keys.len().cmp(&a.keys.len()).then(a.oid.cmp(&b.oid)));
    let mut verdicts = Vec::new();
    for index in
        candidates.into_iter().filter(|index| !gone.contains(&index.oid)).collect::<Vec<_>>()
    {
        let there = inventory.indexes.iter().filter(|other| {
            other.oid != index.oid && !gone.contains(&other.oid) && covers(other, index)
        });
        let there: Vec<(String, f64)> =
            there.map(|other| (other.qualified(), other.bytes)).collect();
        let old = there.iter().map(|(by, bytes)| Cover { by, is_new: false, bytes: *bytes });
        let new = planned.iter().filter(|new| will_cover(new.definition, index)).map(|new| Cover {
            by: new.id,
            is_new: true,
            bytes: new.bytes,
        });
        let narrowest = old.chain(new).min_by(|a, b| {
            a.is_new.cmp(&b.is_new).then(a.bytes.total_cmp(&b.bytes)).then(a.by.cmp(b.by))
        });
        let verdict = narrowest.and_then(|cover| verdict(index, &cover, inventory, block_size));
        if let Some(verdict) = verdict {
            gone.append(&mut inventory.with_parts([index.oid]));
            verdicts.push(verdict);
        }
    }
    verdicts
}

fn verdict(
    index: &Existing,
    cover: &Cover<'_>,
    inventory: &Inventory,
    block_size: f64,
) -> Option<Verdict> {
    let owner = inventory.owners.get(&index.table)?;
    let used = used(index, inventory);
    let spared = kept(&index.method, index.predicate.is_some(), owner.writes) + PRESENCE;
    let wider = (cover.bytes - index.bytes).max(0.0) / owner.rows.max(1.0);
    let more_pages = used.entries_per_scan * wider / block_size.max(1.0);
    let reads_dearer = used.scans_per_day * more_pages * SECONDS_PER_COST;
    if reads_dearer > spared {
        return None;
    }
    let is_wide = cover.bytes > index.bytes * WIDE;
    let mut warnings = Vec::new();
    if is_wide && used.scans_per_day >= 1.0 {
        warnings.push(format!(
            "it is used {:.0} times a day and the other one is {:.0} times its size, which has to be in memory \
             as well: keep it if memory is short",
            used.scans_per_day,
            cover.bytes / index.bytes.max(1.0)
        ));
    }
    if index.is_clustered {
        warnings.push("`cluster` orders the table by it".to_owned());
    }
    let confidence = match (cover.is_new, is_wide) {
        (false, false) => Confidence::High,
        (true, true) => Confidence::Low,
        _ => Confidence::Medium,
    };
    let fault = Fault::Covered {
        by: cover.by.to_owned(),
        is_new: cover.is_new,
        bytes: cover.bytes,
        reads_dearer,
    };
    Some(Verdict { index: index.oid, fault, confidence, warnings })
}

/// Whether `wide` is valid, holds the same rows, and begins with the keys of `narrow`, all of them in
/// its directions or all against.
fn covers(wide: &Existing, narrow: &Existing) -> bool {
    let is_more = wide.keys.len() > narrow.keys.len()
        || (wide.keys.len() == narrow.keys.len() && wide.includes.len() > narrow.includes.len());
    let carries = |name: &String| {
        wide.includes.contains(name) || wide.columns().any(|column| column == Some(name))
    };
    let begins = |flip: i32| {
        narrow.keys.iter().zip(&wide.keys).all(|(own, other)| {
            let turned = KeyPart { option: own.option ^ flip, ..own.clone() };
            turned == *other
        })
    };
    wide.table == narrow.table
        && wide.is_valid
        && wide.method == "btree"
        && wide.predicate == narrow.predicate
        && is_more
        && narrow.includes.iter().all(carries)
        && (begins(0) || begins(3))
}

/// The same of an index that is suggested: its operator classes, without parameters, and collations are the columns'
/// own unless it says otherwise.
fn will_cover(new: &Definition, narrow: &Existing) -> bool {
    let is_more = new.keys.len() > narrow.keys.len()
        || (new.keys.len() == narrow.keys.len() && new.includes.len() > narrow.includes.len());
    let carries = |name: &String| {
        new.includes.contains(name) || new.keys.iter().any(|key| key.name() == Some(name))
    };
    let begins = |flip: i32| {
        narrow.keys.iter().zip(&new.keys).all(|(own, key)| {
            let option = i32::from(key.is_descending) | (i32::from(key.nulls_first) << 1);
            let is_same = match &key.what {
                What::Column(name) => own.is_column && own.text == *name,
                What::Expression(text) => !own.is_column && is_same(text, &own.text),
            };
            is_same
                && !own.has_own_collation
                && own.parameters.is_none()
                && own.opclass_name.as_deref() == key.opclass.as_deref()
                && own.option ^ flip == option
        })
    };
    new.table == narrow.table
        && new.method == Method::Btree
        && are_same(new.predicate.as_deref(), narrow.predicate.as_deref())
        && is_more
        && narrow.includes.iter().all(carries)
        && (begins(0) || begins(3))
}
