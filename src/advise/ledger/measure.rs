//! What an applied suggestion has brought: the time of its statements before and after, from the
//! history's hours.
//!
//! What was called more or less often since is no merit of an index, so times are compared for the
//! same calls: what the calls of an hour took, over what they would have taken at each statement's
//! mean time before. Those ratios, of the hours before and of the hours after, are what Welch's test
//! compares, as logarithms: times of hours are skewed, their ratios much less.
//!
//! Nights are not like days, so hours since are compared with hours before of the same time of day, where there are enough.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::line::Line;
use super::past::Past;
use super::persistence;
use super::welch;
use crate::history::{HOUR, StatementHour, Work, hour_of};

/// Days before and after that are looked at: enough for a statement of once a day.
pub(super) const WINDOW: i64 = 14 * 86_400;
/// Hours in which the statements ran that there must be of each side, if they ran often.
const LEAST_HOURS: usize = 3;
/// Calls that there must be of each side, then.
const LEAST_CALLS: u64 = 20;
/// Hours that are enough whatever the number of calls.
const ENOUGH_HOURS: usize = 8;
/// Growth is written some minutes after it was seen; an hour that is not whole is not compared.
pub(super) const LATE: i64 = 900;

/// Chance and probability: a difference is one if there would be such a one without a cause in one
/// case of a hundred. It is asked anew each hour, so one of twenty would be too many.
const LEVEL: f64 = 0.01;
/// Slower by less than that is not worth a drop.
const LEAST_HARM: f64 = 1.05;

/// A statement alone varies more than many together do, and grows with its table: slower by less than that it says nothing
/// of a drop. Without an index that it had used it would be so by times.
const LEAST_HARM_ALONE: f64 = 1.5;

/// The time of the same calls before and after.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Compared {
    /// Hours before in which the statements ran.
    pub hours_before: usize,
    /// And after.
    pub hours_after: usize,
    /// Their calls before.
    pub calls_before: u64,
    /// And after.
    pub calls_after: u64,
    /// Seconds of a mean call of those after, at each statement's mean time before.
    pub mean_before_seconds: f64,
    /// What it took.
    pub mean_after_seconds: f64,
    /// The first over the second: above 1 it is faster.
    pub speedup: f64,
    /// Probability of such a difference if nothing has changed (Welch's test on hourly ratios, of which those that are like
    /// the hour before count for less); 1 if the hours by themselves differ the other way, as they do where a few that
    /// were unlike all others make up the sum.
    pub p_value: f64,
}

/// One statement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OfStatement {
    /// Hash of its shape, as text: JSON's numbers lose digits.
    pub queryid: String,
    /// Calls before.
    pub calls_before: u64,
    /// Calls after.
    pub calls_after: u64,
    /// Seconds of a mean call before.
    pub mean_before_seconds: f64,
    /// Seconds of a mean call after.
    pub mean_after_seconds: f64,
}

/// What is known of an applied suggestion.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// The statements that it was to help; of a drop, those that name its table.
    #[serde(flatten)]
    pub helped: Compared,
    /// Each of them that ran on both sides, the most time before first.
    pub statements: Vec<OfStatement>,
    /// Statements that write to its table.
    pub writers: Option<Compared>,
    /// Both together.
    pub overall: Option<Compared>,
    /// Of a drop, the statement that has become slower by itself and takes most of the time that this costs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slower: Option<Slower>,
    /// Scans of the index since, if it is looked at how indexes are used; of a partitioned table, of those of all parts.
    pub index_scans: Option<u64>,
    /// Other suggestions for the same statements that were applied in the same time: what they
    /// have brought cannot be told apart.
    pub together_with: Vec<String>,
}

/// A statement that has become slower by itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Slower {
    /// Hash of its shape, as text: JSON's numbers lose digits.
    pub queryid: String,
    /// Its time before and after.
    #[serde(flatten)]
    pub compared: Compared,
}

impl Measured {
    /// Whether it has made things worse.
    #[must_use]
    pub fn is_harm(&self) -> bool {
        self.slower.is_some() || self.overall.as_ref().is_some_and(Compared::is_slower)
    }
}

impl Compared {
    /// Faster, and not by chance.
    #[must_use]
    pub fn is_faster(&self) -> bool {
        self.p_value < LEVEL && self.speedup > 1.0
    }

    /// Slower by enough, and not by chance.
    #[must_use]
    pub fn is_slower(&self) -> bool {
        self.p_value < LEVEL && self.speedup * LEAST_HARM < 1.0
    }

