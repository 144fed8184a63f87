//! How the tables and indexes of a server's databases were used from sample to sample.

use std::collections::HashMap;
use std::time::Duration;

use crate::history::{IndexGrowth, IndexUse, Place, TableGrowth, TableUse};
use crate::sample::{index_usage, table_usage, usage};
use crate::track::cumulative::Cumulative;

/// A database and an oid in it, in one hour.
type Key = (i64, u32, u32);

/// The last sample of each database, and what has grown since it was last given away.
#[derive(Debug, Default)]
pub(super) struct Relations {
    seen: HashMap<u32, Seen>,
    pub(super) grown: Grown,
}

/// The last sample of one database.
#[derive(Debug)]
struct Seen {
    at: Duration,
    tables: HashMap<u32, Last<table_usage::Counters>>,
    indexes: HashMap<u32, Last<index_usage::Counters>>,
}

/// A relation in the last sample.
#[derive(Clone, Copy, Debug)]
struct Last<C> {
    counters: C,
    /// Live rows and bytes.
    size: (u64, u64),
    /// The hour of which it was last told that it is there.
    told: i64,
}

/// Rows of the history to be.
#[derive(Debug, Default)]
pub(super) struct Grown {
    tables: HashMap<Key, TableGrowth>,
    indexes: HashMap<Key, IndexGrowth>,
}

impl Grown {
    pub(super) fn take(&mut self) -> (Vec<TableGrowth>, Vec<IndexGrowth>) {
        let Self { tables, indexes } = std::mem::take(self);
        // In the order of time: the last size is the one that stays.
        let mut tables: Vec<(Key, TableGrowth)> = tables.into_iter().collect();
        let mut indexes: Vec<(Key, IndexGrowth)> = indexes.into_iter().collect();
        tables.sort_unstable_by_key(|(key, _)| *key);
        indexes.sort_unstable_by_key(|(key, _)| *key);
        (
            tables.into_iter().map(|(_, row)| row).collect(),
            indexes.into_iter().map(|(_, row)| row).collect(),
        )
    }
}

impl Relations {
    /// The next sample of each database is only a base.
    pub(super) fn rebase(&mut self) {
        self.seen.clear();
    }

    /// Lets go of the databases that are none any more.
    pub(super) fn retain(&mut self, is_known: impl Fn(u32) -> bool) {
        self.seen.retain(|dbid, _| is_known(*dbid));
    }

    /// Databases whose last sample is kept.
    #[cfg(test)]
    pub(super) fn databases(&self) -> usize {
        self.seen.len()
    }

    /// Folds a sample of one database in; returns how long it was since the one before (the first
    /// is only a base), and how many relations' counters had gone back since.
    pub(super) fn apply(
        &mut self,
        at: Duration,
        hour: i64,
        place: &Place,
        sample: &usage::Database,
    ) -> (Duration, u64) {
        let dbid = sample.dbid;
        let before = self.seen.remove(&dbid);
        let mut resets = 0;
        let mut now = Seen {
            at,
            tables: HashMap::with_capacity(sample.tables.len()),
            indexes: HashMap::with_capacity(sample.indexes.len()),
        };
        for table in &sample.tables {
            let size = (table.n_live_tup, table.bytes);
            let last = Before::of(before.as_ref().map(|before| &before.tables), table.oid);
            let (growth, here) = compare(hour, table.counters, size, &last, &mut resets);
            now.tables.insert(table.oid, here.now);
            if !here.is_news {
                continue;
            }
            let row =
                self.grown.tables.entry((hour, dbid, table.oid)).or_insert_with(|| TableGrowth {
                    place: place.clone(),
                    hour,
                    schema: table.schema.as_str().into(),
                    table: table.table.as_str().into(),
                    growth: TableUse::default(),
                    n_live_tup: 0,
                    bytes: 0,
                });
            add_table(&mut row.growth, &growth);
            (row.n_live_tup, row.bytes) = size;
        }
        for index in &sample.indexes {
            let size = (0, index.bytes);
            let last = Before::of(before.as_ref().map(|before| &before.indexes), index.oid);
            let (growth, here) = compare(hour, index.counters, size, &last, &mut resets);
            now.indexes.insert(index.oid, here.now);
            if !here.is_news {
                continue;
            }
            let row =
                self.grown.indexes.entry((hour, dbid, index.oid)).or_insert_with(|| IndexGrowth {
                    place: place.clone(),
                    hour,
                    schema: index.schema.as_str().into(),
                    table: index.table.as_str().into(),
                    index: index.index.as_str().into(),
                    growth: IndexUse::default(),
                    bytes: 0,
                });
            row.growth.idx_scan += growth.idx_scan;
            row.growth.idx_tup_read += growth.idx_tup_read;
            row.bytes = index.bytes;
        }
        self.seen.insert(dbid, now);
        (before.map_or(Duration::ZERO, |before| at.saturating_sub(before.at)), resets)
    }
}

/// A relation in the sample before.
enum Before<'a, C> {
    /// There was no sample.
    Unknown,
    /// It was not in it, so it was made since.
    Absent,
    Seen(&'a Last<C>),
}

impl<'a, C> Before<'a, C> {
    /// `sample`: the relations of the sample before, if there was one.
    fn of(sample: Option<&'a HashMap<u32, Last<C>>>, oid: u32) -> Self {
        match sample.map(|relations| relations.get(&oid)) {
            None => Self::Unknown,
            Some(None) => Self::Absent,
            Some(Some(last)) => Self::Seen(last),
        }
    }
}

struct Compared<C> {
    now: Last<C>,
    /// Something is to be told of it: it has grown, or this hour does not know of it yet.
    is_news: bool,
}

/// Growth since the sample before.
fn compare<C: Cumulative + PartialEq>(
    hour: i64,
    counters: C,
    size: (u64, u64),
    before: &Before<'_, C>,
    resets: &mut u64,
) -> (C, Compared<C>) {
    let growth = match before {
        Before::Unknown => C::default(),
        Before::Absent => counters,
        Before::Seen(last) if last.counters.at_most(&counters) => counters.since(&last.counters),
        Before::Seen(last) => {
            *resets += 1;
            counters.since_reset(&last.counters)
        }
    };
    let is_told = matches!(before, Before::Seen(last) if last.size == size && last.told == hour);
    let now = Last { counters, size, told: hour };
    (growth, Compared { now, is_news: !is_told || growth != C::default() })
}

fn add_table(sum: &mut TableUse, growth: &table_usage::Counters) {
    sum.seq_scan += growth.seq_scan;
    sum.seq_tup_read += growth.seq_tup_read;
    sum.idx_scan += growth.idx_scan;
    sum.idx_tup_fetch += growth.idx_tup_fetch;
    sum.n_tup_ins += growth.n_tup_ins;
    sum.n_tup_upd += growth.n_tup_upd;
    sum.n_tup_del += growth.n_tup_del;
    sum.n_tup_hot_upd += growth.n_tup_hot_upd;
}
