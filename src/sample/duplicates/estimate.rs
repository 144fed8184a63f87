//! How many records are there twice, by what `analyze` has counted in its sample.
//!
//! `n_distinct` (src/backend/commands/analyze.c, the Duj1 estimator of Haas and Stokes) is exact where the
//! sample is the whole table: up to 30,000 rows, by default. Of a larger table a pair is seen if both of its
//! rows are in the sample: none seen is no proof that there is none, and a few seen stand for many.

use super::Column;

/// What differs by less than the rounding of a `real` is equal.
const ROUNDING: f64 = 1e-6;

/// How many rows there are beyond one of each key. `keys`: the columns that are compared; `rest`: those
/// that say which rows count. `together`: how many values the columns of the key have together.
///
/// `None` if the statistics do not tell: there are none, or the rows that do not count may be all those
/// that are there twice. Text is compared as it is: what differs in case only is not seen.
pub(super) fn surplus(keys: &[&Column], rest: &[&Column], together: Option<f64>) -> Option<u64> {
    let rows = keys.first()?.rows?;
    if rows < 1.0 {
        return None;
    }
    let alone: Vec<Option<f64>> = keys.iter().map(|column| of_one(column, rows)).collect();
    let is_none = |surplus: f64| surplus < (rows * ROUNDING).max(0.5);
    // What is unique by one column is unique by several.
    if alone.iter().flatten().any(|surplus| is_none(*surplus)) {
        return Some(0);
    }
    let telling: Vec<usize> = (0..keys.len()).filter(|at| !has_one_value(keys, *at)).collect();
    // As many as there were when they were counted; rows that have come since may be new keys.
    let changed =
        |is_number: bool| if is_number { keys.first().map_or(0.0, |c| c.changed) } else { 0.0 };
    let (surplus, lacking, changed) = match (telling.as_slice(), together) {
        ([at], _) => {
            let is_number = keys.get(*at)?.distinct? > 0.0;
            (alone.get(*at).copied().flatten()?, 0.0, changed(is_number))
        }
        (_, Some(distinct)) => {
            let lacking = keys.iter().map(|column| lacks(column)).sum();
            (rows - distinct, lacking, changed(true))
        }
        _ => return None,
    };
    if is_none(surplus) {
        return Some(0);
    }
    // Each row that does not count may have been one of those that are there twice.
    let left_out: Option<f64> = rest.iter().map(|column| leaves_out(column)).sum();
    let least = surplus - changed - rows * (left_out? + lacking);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "rows of a table")]
    (least >= 1.0).then_some(least.round() as u64)
}

/// Rows beyond one of each value of a column; nulls and blanks are none.
fn of_one(column: &Column, rows: f64) -> Option<f64> {
    if column.is_told {
        return None;
    }
    let distinct = f64::from(column.distinct?);
    let blank = if column.blank_share.is_some_and(|share| share > 0.0) { 1.0 } else { 0.0 };
    let having = rows * (1.0 - lacks(column));
    // Less than zero: a share of all rows.
    let surplus = if distinct < 0.0 {
        having - (-distinct * rows - blank)
    } else {
        having - (distinct - blank)
    };
    Some(surplus)
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
        let blank = Column { blank_share: Some(0.1), ..one(-0.9, 0.0) };
        assert_eq!(alone(&blank), Some(1), "the blank is one of the values");
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
