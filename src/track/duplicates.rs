//! Records that are there twice by the business keys of ERPs, as far as they are known.

mod remembered;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

pub use self::remembered::Remembered;
use super::names::Names;
use crate::erp::Erps;
use crate::sample::Moment;
use crate::sample::duplicates::{Count, Counted, Reading, Sample};

/// A count that is older is told no more: too much has changed.
const STALE: Duration = Duration::from_secs(30 * 86_400);

/// By label `datname`, of those that were looked into.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct View {
    /// Those with a label of their own.
    pub databases: BTreeMap<Arc<str>, Database>,
    /// Times that one could not be entered.
    pub skipped: u64,
    /// Counts that were tried, by how they ended.
    pub counts: BTreeMap<&'static str, u64>,
    /// Rows that our own counts have read, by database and table; of one that was given
    /// up, none, as nobody knows how many it had read.
    pub read: BTreeMap<(Arc<str>, String), u64>,
}

/// One database.
#[derive(Clone, Debug, PartialEq)]
pub struct Database {
    /// When it was looked into.
    pub at: Moment,
    /// Its business keys.
    pub keys: Vec<Key>,
    /// Keys whose tables are there and were not looked at, and why.
    pub unread: Vec<(Arc<str>, &'static str)>,
}

/// One business key.
#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    /// What catalogs and statistics say.
    pub now: Reading,
    /// The business module of its table.
    pub module: Arc<str>,
    /// What was last counted, and when.
    pub counted: Option<(Moment, Counted)>,
    /// Why it is not counted, or why the last count brought nothing.
    pub uncounted: Option<&'static str>,
}

/// How it is known how many records are there twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// A unique index lets none in.
    Index,
    /// Counted.
    Counted,
    /// By what `analyze` saw: at least so many of a table that it has seen whole, about so many by a sample.
    Statistics,
}

impl Known {
    /// The value of the label `known`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Index => "index",
            Self::Counted => "counted",
            Self::Statistics => "statistics",
        }
    }
}

impl Key {
    /// Rows beyond one of each key, by the best there is.
    #[must_use]
    pub fn surplus(&self) -> Option<(u64, Known)> {
        if self.now.is_unique {
            return Some((0, Known::Index));
        }
        let counted = self.counted.map(|(_, counted)| (counted.surplus, Known::Counted));
        counted.or_else(|| Some((self.now.estimate?.surplus, Known::Statistics)))
    }
}

/// The business keys of one server.
#[derive(Debug, Default)]
pub struct Duplicates {
    view: View,
    /// Counted before the agent began, by database and key; what was taken up is not here any more.
    remembered: BTreeMap<(Arc<str>, Arc<str>), (Moment, Counted)>,
}

impl Duplicates {
    /// Takes up what was counted before the agent began, the latest first. What was counted since stands.
    pub fn remember(&mut self, counts: Vec<Remembered>) -> View {
        for Remembered { datname, key, at, counted } in counts {
            let then = Moment { wall: at, elapsed: Duration::ZERO };
            self.remembered.entry((datname, key)).or_insert((then, counted));
        }
        for (datname, database) in &mut self.view.databases {
            for key in database.keys.iter_mut().filter(|key| !key.now.is_unique) {
                let name = (Arc::clone(datname), Arc::clone(&key.now.key.name));
                key.counted = key.counted.or(self.remembered.remove(&name));
            }
        }
        self.view.clone()
    }