    /// The same of one of several that are asked about one by one: the more of them, the sooner one is by chance
    /// (Bonferroni's correction).
    fn is_slower_alone(&self, among: usize) -> bool {
        self.p_value < LEVEL / among.max(1) as f64 && self.speedup * LEAST_HARM_ALONE < 1.0
    }

    /// Seconds that the calls since have taken more.
    fn lost_seconds(&self) -> f64 {
        (self.mean_after_seconds - self.mean_before_seconds) * self.calls_after as f64
    }
}

/// Hours that are whole before somebody may have applied it, and whole after somebody has.
struct Sides {
    before: Side,
    after: Side,
}

/// Hours of one side.
#[derive(Clone)]
struct Side {
    hours: Range<i64>,
    /// Those of these times of day alone; `None`: all.
    of_day: Option<BTreeSet<i64>>,
}

impl Side {
    fn has(&self, hour: i64) -> bool {
        let is_like = |of_day: &BTreeSet<i64>| of_day.contains(&time_of_day(hour));
        self.hours.contains(&hour) && self.of_day.as_ref().is_none_or(is_like)
    }
}

const fn time_of_day(hour: i64) -> i64 {
    hour.rem_euclid(24 * HOUR)
}

impl Sides {
    fn of(line: &Line, now: i64) -> Option<Self> {
        let unseen = line.not_applied_at.unwrap_or(line.seen_at).min(line.applied_at?);
        let last = hour_of(unseen);
        let side = |hours| Side { hours, of_day: None };
        Some(Self { before: side(last - WINDOW..last), after: side(after(line, now)?) })
    }

    /// Before, only hours of those times of day in which these statements have run since.
    fn alike(&self, ids: &[i64], past: &Past) -> Self {
        let since = ids.iter().flat_map(|id| within(*id, past, &self.after));
        let of_day = Some(since.map(|hour| time_of_day(hour.hour)).collect());
        let before = Side { of_day, ..self.before.clone() };
        Self { before, after: self.after.clone() }
    }
}

/// Hours that are whole after somebody has applied it, and are written by now.
pub(super) fn after(line: &Line, now: i64) -> Option<Range<i64>> {
    let first = hour_of(line.applied_at?) + HOUR;
    Some(first..hour_of(now - LATE).min(first + WINDOW))
}

/// Compares; `None` while there are too few hours or calls on either side.
pub(super) fn measure(line: &Line, past: &Past, now: i64) -> Option<Measured> {
    let sides = Sides::of(line, now)?;
    let ids = statements_of(line, past);
    let helped = compare(&ids, past, &sides)?;
    let writers: Vec<i64> = past.writers_of(&line.table).filter(|id| !ids.contains(id)).collect();
    let all: Vec<i64> = ids.iter().chain(&writers).copied().collect();
    let mut statements: Vec<OfStatement> =
        ids.iter().filter_map(|id| of_statement(*id, past, &sides)).collect();
    let weight = |one: &OfStatement| one.calls_before as f64 * one.mean_before_seconds;
    statements.sort_by(|a, b| weight(b).total_cmp(&weight(a)));
    Some(Measured {
        helped,
        statements,
        writers: compare(&writers, past, &sides),
        overall: compare(&all, past, &sides),
        slower: is_of_table(line).then(|| slower_alone(&ids, past, &sides)).flatten(),
        index_scans: None,
        together_with: Vec::new(),
    })
}

/// Whether it is measured by all statements of its table: who used an index that is gone, or one that is made again,
/// nobody has written down. What nobody could use is not measured, also where a line of an earlier version has an undo.
pub(super) fn is_of_table(line: &Line) -> bool {
    let is_leftover = line.cause.as_deref() == Some("invalid");
    let is_drop = line.action == "drop" && !line.undo.is_empty() && !is_leftover;
    is_drop || (line.action == "create" && line.undoes.is_some())
}

/// The statements that it is measured by.
pub(super) fn statements_of(line: &Line, past: &Past) -> Vec<i64> {
    let mut ids: Vec<i64> = line.queryids().collect();
    if is_of_table(line) {
        let named: Vec<i64> = past.users_of(&line.table).filter(|id| !ids.contains(id)).collect();
        ids.extend(named);
    }
    ids
}

/// The one that has become slower by itself, if one has.
fn slower_alone(ids: &[i64], past: &Past, sides: &Sides) -> Option<Slower> {
    let each: Vec<(i64, Compared)> =
        ids.iter().filter_map(|id| Some((*id, compare(&[*id], past, sides)?))).collect();
    let among = each.len();
    let slower = each.into_iter().filter(|(_, compared)| compared.is_slower_alone(among));
    let worst = slower.max_by(|(_, a), (_, b)| a.lost_seconds().total_cmp(&b.lost_seconds()));
    worst.map(|(id, compared)| Slower { queryid: id.to_string(), compared })
}

