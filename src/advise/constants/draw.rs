//! What may stand in the place of parameters, from the statistics of the column beside them.

use std::collections::BTreeMap;

use super::statistics::Column;
use crate::advise::plan::{How, Place};

/// Values for some parameters, as SQL, by their numbers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Draw {
    /// The values.
    pub values: BTreeMap<usize, String>,
    /// How probable they are: together with the other draws, 1.
    pub share: f64,
}

/// Draws for one comparison.
const MOST: usize = 8;

/// Values that are all this rare are served alike.
const LEAST_COMMON: f64 = 0.02;

/// So are values of which none is so many times as common as another.
const LEAST_SKEW: f64 = 3.0;

/// However few rows have a value, this is how probable it is that it is asked for: people look for what
/// is open, not for what is most.
const LEAST_SHARE: f64 = 0.05;

/// A bucket of the histogram is cut in so many for a narrow range.
const SLICES: usize = 50;

/// Ranges: the share of the rows that they hold (0: a slice of a bucket), and how probable that is where
/// nothing else is known; a guess, as the planner's own third is.
const BETWEEN: [(f64, f64); 4] = [(0.0, 0.25), (0.01, 0.35), (0.1, 0.25), (0.5, 0.15)];
const BEYOND: [(f64, f64); 5] = [(0.0, 0.2), (0.01, 0.25), (0.1, 0.25), (0.5, 0.2), (1.0, 0.1)];

/// Fewer bounds are no histogram.
const LEAST_BOUNDS: usize = 10;

/// What may stand in all places of one column; nothing where it makes no difference.
#[must_use]
pub fn draws(places: &[&Place], column: &Column) -> Vec<Draw> {
    let first = |how: How| places.iter().find(|place| place.how == how);
    let parameter = |how: How| first(how).and_then(|place| place.parameters.first()).copied();
    if let Some(place) = first(How::Equal) {
        return equal(&place.parameters, column);
    }
    if column.bounds.len() < LEAST_BOUNDS {
        return Vec::new();
    }
    match (parameter(How::Above), parameter(How::Below)) {
        (Some(low), Some(high)) => between(low, high, column),
        (Some(low), None) => beyond(low, column, true),
        (None, Some(high)) => beyond(high, column, false),
        (None, None) => Vec::new(),
    }
}

/// As many values as there are parameters, neighbours in how common they are.
fn equal(parameters: &[usize], column: &Column) -> Vec<Draw> {
    let rest =
        (1.0 - column.null_share - column.common.iter().map(|(_, f)| f).sum::<f64>()).max(0.0);
    let others = column.distinct - column.common.len() as f64;
    let mut values: Vec<(&str, f64, f64)> =
        column.common.iter().map(|(value, share)| (value.as_str(), *share, *share)).collect();
    // One of the rest stands for all of it.
    let middle = column.bounds.get(column.bounds.len() / 2);
    if let Some(value) = middle.filter(|_| rest > 0.001 && others >= 1.0) {
        values.push((value, rest, rest / others));
    }
    let most = values.iter().map(|(.., each)| *each).fold(0.0, f64::max);
    let least = values.iter().map(|(.., each)| *each).fold(f64::INFINITY, f64::min);
    if most < LEAST_COMMON || most < least * LEAST_SKEW || values.len() < parameters.len() {
        return Vec::new();
    }
    values.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(b.0)));
    let sets: Vec<&[(&str, f64, f64)]> = values.windows(parameters.len().max(1)).collect();
    let each = sets.len().div_ceil(MOST);
    let draws = sets.chunks(each).filter_map(|alike| {
        let set = alike.get(alike.len() / 2)?;
        let literals = set.iter().map(|(value, ..)| column.literal(value));
        Some(Draw {
            values: parameters.iter().copied().zip(literals).collect(),
            share: alike
                .iter()
                .flat_map(|set| set.iter())
                .map(|(_, share, _)| share)
                .sum::<f64>()
                .max(LEAST_SHARE),
        })
    });
    normal(draws.collect())
}

