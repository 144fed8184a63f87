//! A b-tree that is much larger than its entries: pages that are nearly empty are not given back.
//!
//! What it would have when built anew is computed from statistics (`advise/size`), which is off by some
//! tenths; so only what is large and mostly air is told.

use super::{Existing, Fault, Owner, Verdict};
use crate::advise::suggestion::Confidence;

/// Smaller ones are not worth the work.
const LARGE_BYTES: f64 = 64.0 * 1024.0 * 1024.0;

/// Pages of an index that grows at random places are two thirds full, which is no bloat.
const LEAST_SHARE: f64 = 0.5;

/// From here on there is no doubt.
const SURE_SHARE: f64 = 0.7;

/// Rows changed since `analyze` or dead, as a share: beyond it nothing is known, or vacuum comes first.
const FRESH: f64 = 0.1;

/// Whether its size is worth being computed: what is no plain b-tree cannot be.
#[must_use]
pub fn is_suspect(index: &Existing, owner: &Owner) -> bool {
    index.method == "btree"
        && index.is_valid
        && !index.is_busy
        && !index.is_partitioned
        && !index.is_exclusion
        && index.predicate.is_none()
        && index.keys.iter().all(|key| key.is_column)
        && index.bytes >= LARGE_BYTES
        && owner.rows >= 1.0
        && owner.changed_since <= owner.rows * FRESH
        && owner.dead <= owner.rows * FRESH
}

/// Whether an index that would have so many bytes, nine tenths of its pages filled, should be rebuilt.
#[must_use]
pub fn bloated(index: &Existing, estimate: f64) -> Option<Verdict> {
    let bytes_after = estimate * 90.0 / index.fillfactor.unwrap_or(90.0);
    let share = 1.0 - bytes_after / index.bytes.max(1.0);
    (index.bytes >= LARGE_BYTES && share >= LEAST_SHARE).then(|| Verdict {
        index: index.oid,
        fault: Fault::Bloated { bytes_after },
        confidence: if share >= SURE_SHARE { Confidence::High } else { Confidence::Medium },
        warnings: Vec::new(),
    })
}
