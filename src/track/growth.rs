//! How modules grow from look to look at their tables.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::hours::unix;
use super::tables;
use crate::history::ModuleSize;
use crate::sample::Moment;

/// A size is kept every hour.
const EVERY: i64 = 3_600;
/// Rates are told from this time on: sizes are those of the last vacuum, and jump when one comes.
const LONG_ENOUGH: i64 = 86_400;
/// For a week, in seconds.
pub const WEEK: i64 = 7 * 86_400;

/// By label `datname`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct View {
    /// Those that were looked into for a day at least.
    pub databases: BTreeMap<Arc<str>, Database>,
}

/// One database.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Database {
    /// How long its growth took: as far as is remembered, at most a week.
    pub over: Duration,
    /// Bytes a day more of all modules together: known whatever words tell them apart.
    pub bytes_per_day: f64,
    /// Of each module, over the time since the words that tell modules apart have been the same;
    /// empty while that is less than a day.
    pub modules: BTreeMap<Arc<str>, Growth>,
    /// Of the tables in the picture that were in it for a day, since they first were.
    pub tables: Vec<(Table, Growth)>,
}

/// A table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Its schema.
    pub schema: Arc<str>,
    /// Its name.
    pub table: Arc<str>,
    /// Its module.
    pub module: Arc<str>,
}

/// How much.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Growth {
    /// Bytes a day more, of its tables, their TOAST and indexes, as vacuum and analyze see them;
    /// less if negative.
    pub bytes_per_day: f64,
    /// Rows a day more, as the server estimates.
    pub rows_per_day: f64,
}

/// When a table was first in the picture, its bytes and its rows then.
type First = (Duration, u64, u64);

/// Bytes and rows of each module, at a time.
#[derive(Clone, Debug)]
struct Size {
    /// Seconds since the agent's start; less than none of what was before it.
    at: i64,
    /// By which words modules were told apart.
    words: i64,
    modules: BTreeMap<Arc<str>, (u64, u64)>,
}

impl Size {
    fn of(database: &tables::Database) -> Self {
        let size = |module: &tables::Module| (module.bytes + module.index_bytes, module.n_live_tup);
        let modules = database.modules.iter();
        Self {
            at: seconds(database.at.elapsed),
            words: database.words.cast_signed(),
            modules: modules.map(|(word, module)| (Arc::clone(word), size(module))).collect(),
        }
    }

    fn bytes(&self) -> u64 {
        self.modules.values().map(|(bytes, _)| bytes).sum()
    }

    /// How modules have grown since `then`.
    fn since(&self, then: &Self) -> BTreeMap<Arc<str>, Growth> {
        let over = self.at - then.at;
        let grown = |(word, now): (&Arc<str>, &(u64, u64))| {
            let first = then.modules.get(word).copied().unwrap_or_default();
            let growth = Growth {
                bytes_per_day: per_day(first.0, now.0, over),
                rows_per_day: per_day(first.1, now.1, over),
            };
            (Arc::clone(word), growth)
        };
        self.modules.iter().map(grown).collect()
    }
}

/// The sizes of one server's databases, hour by hour, the oldest first.
#[derive(Debug, Default)]
pub struct Growths {
    sizes: HashMap<Arc<str>, VecDeque<Size>>,
    /// What was remembered of databases that were not looked into yet.
    remembered: HashMap<Arc<str>, VecDeque<Size>>,
    /// Of each database the tables in the picture by oid, when they first were, and how large.
    first: HashMap<Arc<str>, HashMap<u32, First>>,
}

impl Growths {
    /// Takes up what is remembered of the time before the agent's start, the oldest first, as it is
    /// known `now`. What is older than a week, or of the future, is not.
    pub fn recall(&mut self, now: Moment, sizes: &[ModuleSize]) {
        let start = unix(now.wall) - seconds(now.elapsed);
        let known = sizes.iter().filter(|size| size.at < start && size.at >= start - WEEK);
        for size in known {
            let at = size.at - start;
            let of = self.remembered.entry(Arc::clone(&size.place.datname)).or_default();
            if of.back().is_none_or(|last| last.at != at || last.words != size.words) {
                of.push_back(Size { at, words: size.words, modules: BTreeMap::new() });
            }
            if let Some(last) = of.back_mut() {
                last.modules.insert(Arc::clone(&size.module), (size.bytes, size.n_live_tup));
            }
        }
        for (datname, sizes) in &mut self.sizes {
            sizes.extend(self.remembered.remove(datname).unwrap_or_default());
            sizes.make_contiguous().sort_by_key(|size| size.at);
        }
    }

