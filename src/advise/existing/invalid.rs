//! What a `create index concurrently` or `reindex concurrently` that failed has left: no plan may use it, and
//! writes keep it all the same (PostgreSQL's manual, `create index` and `reindex`).
//!
//! Not one that is being built, rebuilt or dropped at this moment.

use super::{Existing, Fault, Inventory, Leftover, Verdict};
use crate::advise::suggestion::Confidence;

/// Leftovers.
#[must_use]
pub fn invalid(inventory: &Inventory) -> Vec<Verdict> {
    // That of a partitioned table is invalid until all its parts are attached.
    let is_left = |index: &&Existing| {
        !index.is_valid
            && !index.is_busy
            && !index.is_partitioned
            && index.parent.is_none()
            && index.constraint.is_none()
            && !index.is_replica_identity
    };
    let verdict = |index: &Existing| Verdict {
        index: index.oid,
        fault: Fault::Invalid(leftover(&index.name)),
        confidence: Confidence::High,
        warnings: Vec::new(),
    };
    inventory.indexes.iter().filter(is_left).map(verdict).collect()
}

/// PostgreSQL adds `_ccnew` or `_ccold` to the name, and a number if that is taken.
fn leftover(name: &str) -> Leftover {
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit());
    if stem.ends_with("_ccnew") {
        Leftover::Copy
    } else if stem.ends_with("_ccold") {
        Leftover::Replaced
    } else {
        Leftover::Created
    }
}
