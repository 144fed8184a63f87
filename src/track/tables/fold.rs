//! From looks at databases to the picture of their tables, indexes and functions.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::{Database, Due, Function, Index, Module, Table, View};
use crate::erp::{Erp, Erps, OTHER};
use crate::sample::usage::{self, Sample};
use crate::sample::{Moment, function_usage, index_usage, table_usage};
use crate::track::cumulative::Cumulative;
use crate::track::names::Names;
use crate::track::ranked::Ranked;
use crate::track::settings;
use crate::track::top::Score;

/// Of each kind in one database so many are in the picture.
const KEPT: usize = 200;

/// All databases of one server.
#[derive(Debug)]
pub struct Tables {
    limit: usize,
    databases: HashMap<u32, Tracked>,
    skipped: u64,
    view: View,
}

/// One database.
#[derive(Debug, Default)]
struct Tracked {
    at: Option<Duration>,
    tables: Ranked<table_usage::Counters>,
    indexes: Ranked<index_usage::Counters>,
    functions: Ranked<function_usage::Counters>,
    /// Indexes that were not there at the first look, and when they were first seen.
    new_indexes: HashMap<u32, SystemTime>,
    modules: HashMap<Arc<str>, table_usage::Counters>,
}

impl Tables {
    /// At most `limit` tables, indexes and functions have series of their own.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { limit, databases: HashMap::new(), skipped: 0, view: View::default() }
    }

    /// Another limit from now on.
    pub fn limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// The next look at each database is only a base: the server is another one.
    pub fn rebase(&mut self) {
        for tracked in self.databases.values_mut() {
            tracked.tables.rebase();
            tracked.indexes.rebase();
            tracked.functions.rebase();
        }
    }

    /// Folds a sample in. Databases without a label of their own are left out.
    pub fn apply(
        &mut self,
        at: Moment,
        sample: &Sample,
        names: &Names,
        erps: &Erps,
        settings: &settings::View,
    ) -> View {
        self.databases.retain(|dbid, _| names.is_single(*dbid));
        let shown: Vec<&usage::Database> =
            sample.databases.iter().filter(|read| names.is_single(read.dbid)).collect();
        for read in &shown {
            self.databases.entry(read.dbid).or_default();
        }
        // The series are shared among databases; each has its part from the next look at it on.
        let quota = self.limit.div_ceil(self.databases.len().max(1));
        for read in shown {
            let datname = names.datname(read.dbid);
            let tracked = self.databases.entry(read.dbid).or_default();
            let database = tracked.look(at, read, erps.of(&datname), settings, quota);
            self.view.databases.insert(datname, Arc::new(database));
        }
        let labels = names.labels();
        self.view.databases.retain(|datname, _| labels.contains(&**datname));
        self.skipped += sample.skipped;
        self.view.skipped = self.skipped;
        self.view.clone()
    }
}

#[expect(clippy::cast_precision_loss, reason = "weights")]
fn weight(count: u64) -> f64 {
    count as f64
}

