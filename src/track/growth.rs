//! How modules grow from look to look at their tables.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::tables;

/// A size is kept every hour.
const EVERY: Duration = Duration::from_secs(3_600);
/// For a week.
const MOST: usize = 7 * 24;

/// By label `datname`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct View {
    /// Those that were looked into for an hour at least.
    pub databases: BTreeMap<Arc<str>, Database>,
}

/// One database.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Database {
    /// How long its growth took: since the agent first looked into it, at most a week.
    pub over: Duration,
    /// Of each module.
    pub modules: BTreeMap<Arc<str>, Growth>,
    /// Of the tables in the picture that were in it for an hour, since they first were.
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
type Size = (Duration, BTreeMap<Arc<str>, (u64, u64)>);

/// The sizes of one server's databases, hour by hour, the oldest first.
#[derive(Debug, Default)]
pub struct Growths {
    sizes: HashMap<Arc<str>, VecDeque<Size>>,
    /// Of each database the tables in the picture by oid, when they first were, and how large.
    first: HashMap<Arc<str>, HashMap<u32, First>>,
}

impl Growths {
    /// Takes up the tables as they are now.
    pub fn apply(&mut self, tables: &tables::View) -> View {
        self.sizes.retain(|datname, _| tables.databases.contains_key(datname));
        self.first.retain(|datname, _| tables.databases.contains_key(datname));
        let mut view = View::default();
        for (datname, database) in &tables.databases {
            let at = database.at.elapsed;
            let size =
                |module: &tables::Module| (module.bytes + module.index_bytes, module.n_live_tup);
            let now =
                database.modules.iter().map(|(word, module)| (Arc::clone(word), size(module)));
            let now: BTreeMap<Arc<str>, (u64, u64)> = now.collect();
            let sizes = self.sizes.entry(Arc::clone(datname)).or_default();
            if let Some((then, first)) = sizes.front()
                && at.saturating_sub(*then) >= EVERY
            {
                let over = at.saturating_sub(*then);
                let grown = |(word, now): (&Arc<str>, &(u64, u64))| {
                    let first = first.get(word).copied().unwrap_or_default();
                    let growth = Growth {
                        bytes_per_day: per_day(first.0, now.0, over),
                        rows_per_day: per_day(first.1, now.1, over),
                    };
                    (Arc::clone(word), growth)
                };
                let modules = now.iter().map(grown).collect();
                let tables = self.first.get(datname).map(|first| grown_tables(first, database));
                let tables = tables.unwrap_or_default();
                view.databases.insert(Arc::clone(datname), Database { over, modules, tables });
            }
            let mut before = self.first.remove(datname).unwrap_or_default();
            let seen = database.tables.iter().map(|table| {
                let now = (at, whole(table), table.n_live_tup);
                (table.oid, before.remove(&table.oid).unwrap_or(now))
            });
            let seen = seen.collect();
            self.first.insert(Arc::clone(datname), seen);
            if sizes.back().is_none_or(|(last, _)| at.saturating_sub(*last) >= EVERY) {
                sizes.push_back((at, now));
                if sizes.len() > MOST {
                    sizes.pop_front();
                }
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
        let over = database.at.elapsed.saturating_sub(*then);
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
        (over >= EVERY).then_some((named, growth))
    };
    database.tables.iter().filter_map(grown).collect()
}

#[expect(clippy::cast_precision_loss, reason = "a rate")]
fn per_day(first: u64, now: u64, over: Duration) -> f64 {
    (now as f64 - first as f64) / over.as_secs_f64() * 86_400.0
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::erp::Erps;
    use crate::sample::table_usage::{Counters, Table, Upkeep};
    use crate::sample::{Moment, usage};
    use crate::track::names::Names;
    use crate::track::names::tests::sample;
    use crate::track::settings;

    fn names() -> Names {
        let mut names = Names::new(5);
        names.learn(&sample(&[(1, "erp")]), Duration::ZERO);
        names
    }

    #[test]
    fn growth_is_told_by_the_day_after_an_hour_and_forgets_what_is_over_a_week_ago() {
        let (mut tables, mut growths) = (tables::Tables::new(5), Growths::default());
        let names = names();
        let mut look = |hour: u64, bytes: u64| {
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
            let elapsed = Duration::from_secs(hour * 3_600);
            let at = Moment { wall: SystemTime::UNIX_EPOCH, elapsed };
            let settings = settings::View::default();
            let view = tables.apply(at, &sample, &names, &Erps::default(), &settings);
            growths.apply(&view).databases.get("erp").map(|grown| {
                let growth = grown.modules["sales"];
                (growth.bytes_per_day.round(), growth.rows_per_day.round())
            })
        };
        assert_eq!(look(0, 1_000), None);
        assert_eq!(look(12, 1_500), Some((1_000.0, 10.0)));
        for hour in 13..400 {
            look(hour, 1_500);
        }
        assert_eq!(look(400, 1_500), Some((0.0, 0.0)));
    }
}