/// A window of rows: the last ones where values grow, else those in the middle.
fn between(low: usize, high: usize, column: &Column) -> Vec<Draw> {
    let last = column.bounds.len() - 1;
    let draws = BETWEEN.iter().filter_map(|(rows, share)| {
        let buckets = buckets(*rows, last);
        let from = if column.grows() { last - buckets } else { (last - buckets) / 2 };
        let (start, end) = (column.bound(from)?, column.bound(from + buckets)?);
        let end = if *rows > 0.0 { end } else { column.slice(from, from + 1, SLICES)? };
        Some(Draw { values: BTreeMap::from([(low, start), (high, end)]), share: *share })
    });
    normal(draws.collect())
}

/// Everything above or below a value.
fn beyond(parameter: usize, column: &Column, is_above: bool) -> Vec<Draw> {
    let last = column.bounds.len() - 1;
    let draws = BEYOND.iter().filter_map(|(rows, share)| {
        let buckets = buckets(*rows, last);
        let value = match (is_above, *rows > 0.0) {
            (true, true) => column.bound(last - buckets)?,
            (true, false) => column.slice(last, last - 1, SLICES)?,
            (false, true) => column.bound(buckets)?,
            (false, false) => column.slice(0, 1, SLICES)?,
        };
        Some(Draw { values: BTreeMap::from([(parameter, value)]), share: *share })
    });
    normal(draws.collect())
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of at most ten thousand bounds"
)]
fn buckets(rows: f64, last: usize) -> usize {
    ((last as f64 * rows).round() as usize).clamp(1, last)
}

fn normal(mut draws: Vec<Draw>) -> Vec<Draw> {
    let all: f64 = draws.iter().map(|draw| draw.share).sum();
    for draw in &mut draws {
        draw.share /= all.max(f64::MIN_POSITIVE);
    }
    draws
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(how: How, parameters: &[usize]) -> Place {
        Place {
            schema: "public".into(),
            relation: "sale".into(),
            column: "state".into(),
            how,
            parameters: parameters.to_vec(),
        }
    }

    fn states() -> Column {
        let common = [("done", 0.9), ("open", 0.07), ("it's", 0.03)];
        Column {
            kind: "text".into(),
            common: common.map(|(value, share)| (value.to_owned(), share)).to_vec(),
            distinct: 3.0,
            ..Column::default()
        }
    }

    fn days() -> Column {
        Column {
            kind: "date".into(),
            bounds: (10..=110).map(|day| format!("day {day}")).collect(),
            correlation: 1.0,
            distinct: 1e5,
            ..Column::default()
        }
    }

    #[test]
    fn every_state_is_drawn_as_often_as_it_is_there_and_none_never() {
        let drawn = draws(&[&place(How::Equal, &[4])], &states());
        let told: Vec<(&str, f64)> =
            drawn.iter().map(|d| (d.values[&4].as_str(), d.share)).collect();
        assert_eq!(told[2].0, "CAST('it''s' AS text)");
        assert!((told[0].1 - 0.9 / 1.02).abs() < 1e-9 && told.len() == 3, "{told:?}");
        assert!((told[2].1 - 0.05 / 1.02).abs() < 1e-9, "{told:?}");
        let pairs = draws(&[&place(How::Equal, &[1, 2])], &states());
        assert_eq!(pairs.len(), 2);
        assert_ne!(pairs[0].values[&1], pairs[0].values[&2]);
        let even = Column { common: vec![("a".into(), 0.5), ("b".into(), 0.5)], ..states() };
        assert!(draws(&[&place(How::Equal, &[4])], &even).is_empty(), "no skew, no draws");
    }

    #[test]
    fn ranges_are_recent_where_values_grow() {
        let drawn = draws(&[&place(How::Above, &[1]), &place(How::Below, &[2])], &days());
        let bucket = &drawn[1].values;
        assert_eq!(bucket[&1], "CAST('day 109' AS date)");
        assert_eq!(bucket[&2], "CAST('day 110' AS date)");
        assert!(drawn[0].values[&2].contains("/ 50"), "{:?}", drawn[0].values[&2]);
        let drawn = draws(&[&place(How::Below, &[1])], &days());
        assert_eq!(drawn.last().unwrap().values[&1], "CAST('day 110' AS date)");
        assert!(draws(&[&place(How::Below, &[1])], &states()).is_empty(), "no histogram");
    }
}
