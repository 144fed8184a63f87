//! Counters of many things in one database, of which the heaviest have series of their own.
//!
//! Growth is charged when it is seen: to its thing's series if that is shown, else to the rest.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::cumulative::Cumulative;
use super::statements::LINGER;
use super::top::{Score, pick};

/// What two recent amounts a thing is ranked by, such as rows read and rows written.
pub(super) type Recent = [f64; 2];

/// Share of what was recent that still counts after the next look.
const FADE: f64 = 0.7;
/// Series of things that are gone and may come back under the same name.
const LEFT: usize = 2_000;

/// All of one kind, by oid.
#[derive(Debug)]
pub(super) struct Ranked<C> {
    begun: bool,
    entries: HashMap<u32, Entry<C>>,
    /// Series of shown things that were dropped: another of the same name goes on with it.
    left: HashMap<String, C>,
    /// What all have done that were not shown when they did it.
    pub(super) rest: C,
    /// Counters that had gone back.
    pub(super) resets: u64,
}

/// One thing.
#[derive(Clone, Debug)]
pub(super) struct Entry<C> {
    last: C,
    /// Growth since the look before.
    pub(super) growth: C,
    /// Growth charged to its own series.
    pub(super) series: C,
    /// Growth since it came into the picture; of one that is not in it nobody asks.
    pub(super) here: C,
    is_here: bool,
    /// What it did of late.
    pub(super) recent: Recent,
    display: Display,
    name: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Display {
    Rest,
    Single,
    /// Growth goes to the rest; its series is still there, so that every scraper sees its end.
    Leaving {
        since: Duration,
    },
}

impl<C> Entry<C> {
    /// Whether it has a series of its own.
    pub(super) fn is_shown(&self) -> bool {
        self.display != Display::Rest
    }
}

impl<C: Cumulative + PartialEq> Default for Ranked<C> {
    fn default() -> Self {
        Self {
            begun: false,
            entries: HashMap::new(),
            left: HashMap::new(),
            rest: C::default(),
            resets: 0,
        }
    }
}

impl<C: Cumulative + PartialEq> Ranked<C> {
    /// The next look is only a base.
    pub(super) fn rebase(&mut self) {
        self.begun = false;
    }

    /// Folds a look in. What was not in the look before was made since, if looks are `complete`.
    pub(super) fn fold(
        &mut self,
        seen: impl Iterator<Item = (u32, C)>,
        complete: bool,
        weigh: fn(&C) -> Recent,
    ) {
        let mut before = std::mem::take(&mut self.entries);
        for (oid, now) in seen {
            let mut entry = before.remove(&oid).unwrap_or_else(|| Entry {
                last: if complete { C::default() } else { now },
                growth: C::default(),
                series: C::default(),
                here: C::default(),
                is_here: false,
                recent: [0.0; 2],
                display: Display::Rest,
                name: None,
            });
            entry.growth = if !self.begun {
                C::default()
            } else if entry.last.at_most(&now) {
                now.since(&entry.last)
            } else {
                self.resets += 1;
                now.since_reset(&entry.last)
            };
            entry.last = now;
            entry.here.add(&entry.growth);
            let [a, b] = weigh(&entry.growth);
            let [x, y] = entry.recent;
            entry.recent = [x * FADE + a, y * FADE + b];
            let charged =
                if entry.display == Display::Single { &mut entry.series } else { &mut self.rest };
            charged.add(&entry.growth);
            self.entries.insert(oid, entry);
        }
        for entry in before.into_values() {
            if let Some(name) = entry.name.filter(|_| self.left.len() < LEFT) {
                self.left.insert(name, entry.series);
            }
        }
        self.begun = true;
    }

    /// One that was in the last look.
    pub(super) fn get(&self, oid: u32) -> Option<&Entry<C>> {
        self.entries.get(&oid)
    }

    /// Chooses from the last look, by scores in its order: at most `shown` have series of their own
    /// from now on, and at most `kept` are worth a place in the picture. Returns the positions of
    /// these and of those that are still leaving.
    pub(super) fn choose(
        &mut self,
        at: Duration,
        scored: &[(u32, Score)],
        kept: usize,
        shown: usize,
        name: impl Fn(usize) -> String,
    ) -> Vec<usize> {
        let items: Vec<(Score, bool)> = scored
            .iter()
            .map(|(oid, score)| (*score, self.get(*oid).is_some_and(Entry::is_shown)))
            .collect();
        let mut picked = pick(&items, kept.max(shown));
        let single: HashSet<usize> = picked.iter().copied().take(shown).collect();
        for (place, (oid, _)) in scored.iter().enumerate() {
            let Some(entry) = self.entries.get_mut(oid) else { continue };
            if single.contains(&place) {
                if entry.display == Display::Rest && entry.name.is_none() {
                    let name = name(place);
                    if let Some(series) = self.left.remove(&name) {
                        entry.series = series;
                    }
                    entry.name = Some(name);
                }
                entry.display = Display::Single;
                continue;
            }
            entry.display = match entry.display {
                Display::Single => Display::Leaving { since: at },
                Display::Leaving { since } if at.saturating_sub(since) >= LINGER => Display::Rest,
                other => other,
            };
            if entry.is_shown() && !picked.contains(&place) {
                picked.push(place);
            }
        }
        picked.sort_unstable();
        self.welcome(scored, &picked);
        picked
    }

