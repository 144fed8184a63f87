//! Two loads compared, worker by worker. Pure.
//!
//! Both had the same dice, so a session's turn of the same number was the same work, and the turns that
//! both loads reached are compared one with one (common random numbers). Turns near each other in time
//! wait for the same locks, so the interval is that of the means of consecutive batches (Law, Simulation
//! Modeling and Analysis, chapter 9), by Student's distribution.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::Phase;
use crate::demo::load::{Diary, Tally};

/// Batches of turns of one worker.
const BATCHES: usize = 20;

/// With fewer turns nothing is said.
const FEWEST: usize = 5;

/// Quantiles of 0.975 of Student's distribution, for one degree of freedom and more.
const STUDENT: [f64; 19] = [
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160,
    2.145, 2.131, 2.120, 2.110, 2.101, 2.093,
];

/// What can be said of a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The interval lies below zero.
    Faster,
    /// The interval holds zero.
    Equal,
    /// The interval lies above zero.
    Slower,
    /// There are too few turns.
    TooFew,
}

/// One worker before and after.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Compared {
    /// Its application_name.
    pub application: &'static str,
    /// Turns that both loads reached and that succeeded in both.
    pub turns: usize,
    /// Their mean, in seconds.
    pub before: f64,
    /// Their mean, in seconds.
    pub after: f64,
    /// Half of the interval that holds the mean difference at 95 %, in seconds.
    pub uncertain: Option<f64>,
    /// All of each load.
    pub loads: [OfLoad; 2],
}

/// What a worker did in one load.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct OfLoad {
    /// Turns that succeeded.
    pub turns: u64,
    /// Turns that failed.
    pub failures: u64,
    /// Seconds of the turns that succeeded.
    pub seconds: f64,
    /// Of these, seconds of waiting for locks.
    pub waits: f64,
}

impl Compared {
    /// Every worker, by name.
    pub(super) fn all(before: &Phase, after: &Phase) -> Vec<Self> {
        let names: BTreeSet<&'static str> = before.tallies.keys().copied().collect();
        let of = |application| {
            let pairs = pairs(application, &before.diaries, &after.diaries);
            let loads = [before, after].map(|load| OfLoad::of(application, load));
            Self::of(application, &pairs, loads)
        };
        names.into_iter().map(of).collect()
    }

    fn of(application: &'static str, pairs: &[(f64, f64)], loads: [OfLoad; 2]) -> Self {
        let differences: Vec<f64> = pairs.iter().map(|(before, after)| after - before).collect();
        Self {
            application,
            turns: pairs.len(),
            before: mean(pairs.iter().map(|(before, _)| *before)),
            after: mean(pairs.iter().map(|(_, after)| *after)),
            uncertain: half_interval(&differences),
            loads,
        }
    }

    /// Faster, slower or neither.
    pub(super) fn verdict(&self) -> Verdict {
        let difference = self.after - self.before;
        match self.uncertain {
            None => Verdict::TooFew,
            Some(half) if difference + half < 0.0 => Verdict::Faster,
            Some(half) if difference - half > 0.0 => Verdict::Slower,
            Some(_) => Verdict::Equal,
        }
    }
}

impl OfLoad {
    fn of(application: &str, load: &Phase) -> Self {
        let tally = load.tallies.get(application).copied().unwrap_or_default();
        let waits = load.waits.get(application).map_or(0.0, Duration::as_secs_f64);
        let Tally { turns, failures, busy } = tally;
        Self { turns, failures, seconds: busy.as_secs_f64(), waits }
    }
}

/// Turns of the same session and number, in the order of their numbers.
fn pairs(application: &str, before: &[Diary], after: &[Diary]) -> Vec<(f64, f64)> {
    let of = |diaries: &[Diary]| -> BTreeMap<(usize, u64), f64> {
        let own = diaries.iter().filter(|diary| diary.application == application);
        own.flat_map(|diary| {
            let turns = diary.turns.iter().enumerate();
            turns.filter_map(|(number, took)| {
                Some(((number, diary.session), took.as_ref()?.as_secs_f64()))
            })
        })
        .collect()
    };
    let after = of(after);
    of(before).into_iter().filter_map(|(turn, took)| Some((took, *after.get(&turn)?))).collect()
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let number = values.len().max(1) as f64;
    values.sum::<f64>() / number
}

/// Half of the width of the 95 % interval of a mean, from the means of consecutive batches.
fn half_interval(values: &[f64]) -> Option<f64> {
    if values.len() < FEWEST {
        return None;
    }
    // What is left over at the end, less than a batch, counts in no interval.
    let size = values.len().div_ceil(BATCHES).max(1);
    let means: Vec<f64> =
        values.chunks_exact(size).map(|batch| mean(batch.iter().copied())).collect();
    let middle = mean(means.iter().copied());
    let freedom = means.len().checked_sub(1).filter(|freedom| *freedom > 0)?;
    let variance = means.iter().map(|value| (value - middle).powi(2)).sum::<f64>() / freedom as f64;
    let quantile = STUDENT.get(freedom - 1).or(STUDENT.last())?;
    Some(quantile * (variance / means.len() as f64).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn diary(session: u64, ms: &[Option<u64>]) -> Diary {
        let turns = ms.iter().map(|ms| ms.map(Duration::from_millis)).collect();
        Diary { application: "sales", session, turns, statements: BTreeSet::new() }
    }

    fn compared(pairs: &[(f64, f64)]) -> Compared {
        Compared::of("sales", pairs, [OfLoad::default(); 2])
    }

    #[test]
    fn a_turn_is_compared_with_the_same_turn_of_the_same_session() {
        let before = [diary(0, &[Some(10), None, Some(30)]), diary(1, &[Some(40)])];
        let after = [diary(0, &[Some(1), Some(2), Some(3), Some(4)]), diary(1, &[None])];
        assert_eq!(pairs("sales", &before, &after), [(0.010, 0.001), (0.030, 0.003)]);
        assert!(pairs("stock", &before, &after).is_empty());
    }

    #[test]
    fn a_difference_within_the_noise_is_none() {
        let noise = |at: usize| if at.is_multiple_of(2) { 1.0 } else { -1.0 };
        let pairs = |shift: f64| -> Vec<(f64, f64)> {
            (0..200).map(|at| (10.0, 10.0 + shift + noise(at / 10))).collect()
        };
        assert_eq!(compared(&pairs(0.0)).verdict(), Verdict::Equal);
        assert_eq!(compared(&pairs(-2.0)).verdict(), Verdict::Faster);
        assert_eq!(compared(&pairs(2.0)).verdict(), Verdict::Slower);
        assert_eq!(compared(&[(10.0, 1.0); 4]).verdict(), Verdict::TooFew);
        assert_eq!(compared(&[]).verdict(), Verdict::TooFew);
    }

    #[test]
    fn waits_that_come_in_bursts_widen_the_interval() {
        // The same differences, once by turns and once in a burst.
        let mixed: Vec<f64> = (0..200).map(|at| if at % 10 == 0 { 1.0 } else { 0.0 }).collect();
        let burst: Vec<f64> = (0..200).map(|at| if at < 20 { 1.0 } else { 0.0 }).collect();
        assert!(half_interval(&mixed).unwrap() < 1e-9);
        assert!(half_interval(&burst).unwrap() > 0.1);
    }
}
