//! Days of the month whose load stands out, month after month: the end of the month, the day of wages.
//!
//! A day is held against an ordinary one (the median of all days and of the days from Monday to Friday, whichever is
//! more) and against its own day of the week, so that no busy Monday is taken for it. Days are those of UTC; holidays
//! are not known.

use std::collections::{BTreeMap, BTreeSet};

use crate::history::{HourLoad, Place, StatementSum};

const DAY: i64 = 86_400;
/// A day of which less was looked at tells nothing: half of it.
const LOOKED_AT: f64 = 43_200.0;
/// What stands out by less is not told of by any limit.
const LEAST_TIMES: f64 = 1.5;
/// Months in which it has to.
const LEAST_MONTHS: usize = 2;
/// Days of the month that are told.
const MOST: usize = 3;
/// Statements of a day that are kept.
const STATEMENTS: usize = 50;

/// Load of whole days, by days since 1970: statements at once in the mean.
pub type Loads = BTreeMap<i64, f64>;

/// Days of the month that stand out, by database.
pub type Months = BTreeMap<Place, Vec<Peak>>;

/// Which day of a month. The first of those that are the same days is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Position {
    /// The last from Monday to Friday.
    LastWorking,
    /// The last.
    Last,
    /// The first from Monday to Friday.
    FirstWorking,
    /// By its number.
    Number(i64),
}

impl Position {
    /// In words.
    #[must_use]
    pub fn name(self) -> String {
        match self {
            Self::LastWorking => "last working day of the month".to_owned(),
            Self::Last => "last day of the month".to_owned(),
            Self::FirstWorking => "first working day of the month".to_owned(),
            Self::Number(number) => format!("day {number} of the month"),
        }
    }
}

/// A day of the month that stands out.
#[derive(Clone, Debug, PartialEq)]
pub struct Peak {
    /// Which.
    pub position: Position,
    /// In each month, in days since 1970.
    pub days: Vec<i64>,
    /// So many times an ordinary day, in the month in which it stood out least.
    pub times: f64,
    /// Statements at once in the mean of those days.
    pub load: f64,
    /// What makes it, the most first.
    pub made_by: Vec<More>,
}

/// A statement and what it took more on such a day than a week before.
#[derive(Clone, Debug, PartialEq)]
pub struct More {
    /// Hash of its shape; `None` of those that are not told apart.
    pub queryid: Option<i64>,
    /// Its normalised text, if it was read.
    pub text: Option<String>,
    /// Seconds more.
    pub seconds: f64,
    /// Seconds of a call on such days.
    pub seconds_per_call: f64,
}

/// Loads of the days that were looked at for half of them at least.
#[must_use]
pub fn loads(hours: &[HourLoad]) -> Loads {
    let mut days: BTreeMap<i64, (f64, f64)> = BTreeMap::new();
    for hour in hours {
        let day = days.entry(hour.hour.div_euclid(DAY)).or_default();
        *day = (day.0 + hour.exec_seconds, day.1 + hour.covered_seconds);
    }
    let looked_at = days.into_iter().filter(|(_, (_, covered))| *covered >= LOOKED_AT);
    looked_at.map(|(day, (seconds, covered))| (day, seconds / covered)).collect()
}

