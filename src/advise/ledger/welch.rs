//! Whether two sets of measurements differ by more than chance: Welch's t-test.
//!
//! B. L. Welch, "The generalization of 'Student's' problem when several different population
//! variances are involved", Biometrika 34 (1947); as in NIST's Engineering Statistics Handbook,
//! 1.3.5.3. The distribution of t comes from the incomplete beta function, by its continued fraction
//! (DLMF 8.17.22, evaluated by Lentz's method) and Lanczos' approximation of the gamma function.

/// Variance that measurements are taken to have at least: that of 1 % on logarithms. A clock that
/// tells the same twice does not know better.
const LEAST_VARIANCE: f64 = 1e-4;

/// Probability that the means of two sets differ at least so much if nothing has changed, 0 to 1;
/// `None` with fewer than two of either. `worth`: the share of an independent measurement that each is worth; if they are
/// worth fewer than two, all may be chance.
#[must_use]
pub(super) fn p_value(a: &[f64], b: &[f64], worth: f64) -> Option<f64> {
    let (of_a, of_b) = (moments(a, worth)?, moments(b, worth)?);
    if of_a.number.min(of_b.number) < 2.0 {
        return Some(1.0);
    }
    let (error_a, error_b) = (of_a.variance / of_a.number, of_b.variance / of_b.number);
    let error = error_a + error_b;
    let t = (of_a.mean - of_b.mean) / error.sqrt();
    let freedom = error * error
        / (error_a * error_a / (of_a.number - 1.0) + error_b * error_b / (of_b.number - 1.0));
    Some(incomplete_beta(freedom / 2.0, 0.5, freedom / (freedom + t * t)).clamp(0.0, 1.0))
}

/// Of at least one.
pub(super) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

struct Moments {
    number: f64,
    mean: f64,
    variance: f64,
}

fn moments(values: &[f64], worth: f64) -> Option<Moments> {
    if values.len() < 2 {
        return None;
    }
    let number = values.len() as f64;
    let mean = mean(values);
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    let variance = (squares / (number - 1.0)).max(LEAST_VARIANCE);
    Some(Moments { number: number * worth, mean, variance })
}

/// The regularised incomplete beta function.
fn incomplete_beta(a: f64, b: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if x >= 1.0 {
        return 1.0;
    }
    let front =
        (ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b) + a * x.ln() + b * (1.0 - x).ln()).exp();
    // The fraction converges fast on this side of the mean alone.
    if x < (a + 1.0) / (a + b + 2.0) {
        front * fraction(a, b, x) / a
    } else {
        1.0 - front * fraction(b, a, 1.0 - x) / b
    }
}

/// Steps of the fraction; it takes about the root of its larger parameter.
const STEPS: u32 = 300;

fn fraction(a: f64, b: f64, x: f64) -> f64 {
    let away_from_zero = |value: f64| if value.abs() < 1e-30 { 1e-30 } else { value };
    let mut above = 1.0;
    let mut below = 1.0 / away_from_zero(1.0 - (a + b) * x / (a + 1.0));
    let mut sum = below;
    for step in (1..=STEPS).map(f64::from) {
        let twice = a + 2.0 * step;
        let even = step * (b - step) * x / ((twice - 1.0) * twice);
        let odd = -(a + step) * (a + b + step) * x / (twice * (twice + 1.0));
        let before = sum;
        for term in [even, odd] {
            below = 1.0 / away_from_zero(1.0 + term * below);
            above = away_from_zero(1.0 + term / above);
            sum *= above * below;
        }
        if (sum / before - 1.0).abs() < 1e-12 {
            break;
        }
    }
    sum
}

/// Lanczos' approximation (g = 7, nine terms), good to 15 digits above 0.5.
fn ln_gamma(x: f64) -> f64 {
    const TERMS: [f64; 8] = [
        676.520_368_121_885_1,
        -1_259.139_216_722_402_8,
        771.323_428_777_653_1,
        -176.615_029_162_140_6,
        12.507_343_278_686_905,
        -0.138_571_095_265_720_12,
        9.984_369_578_019_572e-6,
        1.505_632_735_149_311_6e-7,
    ];
    let x = x - 1.0;
    let series = TERMS
        .iter()
        .zip(1_u32..)
        .fold(0.999_999_999_999_809_9, |sum, (term, at)| sum + term / (x + f64::from(at)));
    let t = x + 7.5;
    0.5 * (2.0 * std::f64::consts::PI).ln() + (x + 0.5) * t.ln() - t + series.ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two-sided, from the tables of Student's distribution.
    #[test]
    fn the_distribution_is_students() {
        for (t, freedom, p) in [
            (2.228_138_852, 10.0, 0.05),
            (4.604_094_871, 4.0, 0.01),
            (12.706_204_736, 1.0, 0.05),
            (1.959_963_985, 1e7, 0.05),
            (0.0, 5.0, 1.0),
        ] {
            let found = incomplete_beta(freedom / 2.0, 0.5, freedom / (freedom + t * t));
            assert!((found - p).abs() < 1e-6, "{t} {freedom}: {found}");
        }
    }

    /// The example of R's manual page of `t.test` (Student's sleep data), unpaired.
    #[test]
    fn the_test_is_welchs() {
        let a = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0];
        let b = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4];
        assert!((p_value(&a, &b, 1.0).unwrap() - 0.079_394_14).abs() < 1e-6);
    }

    #[test]
    fn one_measurement_tells_nothing_and_equal_ones_are_not_certain() {
        assert_eq!(p_value(&[1.0], &[2.0, 2.0], 1.0), None);
        assert!((p_value(&[1.0, 1.0], &[1.0, 1.0], 1.0).unwrap() - 1.0).abs() < 1e-9);
        assert!(p_value(&[1.0, 1.0, 1.0], &[1.001, 1.001, 1.001], 1.0).unwrap() > 0.5);
    }

    /// Twice the same measurements, each worth a half, are as many as before, but for what `n - 1` makes of their variance.
    #[test]
    fn measurements_that_are_worth_less_prove_less() {
        let (a, b) = ([1.0, 1.2, 1.1, 1.3], [1.4, 1.6, 1.5, 1.7]);
        let twice = |values: [f64; 4]| [values, values].concat();
        let once = p_value(&a, &b, 1.0).unwrap();
        let half = p_value(&twice(a), &twice(b), 0.5).unwrap();
        let whole = p_value(&twice(a), &twice(b), 1.0).unwrap();
        assert!((half / once - 1.0).abs() < 0.5 && whole < half / 5.0, "{once} {half} {whole}");
        assert_eq!(p_value(&a, &b, 0.4), Some(1.0), "that is not even two");
    }
}
