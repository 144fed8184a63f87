//! How many records are there twice, by what `analyze` has counted in its sample.
//!
//! `n_distinct` (src/backend/commands/analyze.c, the Duj1 estimator of Haas and Stokes) is exact where the
//! sample is the whole table: up to 30,000 rows, by default. Of a larger table a pair is seen if both of its
//! rows are in the sample, which of `q` of the rows are `q` * `q` of the pairs. None seen is no proof that there
//! is none, and a few seen stand for many: so it is worked back how many were seen, and few of them tell nothing.

use super::Column;

/// What differs by less than the rounding of a `real` is equal.
const ROUNDING: f64 = 1e-6;
/// Fewer pairs in a sample may be chance: of a hundred million rows one stands for eleven millions.
const FEWEST_PAIRS: f64 = 5.0;
/// By so much of the rows their number may be off, which vacuum and analyze estimate.
const OFF: f64 = 0.01;

/// How many rows there are beyond one of each key: at least, where the sample is the whole table, else about.
/// `keys`: the columns that are compared; `rest`: those that say which rows count. `together`: how many
/// values the columns of the key have together.
///
/// `None` if the statistics do not tell: there are none, too few pairs were in the sample, or the rows that
/// do not count may be all those that are there twice. Text is compared as it is: what differs in case only
/// is not seen.
pub(super) fn surplus(keys: &[&Column], rest: &[&Column], together: Option<f64>) -> Option<u64> {
    let first = keys.first()?;
    let rows = first.rows?;
    if rows < 1.0 {
        return None;
    }
    let sample = Sample {
        rows,
        share: (first.sampled / rows).clamp(0.0, 1.0),
        off: OFF + first.changed / rows,
    };
    let alone: Vec<Option<Seen>> = keys.iter().map(|column| of_one(column, sample)).collect();
    let is_none = |seen: &Seen| seen.pairs < (rows * sample.share * ROUNDING).max(0.5);
    // What is unique by one column is unique by several.
    if alone.iter().flatten().any(is_none) {
        return Some(0);
    }
    let telling: Vec<usize> = (0..keys.len()).filter(|at| !has_one_value(keys, *at)).collect();
    // As many as there were when they were counted; rows that have come since may be new keys.
    let changed = |is_number: bool| if is_number { first.changed } else { 0.0 };
    let (seen, lacking, changed) = match (telling.as_slice(), together) {
        ([at], _) => {
            let is_number = keys.get(*at)?.distinct? > 0.0;
            (alone.get(*at).copied().flatten()?, 0.0, changed(is_number))
        }
        (_, Some(distinct)) => {
            let lacking = keys.iter().map(|column| lacks(column)).sum::<f64>().min(1.0);
            // At worst what lacks something is all the same.
            let values = if lacking > 0.0 { 1.0 } else { 0.0 };
            let pairs = sample.pairs(1.0, lacking, values, distinct);
            (Seen { surplus: rows - distinct, pairs }, lacking, changed(true))
        }
        _ => return None,
    };
    let is_whole = sample.share >= 1.0;
    if is_none(&seen) || is_whole && seen.surplus < (rows * ROUNDING).max(0.5) {
        return Some(0);
    }
    let most = seen.surplus - changed - rows * lacking;
    let found = if is_whole {
        most
    } else if seen.pairs < FEWEST_PAIRS {
        return None;
    } else {
        // Less than that by groups of more than two, of which the server's estimate is right.
        (seen.pairs / (sample.share * sample.share)).min(most)
    };
    // Each row that does not count may have been one of those that are there twice.
    let left_out: Option<f64> = rest.iter().map(|column| leaves_out(column)).sum();
    let least = found - rows * left_out?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "rows of a table")]
    (least >= 1.0).then_some(least.round() as u64)
}

/// What `analyze` has looked at.
#[derive(Clone, Copy)]
struct Sample {
    /// Of the table.
    rows: f64,
    /// Of these in the sample.
    share: f64,
    /// By what share of them their number may be wrong.
    off: f64,
}

impl Sample {
    /// How many pairs it had, for the server to estimate `distinct` values in all. Of all rows `having` is the
    /// share that counted (not null), and `blank` that which had one of `values` blanks.
    ///
    /// Duj1 is `n * d / (n - f1 + f1 * q)`: of `n` rows in the sample `d` values, `f1` of them once. With `p`
    /// pairs and `b` blank rows, `f1 = n - b - 2 * p` and `d = n - b - p + values`; solved for `p`. Of the whole
    /// table it is what there is beyond `distinct`.
    fn pairs(self, having: f64, blank: f64, values: f64, distinct: f64) -> f64 {
        let all = self.rows * self.share;
        let (n, blank) = (all * having, all * blank);
        let filled = n - blank;
        let pairs = (n * (filled + values) - distinct * (blank + filled * self.share))
            / (n + 2.0 * distinct * (1.0 - self.share));
        if self.share >= 1.0 {
            return pairs;
        }
        // With blanks a wrong number of rows looks like pairs.
        (pairs - blank * self.off / 2.0).max(0.0)
    }
}

