//! Load by hour, from the history, and the last week beside the one before it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::history::{HourLoad, Place};
use crate::track::findings::{Week, WeekOfDatabase};

/// Hours of each database, in their order.
pub type Hours = BTreeMap<Place, Vec<HourLoad>>;

const DAY: i64 = 86_400;

/// The last seven days of each database beside the seven before them, `now` in seconds since 1970; with
/// how many findings opened and closed.
#[must_use]
pub fn hours_of_weeks(hours: &Hours, now: i64, (opened, closed): (u64, u64)) -> Week {
    let database = |(place, hours): (&Place, &Vec<HourLoad>)| {
        let last = per_day(hours, now - 7 * DAY, now)?;
        Some(WeekOfDatabase {
            server: Arc::clone(&place.server),
            datname: Arc::clone(&place.datname),
            seconds_per_day: last,
            before: per_day(hours, now - 14 * DAY, now - 7 * DAY),
        })
    };
    Week { databases: hours.iter().filter_map(database).collect(), opened, closed }
}

/// Seconds of statements for each day that was looked at; nothing if that was less than an hour.
fn per_day(hours: &[HourLoad], from: i64, until: i64) -> Option<f64> {
    let all = hours.iter().filter(|hour| hour.hour >= from && hour.hour < until);
    let (seconds, covered) = all.fold((0.0, 0.0), |(seconds, covered), hour| {
        (seconds + hour.exec_seconds, covered + hour.covered_seconds)
    });
    (covered >= 3_600.0).then(|| seconds / covered * DAY as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_week_is_compared_by_the_time_that_was_looked_at() {
        let place = Place { server: "db".into(), datname: "erp".into() };
        let hour = |ago: i64, exec_seconds, covered_seconds| HourLoad {
            hour: 100 * DAY - ago * DAY,
            exec_seconds,
            covered_seconds,
        };
        let hours = vec![hour(9, 360.0, 3_600.0), hour(2, 720.0, 3_600.0), hour(1, 360.0, 1_800.0)];
        let week = hours_of_weeks(&Hours::from([(place, hours)]), 100 * DAY, (2, 1));
        let of = &week.databases[0];
        assert!((of.seconds_per_day - 17_280.0).abs() < 1e-6);
        assert!((of.before.unwrap() - 8_640.0).abs() < 1e-6);
        assert_eq!((week.opened, week.closed), (2, 1));
    }
}
