//! What catalogs say, and when numbers run out.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::names::Names;
use crate::sample::Moment;
use crate::sample::catalog::{Column, Database as Read, Sample};

/// By label `datname`, of those that were looked into.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct View {
    /// Those with a label of their own.
    pub databases: BTreeMap<Arc<str>, Database>,
    /// Times that one could not be entered.
    pub skipped: u64,
}

/// One database.
#[derive(Clone, Debug, PartialEq)]
pub struct Database {
    /// When it was looked into.
    pub at: Moment,
    /// What was found.
    pub read: Arc<Read>,
    /// Sequences and integer keys that run out, the fullest first.
    pub numbers: Vec<Number>,
}

/// A supply of numbers that can run out: a sequence that does not begin again, or an integer key.
#[derive(Clone, Debug, PartialEq)]
pub struct Number {
    /// Schema and name of the sequence; `None` of a key that the application fills.
    pub sequence: Option<(String, String)>,
    /// The column that they are for, if that is known.
    pub column: Option<Column>,
    /// The column is `generated ... as identity`: what its type becomes, its sequence becomes, too.
    pub is_identity: bool,
    /// The last number there is room for.
    pub end: u64,
    /// Share that is used.
    pub used_ratio: f64,
    /// How much of it is used in a day, over the last week at most; `None` before the agent has looked
    /// for a day.
    pub ratio_per_day: Option<f64>,
}

impl Number {
    /// Days until it has run out, at the rate of late; `None` if it does not grow or that is not
    /// known.
    #[must_use]
    pub fn days_left(&self) -> Option<f64> {
        let rate = self.ratio_per_day.filter(|rate| *rate > 0.0)?;
        Some(((1.0 - self.used_ratio) / rate).max(0.0))
    }
}

/// Rates are told from this time on, and a share is remembered as often.
const LONG_ENOUGH: Duration = Duration::from_secs(86_400);
/// A rate is of the last days only: what was before a busy season says little.
const OF_LATE: Duration = Duration::from_secs(7 * 86_400);

/// The catalogs of one server.
#[derive(Debug, Default)]
pub struct Catalogs {
    view: View,
    /// Of each database the supplies of numbers by name.
    past: HashMap<u32, HashMap<String, Shares>>,
}

/// When a supply of numbers was looked at, and how much of it was used then: a look each day of the
/// last week, the oldest first.
type Shares = VecDeque<(Duration, f64)>;

impl Catalogs {
    /// Folds a sample in. Databases without a label of their own are left out.
    pub fn apply(&mut self, at: Moment, sample: Sample, names: &Names) -> View {
        self.view.skipped += sample.skipped;
        for read in sample.databases.into_iter().filter(|read| names.is_single(read.dbid)) {
            let datname = names.datname(read.dbid);
            let numbers = self.numbers(at.elapsed, &read);
            let database = Database { at, read: Arc::new(read), numbers };
            self.view.databases.insert(datname, database);
        }
        let labels = names.labels();
        self.view.databases.retain(|datname, _| labels.contains(&**datname));
        self.past.retain(|dbid, _| names.is_single(*dbid));
        self.view.clone()
    }

    fn numbers(&mut self, at: Duration, read: &Read) -> Vec<Number> {
        let of_sequences = read.sequences.rows.iter().filter(|sequence| !sequence.cycles);
        let of_sequences = of_sequences.filter_map(|sequence| {
            Some(Number {
                sequence: Some((sequence.schema.clone(), sequence.sequence.clone())),
                column: sequence.column.clone(),
                is_identity: sequence.is_identity,
                end: sequence.end,
                used_ratio: sequence.used_ratio?,
                ratio_per_day: None,
            })
        });
        let of_keys = read.integer_keys.rows.iter().map(|key| Number {
            sequence: None,
            column: Some(key.column.clone()),
            is_identity: false,
            end: if key.column.type_name == "smallint" { 32_767 } else { 2_147_483_647 },
            used_ratio: key.used_ratio,
            ratio_per_day: None,
        });
        let mut numbers: Vec<Number> = of_sequences.chain(of_keys).collect();
        let mut past = self.past.remove(&read.dbid).unwrap_or_default();
        let mut seen = HashMap::with_capacity(numbers.len());
        for number in &mut numbers {
            let name = number.name();
            let mut shares = past.remove(&name).unwrap_or_default();
            number.ratio_per_day = per_day(&mut shares, at, number.used_ratio);
            seen.insert(name, shares);
        }
        // What could not be read this time is not gone.
        if !read.skipped.is_empty() {
            seen.extend(past);
        }
        self.past.insert(read.dbid, seen);
        numbers.sort_by(|a, b| b.used_ratio.total_cmp(&a.used_ratio));
        numbers
    }
}