    /// Takes up the tables as they are now.
    pub fn apply(&mut self, tables: &tables::View) -> View {
        self.sizes.retain(|datname, _| tables.databases.contains_key(datname));
        self.first.retain(|datname, _| tables.databases.contains_key(datname));
        let mut view = View::default();
        for (datname, database) in &tables.databases {
            let now = Size::of(database);
            let remembered = || self.remembered.remove(datname).unwrap_or_default();
            let sizes = self.sizes.entry(Arc::clone(datname)).or_insert_with(remembered);
            let long_ago = |then: &&Size| now.at - then.at >= LONG_ENOUGH;
            if let Some(first) = sizes.front().filter(long_ago) {
                let same = sizes.iter().find(|then| then.words == now.words).filter(long_ago);
                let tables = self.first.get(datname).map(|first| grown_tables(first, database));
                let grown = Database {
                    over: Duration::from_secs((now.at - first.at).unsigned_abs()),
                    bytes_per_day: per_day(first.bytes(), now.bytes(), now.at - first.at),
                    modules: same.map(|then| now.since(then)).unwrap_or_default(),
                    tables: tables.unwrap_or_default(),
                };
                view.databases.insert(Arc::clone(datname), grown);
            }
            let mut before = self.first.remove(datname).unwrap_or_default();
            let seen = database.tables.iter().map(|table| {
                let now = (database.at.elapsed, whole(table), table.n_live_tup);
                (table.oid, before.remove(&table.oid).unwrap_or(now))
            });
            let seen = seen.collect();
            self.first.insert(Arc::clone(datname), seen);
            let is_news = |last: &Size| now.at - last.at >= EVERY || last.words != now.words;
            if sizes.back().is_none_or(is_news) {
                while sizes.get(1).is_some_and(|second| now.at - second.at >= WEEK) {
                    sizes.pop_front();
                }
                sizes.push_back(now);
            }
        }
        view
    }
}

fn whole(table: &tables::Table) -> u64 {
    table.bytes + table.upkeep.toast_bytes + table.index_bytes
}

fn grown_tables(first: &HashMap<u32, First>, database: &tables::Database) -> Vec<(Table, Growth)> {
    let grown = |table: &tables::Table| {
        let (then, bytes, rows) = first.get(&table.oid)?;
        let over = seconds(database.at.elapsed.saturating_sub(*then));
        let growth = Growth {
            bytes_per_day: per_day(*bytes, whole(table), over),
            rows_per_day: per_day(*rows, table.n_live_tup, over),
        };
        let tables::Table { schema, table, module, .. } = table;
        let named = Table {
            schema: Arc::clone(schema),
            table: Arc::clone(table),
            module: Arc::clone(module),
        };
        (over >= LONG_ENOUGH).then_some((named, growth))
    };
    database.tables.iter().filter_map(grown).collect()
}

fn seconds(time: Duration) -> i64 {
    i64::try_from(time.as_secs()).unwrap_or(i64::MAX)
}