/// What a column has more than once.
#[derive(Clone, Copy)]
struct Seen {
    /// Rows beyond one of each value, as the server estimates it; nulls and blanks are none.
    surplus: f64,
    /// Pairs in the sample.
    pairs: f64,
}

fn of_one(column: &Column, sample: Sample) -> Option<Seen> {
    if column.is_told {
        return None;
    }
    let distinct = f64::from(column.distinct?);
    // Less than zero: a share of all rows.
    let distinct = if distinct < 0.0 { -distinct * sample.rows } else { distinct };
    let null = f64::from(column.null_share.unwrap_or(0.0));
    let blank = column.blank_share.unwrap_or(0.0);
    let values = column.blank_values;
    let surplus = sample.rows * (1.0 - lacks(column)) - (distinct - values);
    if null >= 1.0 {
        return Some(Seen { surplus, pairs: 0.0 });
    }
    let pairs = sample.pairs(1.0 - null, blank, values, distinct);
    Some(Seen { surplus, pairs })
}

/// The share of rows that have nothing in a column.
fn lacks(column: &Column) -> f64 {
    f64::from(column.null_share.unwrap_or(0.0)) + column.blank_share.unwrap_or(0.0)
}

/// Whether one of the columns has the same value everywhere, so that it tells nothing apart.
fn has_one_value(keys: &[&Column], at: usize) -> bool {
    keys.len() > 1
        && keys.get(at).is_some_and(|column| {
            !column.is_told && column.distinct == Some(1.0) && lacks(column) == 0.0
        })
}

/// The share of rows that do not count, by a column that must have a word, or be null.
fn leaves_out(column: &Column) -> Option<f64> {
    let null = f64::from(column.null_share?);
    let counts = if column.word.is_some() { column.word_share.unwrap_or(0.0) } else { null };
    Some((1.0 - counts).max(0.0))
}

#[cfg(test)]
mod tests {
    use super::super::tests::column;
    use super::*;

    fn one(distinct: f32, null: f32) -> Column {
        Column { distinct: Some(distinct), null_share: Some(null), ..column("a") }
    }

    fn alone(column: &Column) -> Option<u64> {
        surplus(&[column], &[], None)
    }

    #[test]
    fn rows_beyond_one_of_each_value_are_told_and_nulls_and_blanks_are_none() {
        // Of 10,000 rows.
        assert_eq!(alone(&one(-0.98, 0.0)), Some(200));
        assert_eq!(alone(&one(-0.78, 0.2)), Some(200));
        assert_eq!(alone(&one(600.0, 0.2)), Some(7_400));
        let blanks =
            |blank_values| Column { blank_share: Some(0.1), blank_values, ..one(-0.9, 0.0) };
        assert_eq!(alone(&blanks(1.0)), Some(1), "the blank is one of the values");
        assert_eq!(alone(&blanks(3.0)), Some(3), "`/`, `-` and nothing are three");
        let changed = |changed| Column { changed, ..one(600.0, 0.2) };
        assert_eq!(alone(&changed(400.0)), Some(7_000), "what came since may be new");
        assert_eq!(alone(&changed(7_400.0)), None);
    }

    #[test]
    fn a_column_that_is_unique_in_the_sample_has_none() {
        assert_eq!(alone(&one(-1.0, 0.0)), Some(0));
        assert_eq!(alone(&one(-0.7, 0.3)), Some(0));
        assert_eq!(alone(&one(0.0, 1.0)), Some(0), "all null");
        let large = Column { rows: Some(1e9), ..one(-0.7, 0.300_000_03) };
        assert_eq!(alone(&large), Some(0), "rounding is no duplicate");
    }

    /// A sample of 30,000 of so many rows, with so many pairs and blank rows in it, as the server tells of it.
    #[expect(clippy::cast_possible_truncation, reason = "pg_stats has it as a real")]
    fn sampled(rows: f64, pairs: f64, blank: f64) -> Column {
        let (n, filled) = (30_000.0, 30_000.0 - blank);
        let once = filled - 2.0 * pairs;
        let values = filled - pairs + f64::from(u8::from(blank > 0.0));
        let distinct = n * values / (n - once + once * n / rows);
        Column {
            rows: Some(rows),
            sampled: n,
            blank_share: (blank > 0.0).then_some(blank / n),
            blank_values: f64::from(u8::from(blank > 0.0)),
            ..one((-distinct / rows) as f32, 0.0)
        }
    }