/// The days of the month that stand out in each month that is known, of two at least; the one that does most first.
#[must_use]
pub fn peaks(loads: &Loads) -> Vec<Peak> {
    let working: Vec<f64> =
        loads.iter().filter(|(day, _)| is_working(**day)).map(|(_, load)| *load).collect();
    let all = middle(loads.values().copied().collect());
    let Some(ordinary) = all.map(|all| all.max(middle(working).unwrap_or(all))) else {
        return Vec::new();
    };
    let of_weekday = |weekday| {
        let same = loads.iter().filter(|(day, _)| self::weekday(**day) == weekday);
        middle(same.map(|(_, load)| *load).collect()).unwrap_or(ordinary)
    };
    let of_weekdays: BTreeMap<i64, f64> = (0..7).map(|day| (day, of_weekday(day))).collect();
    let times = |day: i64, load: f64| {
        let usual = of_weekdays.get(&weekday(day)).copied().unwrap_or(ordinary);
        load / usual.max(ordinary).max(1e-9)
    };
    let mut found: Vec<Peak> = positions(loads)
        .into_iter()
        .filter(|(_, days)| days.len() >= LEAST_MONTHS)
        .map(|(position, days)| {
            let at = |day: &i64| (*day, loads.get(day).copied().unwrap_or(0.0));
            let least = days.iter().map(at).map(|(day, load)| times(day, load));
            let load = days.iter().map(at).map(|(_, load)| load).sum::<f64>() / days.len() as f64;
            let times = least.fold(f64::INFINITY, f64::min);
            Peak { position, days, times, load, made_by: Vec::new() }
        })
        .filter(|peak| peak.times >= LEAST_TIMES)
        .collect();
    found.sort_by(|a, b| b.times.total_cmp(&a.times).then(a.position.cmp(&b.position)));
    let mut taken = BTreeSet::new();
    found.retain(|peak| {
        let is_news = !peak.days.iter().any(|day| taken.contains(day));
        if is_news {
            taken.extend(peak.days.iter().copied());
        }
        is_news
    });
    found.truncate(MOST);
    found
}

/// What statements took more, all days together and a day of them, the most first: `on` these days and `before`, a
/// week earlier.
#[must_use]
pub fn more(on: &[StatementSum], before: &[StatementSum], days: usize) -> Vec<More> {
    let mut sums: BTreeMap<Option<i64>, (More, u64)> = BTreeMap::new();
    for sum in on {
        let new = || More {
            queryid: sum.queryid,
            text: sum.text.clone(),
            seconds: 0.0,
            seconds_per_call: 0.0,
        };
        let (more, calls) = sums.entry(sum.queryid).or_insert_with(|| (new(), 0));
        more.seconds += sum.work.exec_seconds;
        more.seconds_per_call += sum.work.exec_seconds;
        *calls += sum.work.calls;
    }
    for sum in before {
        if let Some((more, _)) = sums.get_mut(&sum.queryid) {
            more.seconds -= sum.work.exec_seconds;
        }
    }
    let finished = sums.into_values().map(|(more, calls)| More {
        seconds: more.seconds / days.max(1) as f64,
        seconds_per_call: more.seconds_per_call / (calls.max(1) as f64),
        ..more
    });
    let mut all: Vec<More> = finished.filter(|more| more.seconds > 0.0).collect();
    all.sort_by(|a, b| b.seconds.total_cmp(&a.seconds));
    all.truncate(STATEMENTS);
    all
}

/// Which days of those that are known are at which place of their months.
fn positions(loads: &Loads) -> BTreeMap<Position, Vec<i64>> {
    let mut found: BTreeMap<Position, Vec<i64>> = BTreeMap::new();
    for day in loads.keys().copied() {
        let number = day_of_month(day);
        let is_last = |day: i64| day_of_month(day + 1) == 1;
        let mut put = |position| found.entry(position).or_default().push(day);
        put(Position::Number(number));
        if is_last(day) {
            put(Position::Last);
        }
        // A Friday is the last of them two days before the end, too.
        let rest = if weekday(day) == 5 { 3 } else { 1 };
        if is_working(day) && (0..rest).any(|more| is_last(day + more)) {
            put(Position::LastWorking);
        }
        // As is a Monday the first.
        let first = if weekday(day) == 1 { 3 } else { 1 };
        if is_working(day) && number <= first {
            put(Position::FirstWorking);
        }
    }
    found
}

/// 0 is Sunday.
fn weekday(day: i64) -> i64 {
    // 1970 began on a Thursday.
    (day + 4).rem_euclid(7)
}

fn is_working(day: i64) -> bool {
    (1..=5).contains(&weekday(day))
}

/// From 1 on, of the Gregorian calendar: years are counted from March, so that a leap day is the last, in eras of 400
/// years (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", 2013).
fn day_of_month(day: i64) -> i64 {
    let of_era = (day + 719_468).rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    of_year - (153 * month + 2) / 5 + 1
}

/// The median.
pub(super) fn middle(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

#[cfg(test)]
mod tests;