impl Tracked {
    fn look(
        &mut self,
        at: Moment,
        read: &usage::Database,
        erp: &Erp,
        settings: &settings::View,
        quota: usize,
    ) -> Database {
        self.welcome(at, &read.indexes);
        let before = self.at.replace(at.elapsed);
        self.tables.fold(read.tables.iter().map(|t| (t.oid, t.counters)), true, |grown| {
            let written = grown.n_tup_ins + grown.n_tup_upd + grown.n_tup_del;
            [weight(grown.seq_tup_read), weight(written)]
        });
        self.indexes.fold(read.indexes.iter().map(|i| (i.oid, i.counters)), true, |grown| {
            [weight(grown.idx_scan), 0.0]
        });
        // One that comes up among the heaviest may have been called long before.
        let complete = read.functions.len() < function_usage::MOST;
        self.functions.fold(
            read.functions.iter().map(|f| (f.oid, f.counters)),
            complete,
            |grown| [grown.self_seconds, weight(grown.calls)],
        );
        let mut words: HashMap<&str, Arc<str>> = HashMap::new();
        let mut of_index: HashMap<(&str, &str), (u64, u64)> = HashMap::new();
        for index in &read.indexes {
            let sum = of_index.entry((&index.schema, &index.table)).or_default();
            *sum = (sum.0 + index.bytes, sum.1 + 1);
        }
        let mut modules: BTreeMap<Arc<str>, Module> = BTreeMap::new();
        for table in &read.tables {
            let word = words.entry(&table.table).or_insert_with(|| erp.module(&table.table));
            let grown = self.tables.get(table.oid).map(|entry| entry.growth).unwrap_or_default();
            self.modules.entry(Arc::clone(word)).or_default().add(&grown);
            let module = modules.entry(Arc::clone(word)).or_default();
            let of_index = of_index.get(&(&*table.schema, &*table.table));
            module.tables += 1;
            module.bytes += table.bytes + table.upkeep.toast_bytes;
            module.index_bytes += of_index.map_or(0, |(bytes, _)| *bytes);
            module.n_live_tup += table.n_live_tup;
            module.n_dead_tup += table.upkeep.n_dead_tup;
            module.growth.add(&grown);
        }
        // A module that has lost its last table stays: a counter does not vanish.
        for (word, series) in &self.modules {
            modules.entry(Arc::clone(word)).or_default().series = *series;
        }
        let module = |table: &str| words.get(table).cloned().unwrap_or_else(|| erp.module(table));
        let tables = self.tables(at.elapsed, read, settings, quota, &of_index, &module);
        let indexes = self.indexes(at.elapsed, read, quota, &module);
        let functions = self.functions(at.elapsed, read, quota);
        let extent = read.extent.as_ref();
        Database {
            dbid: read.dbid,
            at,
            read_at: extent.map_or(at.wall, |extent| extent.read_at),
            over: before.map_or(Duration::ZERO, |before| at.elapsed.saturating_sub(before)),
            bytes: extent.map_or(0, |extent| extent.bytes),
            tables_total: u64::try_from(read.tables.len()).unwrap_or(u64::MAX),
            indexes_total: u64::try_from(read.indexes.len()).unwrap_or(u64::MAX),
            tables,
            other_tables: self.tables.rest,
            indexes,
            other_indexes: self.indexes.rest,
            functions,
            other_functions: self.functions.rest,
            track_functions: extent.map_or("none", |extent| &extent.track_functions).into(),
            words: erp.digest(),
            modules,
            resets: self.tables.resets + self.indexes.resets + self.functions.resets,
        }
    }

    /// Notes which indexes were made since the look before. To be called before these are folded in.
    fn welcome(&mut self, at: Moment, indexes: &[index_usage::Index]) {
        let since = |index: &index_usage::Index| {
            let is_new = self.at.is_some() && self.indexes.get(index.oid).is_none();
            let known = self.new_indexes.get(&index.oid).copied();
            Some((index.oid, known.or(is_new.then_some(at.wall))?))
        };
        self.new_indexes = indexes.iter().filter_map(since).collect();
    }

