//! How much of the planner's time that a run may take from a server each database may have.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// What is left of that time, and for how many databases.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shares {
    rest: Duration,
    databases: u32,
}

impl Shares {
    pub(super) fn of(all: Duration, databases: usize) -> Self {
        Self { rest: all, databases: u32::try_from(databases).unwrap_or(u32::MAX) }
    }

    /// What the next database may take: as much as each that is left. What it spares is for those after it.
    pub(super) fn next(&mut self) -> Duration {
        let share = self.rest / self.databases.max(1);
        self.databases = self.databases.saturating_sub(1);
        share
    }

    /// So much was taken.
    pub(super) fn spent(&mut self, time: Duration) {
        self.rest = self.rest.saturating_sub(time);
    }
}

/// The databases with those first that took least the last time: what they spare is for those that want more. Of these
/// that nothing is known of yet, which come before all, the busiest comes last. `datnames`: the busiest first.
pub(super) fn in_order(
    datnames: &[String],
    planned: &BTreeMap<Arc<str>, Duration>,
) -> Vec<Arc<str>> {
    let mut order: Vec<Arc<str>> = datnames.iter().rev().map(|name| name.as_str().into()).collect();
    order.sort_by_key(|name| planned.get(name).copied());
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    /// What each of these databases gets of half a minute, if it takes what it wants and may.
    fn taken(wanted: &[(&str, u64)], planned: &mut BTreeMap<Arc<str>, Duration>) -> Vec<u64> {
        let datnames: Vec<String> = wanted.iter().map(|(name, _)| (*name).to_owned()).collect();
        let mut shares = Shares::of(seconds(30), datnames.len());
        for name in in_order(&datnames, planned) {
            let (_, wants) = wanted.iter().find(|(other, _)| **other == *name).unwrap();
            let takes = seconds(*wants).min(shares.next());
            shares.spent(takes);
            planned.insert(name, takes);
        }
        wanted.iter().map(|(name, _)| planned[*name].as_secs()).collect()
    }

    #[test]
    fn a_database_that_wants_all_leaves_the_others_their_share_and_has_what_they_spare() {
        let mut planned = BTreeMap::new();
        let wanted = [("busy", 100), ("quiet", 2), ("idle", 0)];
        assert_eq!(taken(&wanted, &mut planned), [28, 2, 0]);
        assert_eq!(taken(&wanted, &mut planned), [28, 2, 0]);
        let mut planned = BTreeMap::new();
        assert_eq!(taken(&[("a", 100), ("b", 100), ("c", 100)], &mut planned), [10, 10, 10]);
    }

    #[test]
    fn what_wants_most_comes_last_once_that_is_known_whatever_is_busiest() {
        let mut planned = BTreeMap::new();
        let wanted = [("busy", 1), ("quiet", 1), ("idle", 100)];
        assert_eq!(taken(&wanted, &mut planned), [1, 1, 10]);
        assert_eq!(taken(&wanted, &mut planned), [1, 1, 28]);
        let new = [("busy", 1), ("new", 9), ("quiet", 1), ("idle", 100)];
        assert_eq!(taken(&new, &mut planned), [1, 7, 1, 20]);
    }

    #[test]
    fn what_was_taken_beyond_a_share_is_not_there_for_the_others() {
        let mut shares = Shares::of(seconds(30), 3);
        assert_eq!(shares.next(), seconds(10));
        shares.spent(seconds(12));
        assert_eq!(shares.next(), seconds(9));
        shares.spent(seconds(40));
        assert_eq!((shares.next(), shares.next()), (Duration::ZERO, Duration::ZERO));
    }
}