    /// Folds a sample in. Databases without a label of their own are left out.
    pub fn apply(&mut self, at: Moment, sample: Sample, names: &Names, erps: &Erps) -> View {
        self.view.skipped += sample.skipped;
        for read in sample.databases.into_iter().filter(|read| names.is_single(read.dbid)) {
            let datname = names.datname(read.dbid);
            let erp = erps.of(&datname);
            let before = self.view.databases.remove(&datname);
            let mut before = before.map_or_else(Vec::new, |before| before.keys);
            let key = |now: Reading| {
                let same = before.iter().position(|key| key.now.key == now.key);
                let same = same.map(|place| before.swap_remove(place));
                let (counted, uncounted) =
                    same.map_or((None, None), |same| (same.counted, same.uncounted));
                let name = (Arc::clone(&datname), Arc::clone(&now.key.name));
                let counted = counted.or(self.remembered.remove(&name));
                // By the wall clock: it may have been before the agent's start.
                let age = |then: Moment| at.wall.duration_since(then.wall).unwrap_or_default();
                let counted = counted.filter(|(then, _)| !now.is_unique && age(*then) < STALE);
                let uncounted = uncounted.filter(|_| !now.is_unique);
                let uncounted = if now.is_large { Some("large") } else { uncounted };
                Key { module: erp.module(&now.key.table), now, counted, uncounted }
            };
            let keys = read.keys.into_iter().map(key).collect();
            self.view.databases.insert(datname, Database { at, keys, unread: read.unread });
        }
        if let Some(count) = sample.count {
            self.count(at, &count, names);
        }
        let labels = names.labels();
        self.view.databases.retain(|datname, _| labels.contains(&**datname));
        self.view.read.retain(|(datname, _), _| labels.contains(&**datname));
        self.view.clone()
    }