/// How much of a supply is used in a day, by what is remembered of it and `used` now.
fn per_day(shares: &mut Shares, at: Duration, used: f64) -> Option<f64> {
    // One that was set back, or a table that was emptied, begins anew.
    if shares.back().is_some_and(|(_, last)| used < *last) {
        shares.clear();
    }
    let age = |then: Duration| at.saturating_sub(then);
    while shares.get(1).is_some_and(|(then, _)| age(*then) >= OF_LATE) {
        shares.pop_front();
    }
    if shares.back().is_none_or(|(then, _)| age(*then) >= LONG_ENOUGH) {
        shares.push_back((at, used));
    }
    let (then, first) = shares.front().copied()?;
    let over = age(then);
    (over >= LONG_ENOUGH).then(|| (used - first) / over.as_secs_f64() * 86_400.0)
}

impl Number {
    /// What it is called: the sequence, else the column.
    #[must_use]
    pub fn name(&self) -> String {
        match (&self.sequence, &self.column) {
            (Some((schema, sequence)), _) => format!("{schema}.{sequence}"),
            (None, Some(c)) => format!("{}.{}.{}", c.schema, c.table, c.column),
            (None, None) => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::sample::catalog::{Listed, Sequence};
    use crate::track::names::tests::sample;

    /// Looks at one sequence.
    struct Looking {
        catalogs: Catalogs,
        names: Names,
    }

    impl Looking {
        fn new() -> Self {
            Self { catalogs: Catalogs::default(), names: Names::new(5) }
        }

        fn rate(
            &mut self,
            hours: u64,
            databases: &[(u32, &str)],
            dbid: u32,
            used_ratio: f64,
        ) -> Option<f64> {
            let sequence = Sequence {
                schema: "public".into(),
                sequence: "order_id_seq".into(),
                column: None,
                is_identity: false,
                cycles: false,
                end: 2_147_483_647,
                used_ratio: Some(used_ratio),
            };
            let sequences = Listed { rows: vec![sequence], total: 1 };
            let read = Read { dbid, sequences, ..Read::default() };
            let elapsed = Duration::from_secs(hours * 3_600);
            self.names.learn(&sample(databases), elapsed);
            let at = Moment { wall: SystemTime::UNIX_EPOCH, elapsed };
            let sample = Sample { databases: vec![read], skipped: 0 };
            let view = self.catalogs.apply(at, sample, &self.names);
            view.databases["erp"].numbers[0].ratio_per_day
        }
    }

    #[test]
    fn a_database_that_takes_anothers_name_has_rates_of_its_own() {
        let mut looking = Looking::new();
        let erp = [(1, "erp")];
        assert_eq!(looking.rate(0, &erp, 1, 0.25), None);
        assert_eq!(looking.rate(24, &erp, 1, 0.375), Some(0.125));
        let both = [(1, "erp_old"), (2, "erp")];
        assert_eq!(looking.rate(48, &both, 2, 0.75), None, "it was not looked at before");
        assert_eq!(looking.rate(72, &both, 2, 0.875), Some(0.125));
    }

    #[test]
    fn numbers_have_a_rate_of_the_last_week_from_the_first_day_on_and_never_lose_it() {
        let mut looking = Looking::new();
        let erp = [(1, "erp")];
        // A load of data in the first hour need not come in every hour.
        assert_eq!(looking.rate(0, &erp, 1, 0.25), None);
        assert_eq!(looking.rate(1, &erp, 1, 0.5), None);
        assert_eq!(looking.rate(24, &erp, 1, 0.5), Some(0.25));
        for hour in 25..=9 * 24 {
            let rate = looking.rate(hour, &erp, 1, 0.5);
            assert!(rate.is_some_and(|rate| rate >= 0.0), "hour {hour}: {rate:?}");
        }
        assert_eq!(looking.rate(9 * 24 + 1, &erp, 1, 0.5), Some(0.0));
        assert_eq!(looking.rate(9 * 24 + 2, &erp, 1, 0.125), None, "it was set back");
        assert_eq!(looking.rate(10 * 24 + 2, &erp, 1, 0.25), Some(0.125));
    }
}