/// Statements that write to the table alone: what there is when the helped ones do not run any more.
pub(super) fn measure_writers(line: &Line, past: &Past, now: i64) -> Option<Compared> {
    let sides = Sides::of(line, now)?;
    let writers: Vec<i64> = past.writers_of(&line.table).collect();
    compare(&writers, past, &sides)
}

fn sum<'a>(hours: impl Iterator<Item = &'a StatementHour>) -> Work {
    hours.fold(Work::default(), |mut sum, hour| {
        sum += hour.work;
        sum
    })
}

fn within<'a>(id: i64, past: &'a Past, side: &'a Side) -> impl Iterator<Item = &'a StatementHour> {
    past.hours
        .get(&id)
        .into_iter()
        .flatten()
        .filter(|hour| side.has(hour.hour) && hour.work.calls > 0 && hour.work.exec_seconds > 0.0)
}

fn of_statement(id: i64, past: &Past, sides: &Sides) -> Option<OfStatement> {
    let (before, after) =
        (sum(within(id, past, &sides.before)), sum(within(id, past, &sides.after)));
    (before.calls > 0 && after.calls > 0).then(|| OfStatement {
        queryid: id.to_string(),
        calls_before: before.calls,
        calls_after: after.calls,
        mean_before_seconds: before.exec_seconds / before.calls as f64,
        mean_after_seconds: after.exec_seconds / after.calls as f64,
    })
}

fn compare(ids: &[i64], past: &Past, sides: &Sides) -> Option<Compared> {
    let alike = compare_sides(ids, past, &sides.alike(ids, past));
    alike.or_else(|| compare_sides(ids, past, sides))
}

fn compare_sides(ids: &[i64], past: &Past, sides: &Sides) -> Option<Compared> {
    // One that did not run on both sides cannot be compared.
    let means: BTreeMap<i64, f64> = ids
        .iter()
        .filter_map(|id| of_statement(*id, past, sides))
        .filter_map(|one| Some((one.queryid.parse().ok()?, one.mean_before_seconds)))
        .collect();
    let side = |side: &Side| {
        let mut hours: BTreeMap<i64, (f64, f64)> = BTreeMap::new();
        let mut calls = 0;
        for (id, mean) in &means {
            for hour in within(*id, past, side) {
                let of_hour = hours.entry(hour.hour).or_default();
                of_hour.0 += hour.work.exec_seconds;
                of_hour.1 += hour.work.calls as f64 * mean;
                calls += hour.work.calls;
            }
        }
        (hours, calls)
    };
    let ((before, calls_before), (after, calls_after)) = (side(&sides.before), side(&sides.after));
    let enough = |hours: usize, calls: u64| {
        hours >= ENOUGH_HOURS || (hours >= LEAST_HOURS && calls >= LEAST_CALLS)
    };
    if !enough(before.len(), calls_before) || !enough(after.len(), calls_after) {
        return None;
    }
    let took: f64 = after.values().map(|(took, _)| took).sum();
    let expected: f64 = after.values().map(|(_, expected)| expected).sum();
    let speedup = expected / took;
    Some(Compared {
        hours_before: before.len(),
        hours_after: after.len(),
        calls_before,
        calls_after,
        mean_before_seconds: expected / calls_after as f64,
        mean_after_seconds: took / calls_after as f64,
        speedup,
        p_value: chance(&before, &after, speedup)?,
    })
}

/// The probability of this speed-up by chance, from what the calls of each hour took and what they would have taken before.
fn chance(
    before: &BTreeMap<i64, (f64, f64)>,
    after: &BTreeMap<i64, (f64, f64)>,
    speedup: f64,
) -> Option<f64> {
    let ratio = |(took, expected): &(f64, f64)| (took / expected).ln();
    let by_hour = before.iter().map(|(hour, of_hour)| (*hour, ratio(of_hour))).collect();
    let worth = persistence::worth(&by_hour);
    let before: Vec<f64> = by_hour.into_values().collect();
    let after: Vec<f64> = after.values().map(ratio).collect();
    // The test knows of no direction, and a mean of logarithms may have another one than a sum.
    if (welch::mean(&after) < welch::mean(&before)) != (speedup > 1.0) {
        return Some(1.0);
    }
    welch::p_value(&before, &after, worth)
}
