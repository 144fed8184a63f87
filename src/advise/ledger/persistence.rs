//! How many independent measurements hours are worth: what makes one of them slow often makes the next one slow, too.
//!
//! The mean of n hours is as uncertain as that of n (1 - r) / (1 + r) that know nothing of each other, r being the
//! correlation of an hour with the next one (G. V. Bayley and J. M. Hammersley, "The effective number of independent
//! observations in an autocorrelated time series", Supplement to the Journal of the Royal Statistical Society 8 (1946)).
//! Of harmless indexes whose hours are correlated by a half, Welch's test without that, asked anew each hour, calls a
//! third slower by a twentieth in some hour of two weeks; with it, one in forty (of hundreds that were simulated).

use std::collections::BTreeMap;

use crate::history::HOUR;

/// Pairs of an hour and the next one that there must be to say how alike they are.
const LEAST_PAIRS: usize = 24;
/// More alike than that nothing is taken to be: nobody could ever say anything of it.
const MOST: f64 = 0.95;

/// The share of an independent measurement that each of these hours is worth; 1 if nobody can tell. That nights are not
/// like days is left out of it.
pub(super) fn worth(hours: &BTreeMap<i64, f64>) -> f64 {
    let time_of_day = |hour: i64| hour.rem_euclid(24 * HOUR);
    let mut usual: BTreeMap<i64, (f64, f64)> = BTreeMap::new();
    for (hour, value) in hours {
        let (sum, number) = usual.entry(time_of_day(*hour)).or_default();
        *sum += value;
        *number += 1.0;
    }
    let unusual = |(hour, value): (&i64, &f64)| {
        let mean = usual.get(&time_of_day(*hour)).map_or(0.0, |(sum, number)| sum / number);
        (*hour, value - mean)
    };
    let rest: BTreeMap<i64, f64> = hours.iter().map(unusual).collect();
    let next = |(hour, value): (&i64, &f64)| Some(value * rest.get(&(hour + HOUR))?);
    let pairs: Vec<f64> = rest.iter().filter_map(next).collect();
    let variance = rest.values().map(|value| value * value).sum::<f64>() / rest.len() as f64;
    if pairs.len() < LEAST_PAIRS || variance <= f64::EPSILON {
        return 1.0;
    }
    let alike = (pairs.iter().sum::<f64>() / pairs.len() as f64 / variance).clamp(0.0, MOST);
    (1.0 - alike) / (1.0 + alike)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hours of two weeks; `lasts`: by how many hours in a row something is the matter.
    fn hours(lasts: i64, by_day: f64) -> BTreeMap<i64, f64> {
        // A number for each stretch that looks like chance and is the same each time.
        let chance = |n: i64| ((n * 7_919 + 13) * n % 1_009) as f64 / 1_009.0 - 0.5;
        let value = |n: i64| chance(n / lasts) + if n % 24 < 12 { by_day } else { 0.0 };
        (0..14 * 24).map(|n| (n * HOUR, value(n))).collect()
    }

    #[test]
    fn what_lasts_for_hours_is_worth_less_than_so_many_and_chance_is_worth_as_many() {
        assert!(worth(&hours(1, 0.0)) > 0.7, "{}", worth(&hours(1, 0.0)));
        // Of four hours in a row three are like the next one: (1 - 0.75) / (1 + 0.75).
        let four = worth(&hours(4, 0.0));
        assert!((0.08..0.25).contains(&four), "{four}");
    }

    #[test]
    fn that_days_are_not_like_nights_makes_hours_worth_no_less() {
        assert!((worth(&hours(1, 5.0)) - worth(&hours(1, 0.0))).abs() < 1e-9);
        assert!((worth(&hours(4, 5.0)) - worth(&hours(4, 0.0))).abs() < 1e-9);
    }

    #[test]
    fn of_few_hours_and_of_equal_ones_nobody_can_tell() {
        let few = hours(4, 0.0).into_iter().take(24).collect();
        assert!((worth(&few) - 1.0).abs() < 1e-9);
        let equal = (0..100).map(|n| (n * HOUR, 0.5)).collect();
        assert!((worth(&equal) - 1.0).abs() < 1e-9);
        assert!((worth(&BTreeMap::new()) - 1.0).abs() < 1e-9);
    }
}