    #[test]
    fn of_a_sample_one_pair_is_chance_and_several_stand_for_all_that_were_not_looked_at() {
        for rows in [1e6, 1e7, 1e9] {
            assert_eq!(alone(&sampled(rows, 0.0, 0.0)), Some(0), "none was seen of {rows}");
            assert_eq!(alone(&sampled(rows, 1.0, 0.0)), None, "of {rows}");
            assert_eq!(alone(&sampled(rows, 4.0, 0.0)), None, "of {rows}");
        }
        let near = |column: &Column, wanted: f64| {
            let told = alone(column).unwrap() as f64;
            assert!((told / wanted - 1.0).abs() < 0.01, "{told} for {wanted}");
        };
        near(&sampled(1e6, 9.0, 0.0), 9.0 / 0.03 / 0.03);
        near(&sampled(1e7, 9.0, 0.0), 9.0 / 0.003 / 0.003);
        near(&sampled(31_000.0, 100.0, 0.0), 106.8);
        // Everything is there a hundred times: here the server's own estimate is right.
        near(&Column { rows: Some(1e6), sampled: 3e4, ..one(10_000.0, 0.0) }, 990_000.0);
    }

    #[test]
    fn blanks_in_a_sample_are_no_pairs_though_the_server_takes_them_for_many() {
        let blank = sampled(1e6, 0.0, 3_000.0);
        let server = 0.9e6 + f64::from(blank.distinct.unwrap()) * 1e6;
        assert!(server > 600_000.0, "as the server estimates it: {server}");
        assert_eq!(alone(&blank), Some(0));
        let counted_anew = Column { rows: Some(0.99e6), ..blank };
        assert!(matches!(alone(&counted_anew), None | Some(0)), "a hundredth fewer rows");
        let told = alone(&sampled(1e6, 50.0, 3_000.0)).unwrap();
        assert!((30_000..=55_556).contains(&told), "{told}");
    }

    #[test]
    fn of_several_columns_a_sample_is_worked_back_too() {
        let [a, b] = [1.0, 2.0].map(|_| sampled(1e6, 5_000.0, 0.0));
        let together = |distinct| surplus(&[&a, &b], &[], Some(distinct));
        assert_eq!(together(997_816.0), None, "one pair");
        assert!((together(980_500.0).unwrap() as f64 / 10_000.0 - 1.0).abs() < 0.02);
    }

    #[test]
    fn without_statistics_nothing_is_told() {
        assert_eq!(alone(&column("a")), None);
        assert_eq!(alone(&Column { rows: None, ..one(-0.9, 0.0) }), None);
        assert_eq!(alone(&Column { rows: Some(0.0), ..one(-0.9, 0.0) }), None);
        assert_eq!(alone(&Column { is_told: true, ..one(-0.9, 0.0) }), None, "nobody has counted");
    }

    #[test]
    fn of_rows_that_may_not_count_only_what_must_be_left_is_told() {
        let active = |share| Column {
            word: Some("true".to_owned()),
            word_share: Some(share),
            ..one(2.0, 0.0)
        };
        let told = |rest: &[&Column]| surplus(&[&one(-0.9, 0.0)], rest, None);
        assert_eq!(told(&[&active(0.95)]), Some(500));
        assert_eq!(told(&[&active(0.85)]), None, "they may all be archived");
        assert_eq!(told(&[&one(-0.05, 0.98), &active(0.95)]), Some(300));
        assert_eq!(told(&[&column("b")]), None);
        let unique = one(-1.0, 0.0);
        assert_eq!(surplus(&[&unique], &[&active(0.2)], None), Some(0));
    }

    #[test]
    fn several_columns_are_told_by_what_they_have_together_or_by_the_only_one_that_varies() {
        let (client, code) = (one(1.0, 0.0), one(-0.95, 0.0));
        assert_eq!(surplus(&[&client, &code], &[], None), Some(500));
        let some = one(40.0, 0.0);
        assert_eq!(surplus(&[&some, &code], &[], None), None);
        assert_eq!(surplus(&[&some, &one(-1.0, 0.0)], &[], None), Some(0));
        assert_eq!(surplus(&[&some, &code], &[], Some(9_700.0)), Some(300));
        assert_eq!(surplus(&[&some, &code], &[], Some(10_000.0)), Some(0));
        let with_nulls = one(-0.93, 0.02);
        assert_eq!(surplus(&[&some, &with_nulls], &[], Some(9_700.0)), Some(100));
    }
}