#[expect(clippy::cast_precision_loss, reason = "a rate")]
fn per_day(first: u64, now: u64, over: i64) -> f64 {
    (now as f64 - first as f64) / over.max(1) as f64 * 86_400.0
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::erp::{Erps, Profiles};
    use crate::history::Place;
    use crate::sample::table_usage::{Counters, Table, Upkeep};
    use crate::sample::usage;
    use crate::track::hours::Hours;
    use crate::track::names::Names;
    use crate::track::names::tests::sample;
    use crate::track::settings;

    fn names() -> Names {
        let mut names = Names::new(5);
        names.learn(&sample(&[(1, "erp")]), Duration::ZERO);
        names
    }

    /// Looks at one table.
    struct Looking {
        tables: tables::Tables,
        growths: Growths,
        hours: Hours,
        erps: Erps,
        /// Hours before the agent started.
        started: u64,
    }

    impl Looking {
        fn new() -> Self {
            Self {
                tables: tables::Tables::new(5),
                growths: Growths::default(),
                hours: Hours::new("db".into(), Duration::ZERO),
                erps: Erps::default(),
                started: 0,
            }
        }

        fn look(&mut self, hour: u64, bytes: u64) -> Option<Database> {
            let table = Table {
                oid: 7,
                schema: "public".into(),
                table: "sale_order".into(),
                counters: Counters::default(),
                n_live_tup: bytes / 100,
                bytes,
                upkeep: Upkeep::default(),
            };
            let database =
                usage::Database { dbid: 1, tables: vec![table], ..usage::Database::default() };
            let sample = usage::Sample { databases: vec![database], skipped: 0 };
            let settings = settings::View::default();
            let at = moment(self.started, hour);
            let view = self.tables.apply(at, &sample, &names(), &self.erps, &settings);
            self.hours.sizes(&view);
            self.growths.apply(&view).databases.get("erp").cloned()
        }

        /// The words of an ERP come to be known.
        fn recognise(&mut self) {
            let profiles = Profiles::default();
            let words = profiles.words(profiles.get("odoo"));
            self.erps =
                Erps::new(BTreeMap::from([("erp".to_owned(), words)]), profiles.words(None));
        }

        fn remembered(&self, hours_before: i64, bytes: u64) -> ModuleSize {
            ModuleSize {
                place: Place { server: "db".into(), datname: "erp".into() },
                at: START - hours_before * 3_600,
                words: self.erps.of("erp").digest().cast_signed(),
                module: "sales".into(),
                bytes,
                n_live_tup: bytes / 100,
            }
        }
    }

    /// When the agent starts.
    const START: i64 = 1_000_000_000;

    fn moment(started: u64, hour: u64) -> Moment {
        let elapsed = Duration::from_secs(hour * 3_600);
        let start = Duration::from_secs(START.unsigned_abs() + started * 3_600);
        Moment { wall: SystemTime::UNIX_EPOCH + start + elapsed, elapsed }
    }

    fn sales(grown: Option<Database>) -> Option<(f64, f64)> {
        let growth = *grown?.modules.get("sales")?;
        Some((growth.bytes_per_day.round(), growth.rows_per_day.round()))
    }

    fn total(grown: Option<Database>) -> Option<f64> {
        Some(grown?.bytes_per_day.round())
    }

    #[test]
    fn growth_is_told_after_a_day_and_forgets_what_is_over_a_week_ago() {
        let mut looking = Looking::new();
        assert_eq!(looking.look(0, 1_000), None);
        // A vacuum sees at once what came in months: that is no rate.
        assert_eq!(looking.look(1, 2_000), None);
        assert_eq!(looking.look(23, 2_000), None);
        assert_eq!(sales(looking.look(24, 2_000)), Some((1_000.0, 10.0)));
        for hour in 25..400 {
            looking.look(hour, 2_000);
        }
        assert_eq!(sales(looking.look(400, 2_000)), Some((0.0, 0.0)));
    }

    #[test]
    fn growth_goes_on_after_a_restart_from_what_is_remembered() {
        for looks_first in [false, true] {
            let mut looking = Looking::new();
            if looks_first {
                assert_eq!(looking.look(0, 2_000), None);
            }
            let before = [
                looking.remembered(24 * 8, 9_000),
                looking.remembered(24, 1_000),
                looking.remembered(5, 1_900),
                looking.remembered(-5, 7_000),
            ];
            looking.growths.recall(moment(0, 0), &before);
            let grown = looking.look(0, 2_000).unwrap();
            assert_eq!(grown.over, Duration::from_secs(86_400), "not what is too old, nor to come");
            assert_eq!(sales(Some(grown)), Some((1_000.0, 10.0)));
        }
    }

    #[test]
    fn what_an_agent_gives_to_the_history_is_what_the_next_one_goes_on_from() {
        let mut first = Looking::new();
        for hour in [0, 0, 1, 2] {
            first.look(hour, 1_000 + hour * 100);
        }
        let given = first.hours.take(moment(0, 2)).modules;
        let bytes: Vec<u64> = given.iter().map(|size| size.bytes).collect();
        assert_eq!(bytes, [1_000, 1_100, 1_200], "once an hour");
        assert!(first.hours.take(moment(0, 2)).modules.is_empty());
        // A day later another agent starts.
        let mut next = Looking { started: 24, ..Looking::new() };
        next.growths.recall(moment(24, 0), &given);
        let grown = next.look(0, 3_400);
        assert_eq!((sales(grown.clone()), total(grown)), (Some((2_400.0, 24.0)), Some(2_400.0)));
    }

    #[test]
    fn with_other_words_the_growth_of_all_is_known_and_that_of_modules_is_not() {
        let mut looking = Looking::new();
        let before = [looking.remembered(24, 1_000)];
        looking.growths.recall(moment(0, 0), &before);
        looking.recognise();
        let grown = looking.look(0, 2_000);
        assert_eq!((sales(grown.clone()), total(grown)), (None, Some(1_000.0)));
        // A day later they are, from then on.
        assert_eq!(sales(looking.look(1, 2_100)), None);
        let grown = looking.look(24, 2_200);
        assert_eq!((sales(grown.clone()), total(grown)), (Some((200.0, 2.0)), Some(600.0)));
    }
}