    fn tables(
        &mut self,
        at: Duration,
        read: &usage::Database,
        settings: &settings::View,
        quota: usize,
        of_index: &HashMap<(&str, &str), (u64, u64)>,
        module: &impl Fn(&str) -> Arc<str>,
    ) -> Vec<Table> {
        let scored: Vec<(u32, Score)> = read
            .tables
            .iter()
            .map(|table| {
                let [scanned, written] =
                    self.tables.get(table.oid).map_or([0.0; 2], |entry| entry.recent);
                let due = due(table, settings);
                let dues = [due.vacuum, due.insert, due.analyze, due.freeze];
                let behind = dues.into_iter().flatten().fold(0.0, f64::max);
                let size = weight(table.bytes + table.upkeep.toast_bytes);
                let score = [size, weight(table.upkeep.n_dead_tup), scanned, written, behind];
                (table.oid, named(&table.schema, &table.table, score))
            })
            .collect();
        let name = |place: usize| {
            read.tables.get(place).map(|t| format!("{}.{}", t.schema, t.table)).unwrap_or_default()
        };
        let kept = self.tables.choose(at, &scored, KEPT, quota, name);
        let kept = kept.into_iter().filter_map(|place| read.tables.get(place));
        kept.filter_map(|table| {
            let entry = self.tables.get(table.oid)?;
            let (index_bytes, indexes) =
                of_index.get(&(&*table.schema, &*table.table)).copied().unwrap_or_default();
            Some(Table {
                oid: table.oid,
                schema: table.schema.as_str().into(),
                table: table.table.as_str().into(),
                module: module(&table.table),
                is_shown: entry.is_shown(),
                counters: table.counters,
                growth: entry.growth,
                series: entry.series,
                here: entry.here,
                n_live_tup: table.n_live_tup,
                bytes: table.bytes,
                index_bytes,
                indexes,
                upkeep: table.upkeep.clone(),
                due: due(table, settings),
            })
        })
        .collect()
    }

    fn indexes(
        &mut self,
        at: Duration,
        read: &usage::Database,
        quota: usize,
        module: &impl Fn(&str) -> Arc<str>,
    ) -> Vec<Index> {
        let scored: Vec<(u32, Score)> = read
            .indexes
            .iter()
            .map(|index| {
                let [scans, _] = self.indexes.get(index.oid).map_or([0.0; 2], |entry| entry.recent);
                let size = weight(index.bytes);
                let idle = if index.counters.idx_scan == 0 && !index.enforces { size } else { 0.0 };
                let broken = if index.is_valid { 0.0 } else { size + 1.0 };
                let score = [broken, size, idle, scans, 0.0];
                (index.oid, named(&index.schema, &index.index, score))
            })
            .collect();
        let name = |place: usize| {
            read.indexes.get(place).map(|i| format!("{}.{}", i.schema, i.index)).unwrap_or_default()
        };
        let kept = self.indexes.choose(at, &scored, KEPT, quota, name);
        let kept = kept.into_iter().filter_map(|place| read.indexes.get(place));
        kept.filter_map(|index| {
            let entry = self.indexes.get(index.oid)?;
            Some(Index {
                oid: index.oid,
                schema: index.schema.as_str().into(),
                table: index.table.as_str().into(),
                index: index.index.as_str().into(),
                module: module(&index.table),
                is_shown: entry.is_shown(),
                counters: index.counters,
                growth: entry.growth,
                series: entry.series,
                bytes: index.bytes,
                is_valid: index.is_valid,
                enforces: index.enforces,
                partitions: index.partitions,
                since: self.new_indexes.get(&index.oid).copied(),
            })
        })
        .collect()
    }

    fn functions(&mut self, at: Duration, read: &usage::Database, quota: usize) -> Vec<Function> {
        // Names are without arguments: of several of one name the eldest has the series.
        let mut eldest: HashMap<(&str, &str), u32> = HashMap::new();
        for f in &read.functions {
            let oid = eldest.entry((&f.schema, &f.function)).or_insert(f.oid);
            *oid = f.oid.min(*oid);
        }
        let scored: Vec<(u32, Score)> = read
            .functions
            .iter()
            .map(|f| {
                let is_eldest = eldest.get(&(&*f.schema, &*f.function)) == Some(&f.oid);
                let [seconds, calls] =
                    self.functions.get(f.oid).map_or([0.0; 2], |entry| entry.recent);
                let ever = f.counters.self_seconds;
                let score = if is_eldest { [seconds, calls, ever, 0.0, 0.0] } else { [0.0; 5] };
                (f.oid, named(&f.schema, &f.function, score))
            })
            .collect();
        let name = |place: usize| {
            let function = read.functions.get(place);
            function.map(|f| format!("{}.{}", f.schema, f.function)).unwrap_or_default()
        };
        let kept = self.functions.choose(at, &scored, KEPT, quota, name);
        let kept = kept.into_iter().filter_map(|place| read.functions.get(place));
        kept.filter_map(|function| {
            let entry = self.functions.get(function.oid)?;
            Some(Function {
                oid: function.oid,
                schema: function.schema.as_str().into(),
                function: function.function.as_str().into(),
                is_shown: entry.is_shown(),
                counters: function.counters,
                growth: entry.growth,
                series: entry.series,
                here: entry.here,
            })
        })
        .collect()
    }
}

