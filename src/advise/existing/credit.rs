//! What an index will be used for once its twin is gone: what the twin is used for now.
//!
//! Of two that are the same PostgreSQL takes the newer one, so nothing scans the older one, which stays.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::{Existing, Fault, Inventory, Span, Verdict};

/// The inventory as it will be used without these duplicates: the scans of each, and that plans use it, are those of its
/// keeper, and of what that is a part of.
#[must_use]
pub fn credited<'a>(inventory: &'a Inventory, duplicates: &[Verdict]) -> Cow<'a, Inventory> {
    let mut credited = Cow::Borrowed(inventory);
    if duplicates.is_empty() {
        return credited;
    }
    let places = inventory.indexes.iter().enumerate();
    let places: BTreeMap<u32, usize> = places.map(|(at, index)| (index.oid, at)).collect();
    for verdict in duplicates {
        let Fault::Duplicate { keeper, .. } = verdict.fault else { continue };
        let Some(twin) = inventory.index(verdict.index) else { continue };
        let all = credited.to_mut();
        for heir in inventory.with_wholes([keeper]) {
            let place = places.get(&heir).and_then(|at| all.indexes.get_mut(*at));
            if let Some(index) = place {
                inherit(index, twin);
            }
            if inventory.planned.contains(&twin.oid) {
                all.planned.insert(heir);
            }
        }
    }
    credited
}

fn inherit(index: &mut Existing, twin: &Existing) {
    index.remembered = remembered(index.remembered, twin.remembered);
    index.scans += twin.scans;
    index.entries_read += twin.entries_read;
    let last = [index.last_scan_days, twin.last_scan_days];
    index.last_scan_days = last.into_iter().flatten().min_by(f64::total_cmp);
}

/// For how long the history knows the index itself, with the scans of both. Where it does not know one of them, that
/// nothing was scanned holds for no time; that something was scanned still holds.
fn remembered(own: Option<Span>, twin: Option<Span>) -> Option<Span> {
    match (own, twin) {
        (Some(own), Some(twin)) => {
            let last = [own, twin].into_iter().filter(|span| span.scans > 0.0);
            Some(Span {
                scans: own.scans + twin.scans,
                entries_read: own.entries_read + twin.entries_read,
                // Scanned, and not known when: it may be now.
                last_scan_days: last
                    .map(|span| span.last_scan_days.unwrap_or(0.0))
                    .min_by(f64::total_cmp),
                ..own
            })
        }
        (Some(own), None) => Some(Span { days: 0.0, ..own }),
        (None, Some(twin)) => Some(Span { days: 0.0, is_new: false, ..twin }),
        (None, None) => None,
    }
}
