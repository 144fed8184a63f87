//! Which of several possible values a statement has, as far as its counters tell.

/// A combination of values, and what the planner expects of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outcome {
    /// How probable it is before anything is known of the statement.
    pub share: f64,
    /// Rows of one call.
    pub rows: f64,
    /// Seconds of one call, as its cost says.
    pub seconds: f64,
}

/// What the server counted, in the mean of all calls.
#[derive(Clone, Copy, Debug, Default)]
pub struct Evidence {
    /// Rows of one call.
    pub rows: Option<f64>,
    /// Seconds of one call.
    pub seconds: Option<f64>,
}

/// A plan can be so many times faster than its cost says; beyond that it was another plan.
const MOST_FASTER: f64 = 20.0;

/// How probable each combination is; together 1.
///
/// A statement cannot be far faster than its plan, so what costs too much is ruled out. Of the ways to
/// weigh the rest that give as many rows in the mean as were counted, the nearest to the shares is taken:
/// weights go with the exponential of the rows (minimum relative entropy; Csiszar, "I-divergence
/// geometry of probability distributions and minimization problems", Annals of Probability 3(1), 1975).
#[must_use]
pub fn weights(outcomes: &[Outcome], evidence: &Evidence) -> Vec<f64> {
    let least = outcomes.iter().map(|outcome| outcome.seconds).fold(f64::INFINITY, f64::min);
    let most = evidence.seconds.map_or(f64::INFINITY, |seconds| seconds * MOST_FASTER);
    let is_possible = |outcome: &Outcome| outcome.seconds <= most.max(least * 2.0);
    let shares: Vec<f64> = outcomes
        .iter()
        .map(|outcome| if is_possible(outcome) { outcome.share } else { 0.0 })
        .collect();
    let rows: Vec<f64> = outcomes.iter().map(|outcome| outcome.rows).collect();
    match evidence.rows {
        Some(counted) => tilted(&shares, &rows, counted),
        None => normal(shares),
    }
}

/// Turns of halving: the sixtieth changes nothing.
const TURNS: usize = 60;

fn tilted(shares: &[f64], rows: &[f64], counted: f64) -> Vec<f64> {
    let possible = || shares.iter().zip(rows).filter(|(share, _)| **share > 0.0);
    let least = possible().map(|(_, rows)| *rows).fold(f64::INFINITY, f64::min);
    let most = possible().map(|(_, rows)| *rows).fold(0.0, f64::max);
    if most <= least {
        return normal(shares.to_vec());
    }
    // The rows of the extremes are never quite reached.
    let (low, high) = (least + (most - least) * 1e-6, most - (most - least) * 1e-6);
    let counted = counted.clamp(low, high);
    let at = |slope: f64| {
        let from = if slope > 0.0 { most } else { least };
        let weigh = |(share, rows): (&f64, &f64)| share * (slope * (rows - from)).exp();
        normal(shares.iter().zip(rows).map(weigh).collect())
    };
    let mean = |weights: &[f64]| weights.iter().zip(rows).map(|(w, rows)| w * rows).sum::<f64>();
    let steepest = 100.0 / gap(shares, rows).max(f64::MIN_POSITIVE);
    let (mut low, mut high) = (-steepest, steepest);
    for _ in 0..TURNS {
        let middle = f64::midpoint(low, high);
        if mean(&at(middle)) < counted {
            low = middle;
        } else {
            high = middle;
        }
    }
    at(f64::midpoint(low, high))
}

/// The least distance between the rows of two possible outcomes.
fn gap(shares: &[f64], rows: &[f64]) -> f64 {
    let possible = shares.iter().zip(rows).filter(|(share, _)| **share > 0.0);
    let mut rows: Vec<f64> = possible.map(|(_, rows)| *rows).collect();
    rows.sort_by(f64::total_cmp);
    let gaps = rows.iter().zip(rows.iter().skip(1)).map(|(a, b)| b - a);
    gaps.filter(|gap| *gap > 0.0).fold(f64::INFINITY, f64::min)
}

fn normal(mut weights: Vec<f64>) -> Vec<f64> {
    let all: f64 = weights.iter().sum();
    for weight in &mut weights {
        *weight /= all.max(f64::MIN_POSITIVE);
    }
    weights
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn outcome(share: f64, rows: f64, seconds: f64) -> Outcome {
        Outcome { share, rows, seconds }
    }

    #[test]
    fn rows_tell_a_rare_state_from_a_common_one() {
        let states = [outcome(0.98, 98_000.0, 1.0), outcome(0.004, 400.0, 1.0)];
        let rare = weights(&states, &Evidence { rows: Some(400.0), seconds: None });
        assert!(rare[1] > 0.99, "{rare:?}");
        let common = weights(&states, &Evidence { rows: Some(97_000.0), seconds: None });
        assert!(common[0] > 0.95, "{common:?}");
        let unknown = weights(&states, &Evidence::default());
        assert!((unknown[0] - 0.98 / 0.984).abs() < 1e-9, "{unknown:?}");
    }

    #[test]
    fn what_would_take_far_longer_than_it_does_is_not_it() {
        let states = [outcome(0.99, 1.0, 0.03), outcome(0.01, 1.0, 0.000_02)];
        let evidence = Evidence { rows: Some(1.0), seconds: Some(0.000_05) };
        assert_eq!(weights(&states, &evidence), [0.0, 1.0]);
        // A cost that says too much of all of them says nothing.
        let evidence = Evidence { rows: None, seconds: Some(1e-9) };
        assert_eq!(weights(&states, &evidence), [0.0, 1.0]);
    }

    proptest! {
        #[test]
        fn weights_are_shares_of_one_and_their_mean_is_what_was_counted(
            all in prop::collection::vec((0.01..1.0, 1.0..1e6), 1..12), at in 0.0..1.0,
        ) {
            let outcomes: Vec<Outcome> =
                all.iter().map(|(share, rows)| outcome(*share, *rows, 1.0)).collect();
            let least = all.iter().map(|(_, rows)| *rows).fold(f64::INFINITY, f64::min);
            let most = all.iter().map(|(_, rows)| *rows).fold(0.0, f64::max);
            let counted = least + (most - least) * at;
            let weights = weights(&outcomes, &Evidence { rows: Some(counted), seconds: None });
            prop_assert!(weights.iter().all(|weight| (0.0..=1.0).contains(weight)));
            prop_assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-9);
            let mean: f64 = weights.iter().zip(&all).map(|(w, (_, rows))| w * rows).sum();
            prop_assert!((mean - counted).abs() <= (most - least) * 1e-3 + 1e-9, "{mean} {counted}");
        }
    }
}