/// How near a table is to its next vacuum and analyze.
fn due(table: &table_usage::Table, settings: &settings::View) -> Due {
    let upkeep = &table.upkeep;
    let rows = weight(upkeep.reltuples.unwrap_or(0));
    let options = upkeep.options.as_deref();
    let share = |amount: u64, threshold: f64| weight(amount) / threshold.max(1.0);
    let thresholds = settings.thresholds(rows, options);
    let most = options
        .and_then(|options| options.freeze_max_age)
        .into_iter()
        .chain(settings.number("autovacuum_freeze_max_age"))
        .reduce(f64::min);
    let transactions = most.zip(upkeep.xid_age).map(|(most, age)| f64::from(age) / most.max(1.0));
    let multixacts = settings
        .number("autovacuum_multixact_freeze_max_age")
        .zip(upkeep.mxid_age)
        .map(|(most, age)| f64::from(age) / most.max(1.0));
    Due {
        vacuum: thresholds.map(|t| share(upkeep.n_dead_tup, t.vacuum)),
        insert: thresholds
            .and_then(|t| t.insert)
            .map(|insert| share(upkeep.n_ins_since_vacuum, insert)),
        analyze: thresholds.map(|t| share(upkeep.n_mod_since_analyze, t.analyze)),
        freeze: transactions.into_iter().chain(multixacts).reduce(f64::max),
    }
}

/// What would be taken for the rest by its name is never shown singly.
fn named(schema: &str, name: &str, score: Score) -> Score {
    if schema == OTHER && name == OTHER { [0.0; 5] } else { score }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::track::names::tests::sample;

    #[test]
    fn an_index_that_came_after_the_first_look_is_known_to_be_no_older() {
        let mut names = Names::new(5);
        names.learn(&sample(&[(1, "erp")]), Duration::ZERO);
        let mut tables = Tables::new(5);
        let mut look = |hour: u64, oids: &[u32]| -> Vec<(u32, Option<SystemTime>)> {
            let index = |oid: &u32| {
                let name = format!("i{oid}");
                let bare = index_usage::Index::named(*oid, "public".into(), "t".into(), name);
                index_usage::Index { bytes: 8_192, ..bare }
            };
            let indexes = oids.iter().map(index).collect();
            let read = usage::Database { dbid: 1, indexes, ..usage::Database::default() };
            let sample = Sample { databases: vec![read], skipped: 0 };
            let at = Moment { wall: wall(hour), elapsed: Duration::from_secs(hour * 3_600) };
            let settings = settings::View::default();
            let view = tables.apply(at, &sample, &names, &Erps::default(), &settings);
            view.databases["erp"].indexes.iter().map(|index| (index.oid, index.since)).collect()
        };
        assert_eq!(look(1, &[7]), [(7, None)]);
        assert_eq!(look(2, &[7, 8]), [(7, None), (8, Some(wall(2)))]);
        assert_eq!(look(3, &[7, 8]), [(7, None), (8, Some(wall(2)))]);
        assert_eq!(look(4, &[8]), [(8, Some(wall(2)))]);
        assert_eq!(look(5, &[7, 8]), [(7, Some(wall(5))), (8, Some(wall(2)))], "made anew");
    }

    fn wall(hour: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(hour * 3_600)
    }
}