    /// Notes which are in the picture now, and begins to count for those that were not.
    fn welcome(&mut self, scored: &[(u32, Score)], picked: &[usize]) {
        let here: HashSet<u32> =
            picked.iter().filter_map(|place| scored.get(*place)).map(|(oid, _)| *oid).collect();
        for (oid, entry) in &mut self.entries {
            let was_here = std::mem::replace(&mut entry.is_here, here.contains(oid));
            if !was_here && entry.is_here {
                entry.here = C::default();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::index_usage::Counters;
    use crate::sample::table_usage;

    fn look(ranked: &mut Ranked<Counters>, at: u64, scans: &[(u32, u64)], shown: usize) {
        let seen = |&(oid, idx_scan)| (oid, Counters { idx_scan, ..Counters::default() });
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let weigh = |c: &Counters| [c.idx_scan as f64, 0.0];
        ranked.fold(scans.iter().map(seen), true, weigh);
        let scored: Vec<(u32, Score)> = scans
            .iter()
            .map(|(oid, _)| (*oid, [ranked.get(*oid).unwrap().recent[0], 0.0, 0.0, 0.0, 0.0]))
            .collect();
        let name = |place: usize| format!("i{}", scans[place].0);
        ranked.choose(Duration::from_secs(at), &scored, 10, shown, name);
    }

    fn series(ranked: &Ranked<Counters>, oid: u32) -> (u64, bool) {
        ranked.get(oid).map_or((0, false), |e| (e.series.idx_scan, e.is_shown()))
    }

    #[test]
    fn the_sum_of_all_series_is_all_growth_and_none_goes_back() {
        let mut ranked = Ranked::default();
        look(&mut ranked, 0, &[(1, 100), (2, 5)], 1);
        assert_eq!((series(&ranked, 1), ranked.rest.idx_scan), ((0, false), 0), "only a base");
        look(&mut ranked, 300, &[(1, 110), (2, 5)], 1);
        assert_eq!((series(&ranked, 1), ranked.rest.idx_scan), ((0, true), 10));
        look(&mut ranked, 600, &[(1, 113), (2, 1_005)], 1);
        assert_eq!((series(&ranked, 1), series(&ranked, 2)), ((3, true), (0, true)), "1 leaves");
        assert_eq!(ranked.rest.idx_scan, 1_010);
        look(&mut ranked, 900, &[(1, 114), (2, 1_006)], 1);
        assert_eq!((series(&ranked, 1), series(&ranked, 2)), ((3, false), (1, true)));
        assert_eq!((ranked.rest.idx_scan, ranked.resets), (1_011, 0));
        look(&mut ranked, 1_200, &[(1, 114), (2, 7)], 1);
        assert_eq!((series(&ranked, 2).0, ranked.resets), (8, 1), "reset: it begins from zero");
    }

    #[test]
    fn a_dropped_index_takes_its_scans_along_and_its_table_grows_by_what_was_done() {
        let mut ranked = Ranked::<table_usage::Counters>::default();
        let mut look = |seq_tup_read, idx_scan, idx_tup_fetch| {
            let none = table_usage::Counters::default();
            let now = table_usage::Counters { seq_tup_read, idx_scan, idx_tup_fetch, ..none };
            ranked.fold([(1, now)].into_iter(), true, |_| [0.0; 2]);
            let grown = ranked.get(1).unwrap().growth;
            (grown.seq_tup_read, grown.idx_scan, grown.idx_tup_fetch, ranked.resets)
        };
        assert_eq!(look(900, 800, 700), (0, 0, 0, 0), "only a base");
        assert_eq!(look(910, 805, 709), (10, 5, 9, 0));
        assert_eq!(look(915, 3, 2), (5, 0, 0, 0), "an index was dropped");
        assert_eq!(look(916, 4, 4), (1, 1, 2, 0));
        assert_eq!(look(7, 5, 2), (7, 1, 0, 1), "its own counters were reset, its indexes' not");
        assert_eq!(look(2, 1, 1), (2, 1, 1, 2), "all were");
    }

    #[test]
    fn what_a_thing_did_before_it_came_back_to_the_picture_is_not_taken_for_new() {
        let mut ranked = Ranked::default();
        let mut look = |scans: u64, kept: usize| {
            let now = Counters { idx_scan: scans, ..Counters::default() };
            ranked.fold([(1, now)].into_iter(), true, |_| [1.0, 0.0]);
            // It has no series of its own, and is in the picture for rules alone.
            ranked.choose(Duration::ZERO, &[(1, [1.0; 5])], kept, 0, |_| "i1".into());
            ranked.get(1).unwrap().here.idx_scan
        };
        assert_eq!((look(100, 1), look(130, 1)), (0, 30));
        look(500, 0);
        assert_eq!((look(900, 1), look(905, 1)), (0, 5));
    }

    #[test]
    fn a_table_that_is_made_anew_goes_on_with_the_series_of_its_name() {
        let mut ranked = Ranked::default();
        look(&mut ranked, 0, &[(1, 0)], 1);
        look(&mut ranked, 300, &[(1, 4)], 1);
        look(&mut ranked, 600, &[(1, 9)], 1);
        assert_eq!(series(&ranked, 1), (5, true));
        look(&mut ranked, 900, &[], 1);
        let seen = [(9, Counters { idx_scan: 2, ..Counters::default() })];
        ranked.fold(seen.into_iter(), true, |_| [1.0, 0.0]);
        ranked.choose(Duration::from_secs(1_200), &[(9, [1.0; 5])], 1, 1, |_| "i1".into());
        assert_eq!((series(&ranked, 9), ranked.rest.idx_scan), ((5, true), 6));
    }
}