    fn count(&mut self, at: Moment, count: &Count, names: &Names) {
        let result = count.result.err().unwrap_or("ok");
        *self.view.counts.entry(result).or_default() += 1;
        if !names.is_single(count.dbid) {
            return;
        }
        let datname = names.datname(count.dbid);
        let database = self.view.databases.get_mut(&datname);
        let keys = database.into_iter().flat_map(|database| &mut database.keys);
        for key in keys.filter(|key| key.now.key.name == count.name) {
            key.uncounted = count.result.err();
            if count.result.is_ok() {
                let table = (Arc::clone(&datname), key.now.key.table.clone());
                *self.view.read.entry(table).or_default() += key.now.rows.unwrap_or(0);
            }
            if let Ok(counted) = count.result {
                key.counted = Some((at, counted));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::erp::Profiles;
    use crate::sample::duplicates::{Database as Read, Estimate};
    use crate::track::names::tests::sample;

    fn named(dbid: u32) -> Names {
        let mut names = Names::new(5);
        names.learn(&sample(&[(dbid, "erp")]), Duration::ZERO);
        names
    }

    fn at(seconds: u64) -> Moment {
        let elapsed = Duration::from_secs(seconds);
        Moment { wall: SystemTime::UNIX_EPOCH + elapsed, elapsed }
    }

    fn reading() -> Reading {
        let profiles = Profiles::default();
        let demo = profiles.words(profiles.get("demo"));
        Reading {
            key: Arc::clone(demo.keys().next().unwrap()),
            schema: "public".into(),
            relid: 1,
            is_partitioned: false,
            is_text: vec![true],
            rows: Some(1_000),
            bytes: 0,
            is_unique: false,
            is_large: false,
            estimate: Some(Estimate { surplus: 20, sampled: 1_000, seconds_ago: None }),
        }
    }

    fn looked(reading: &Reading, count: Option<Result<Counted, &'static str>>) -> Sample {
        let name = Arc::clone(&reading.key.name);
        let read = |dbid| Read { dbid, keys: vec![reading.clone()], unread: Vec::new() };
        let count = count.map(|result| Count { dbid: 1, name, result });
        Sample { databases: vec![read(1), read(2)], skipped: 1, count }
    }

    #[test]
    fn a_count_stands_before_statistics_until_it_is_stale_or_an_index_is_there() {
        let profiles = Profiles::default();
        let erps = Erps::new(BTreeMap::new(), profiles.words(profiles.get("demo")));
        let (mut duplicates, names) = (Duplicates::default(), named(1));
        let mut apply = |seconds, reading, count| {
            let view = duplicates.apply(at(seconds), looked(&reading, count), &names, &erps);
            (view.databases["erp"].keys[0].clone(), view)
        };
        let (key, view) = apply(0, reading(), None);
        assert_eq!(key.surplus(), Some((20, Known::Statistics)));
        assert_eq!((view.databases.len(), &*key.module), (1, "parties"));
        let counted = Counted { groups: 3, surplus: 4 };
        assert_eq!(apply(9, reading(), Some(Ok(counted))).0.surplus(), Some((4, Known::Counted)));
        let (key, view) = apply(20, reading(), Some(Err("locked")));
        assert_eq!((key.surplus(), key.uncounted), (Some((4, Known::Counted)), Some("locked")));
        assert_eq!(view.counts, BTreeMap::from([("ok", 1), ("locked", 1)]));
        assert_eq!(view.skipped, 3);
        let (_, view) = apply(21, reading(), Some(Err("timeout")));
        let read = ((Arc::from("erp"), "party_party".to_owned()), 1_000);
        assert_eq!(view.read, BTreeMap::from([read]), "what we have read ourselves to its end");
        let later = 9 + STALE.as_secs();
        assert_eq!(apply(later - 1, reading(), None).0.counted, Some((at(9), counted)));
        assert_eq!(apply(later, reading(), None).0.surplus(), Some((20, Known::Statistics)));
        let large = Reading { is_large: true, ..reading() };
        assert_eq!(apply(later, large, None).0.uncounted, Some("large"));
        let unique = Reading { is_unique: true, estimate: None, ..reading() };
        let (key, _) = apply(later + 1, unique, None);
        assert_eq!((key.surplus(), key.uncounted), (Some((0, Known::Index)), None));
    }

    #[test]
    fn what_was_counted_before_the_agent_began_stands_until_it_is_counted_again() {
        let erps = Erps::default();
        let remembered = |seconds: u64, surplus| Remembered {
            datname: "erp".into(),
            key: Arc::clone(&reading().key.name),
            at: at(seconds).wall,
            counted: Counted { groups: 1, surplus },
        };
        let counted = |view: &View| view.databases["erp"].keys[0].counted;
        let then = |seconds: u64, surplus| {
            let moment = Moment { elapsed: Duration::ZERO, ..at(seconds) };
            Some((moment, Counted { groups: 1, surplus }))
        };
        for is_early in [true, false] {
            let mut duplicates = Duplicates::default();
            // The history may answer before the first look, or after it.
            if is_early {
                duplicates.remember(vec![remembered(50, 7), remembered(20, 9)]);
            }
            let view = duplicates.apply(at(100), looked(&reading(), None), &named(1), &erps);
            assert_eq!(counted(&view), if is_early { then(50, 7) } else { None });
            let view = duplicates.remember(vec![remembered(50, 7), remembered(20, 9)]);
            assert_eq!(counted(&view), then(50, 7), "the latest");
            let now = Counted { groups: 2, surplus: 2 };
            let view =
                duplicates.apply(at(101), looked(&reading(), Some(Ok(now))), &named(1), &erps);
            assert_eq!(counted(&view), Some((at(101), now)));
            assert_eq!(
                counted(&duplicates.remember(vec![remembered(50, 7)])),
                Some((at(101), now))
            );
        }
        let mut duplicates = Duplicates::default();
        duplicates.remember(vec![remembered(0, 7)]);
        let late = at(STALE.as_secs());
        let view = duplicates.apply(late, looked(&reading(), None), &named(1), &erps);
        assert_eq!(counted(&view), None, "too much has changed");
    }

    #[test]
    fn what_was_counted_goes_with_its_database() {
        let (mut duplicates, erps) = (Duplicates::default(), Erps::default());
        duplicates.apply(at(0), looked(&reading(), None), &named(1), &erps);
        let view = duplicates.apply(at(1), Sample::default(), &Names::new(5), &erps);
        assert!(view.databases.is_empty() && view.skipped == 1);
    }
}
