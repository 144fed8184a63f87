use super::*;
use crate::history::Work;

/// Days since 1970 of 2026-01-01, a Thursday.
const NEW_YEAR: i64 = 20_454;

/// The names of what stands out in the first months of 2026 where `load` is so, by day of the year from 0 on.
fn told(days: i64, load: impl Fn(i64) -> f64) -> Vec<String> {
    let loads = (0..days).map(|day| (NEW_YEAR + day, load(day))).collect();
    peaks(&loads).iter().map(|peak| peak.position.name()).collect()
}

/// Weekends are quiet.
fn week(day: i64) -> f64 {
    if is_working(NEW_YEAR + day) { 1.0 } else { 0.2 }
}

#[test]
fn days_are_those_of_the_calendar() {
    assert_eq!((day_of_month(0), weekday(0)), (1, 4), "1970-01-01");
    assert_eq!((day_of_month(NEW_YEAR), weekday(NEW_YEAR)), (1, 4));
    assert_eq!(day_of_month(NEW_YEAR - 1), 31);
    // 2024-02-29, 2024-03-01, and 2000-02-29.
    assert_eq!([19_782, 19_783, 11_016].map(day_of_month), [29, 1, 29]);
    assert_eq!(day_of_month(-1), 31);
}

#[test]
fn the_last_working_day_stands_out_where_a_month_ends_at_a_weekend() {
    // Fridays the 30th of January, the 27th of February and the 29th of May, a Tuesday and a Thursday.
    let last_working = [29, 57, 89, 119, 148];
    let load = |day| if last_working.contains(&day) { 4.0 } else { week(day) };
    assert_eq!(told(150, load), ["last working day of the month"]);
    assert_eq!(told(60, load), ["last working day of the month"], "of two months");
    assert!(told(50, load).is_empty(), "of one");
    let once = |day| if day == 29 { 4.0 } else { week(day) };
    assert!(told(150, once).is_empty());
    let little = |day| if last_working.contains(&day) { 1.4 } else { week(day) };
    assert!(told(150, little).is_empty());
}

#[test]
fn a_number_stands_out_and_so_does_more_than_one_day() {
    // The 15th of each month, and the 1st.
    let fifteenth = |day: i64| day_of_month(NEW_YEAR + day) == 15;
    assert_eq!(
        told(120, |day| if fifteenth(day) { 3.0 } else { week(day) }),
        ["day 15 of the month"]
    );
    let both = |day| match day_of_month(NEW_YEAR + day) {
        1 => 5.0,
        15 => 3.0,
        _ => week(day),
    };
    assert_eq!(told(120, both), ["day 1 of the month", "day 15 of the month"]);
}

#[test]
fn a_busy_day_of_the_week_is_no_day_of_the_month() {
    // February and March of 2026 begin on the same day: the 2nd, 9th, ... are Mondays in both.
    let mondays = |day: i64| if weekday(NEW_YEAR + day) == 1 { 4.0 } else { week(day) };
    let loads = (31..90).map(|day| (NEW_YEAR + day, mondays(day))).collect();
    assert!(peaks(&loads).is_empty(), "{:?}", peaks(&loads));
}

#[test]
fn a_day_that_was_hardly_looked_at_is_not_known() {
    let hour = |hour: i64, covered_seconds| HourLoad {
        hour: hour * 3_600,
        exec_seconds: 1_800.0,
        covered_seconds,
    };
    let hours: Vec<HourLoad> =
        (0..24).map(|h| hour(h, 3_600.0)).chain((24..35).map(|h| hour(h, 3_600.0))).collect();
    let loads = loads(&hours);
    assert_eq!(loads.keys().copied().collect::<Vec<_>>(), [0]);
    assert!((loads[&0] - 0.5).abs() < 1e-9);
}

#[test]
fn what_makes_a_day_is_what_takes_more_than_a_week_before() {
    let sum = |queryid, calls, exec_seconds| StatementSum {
        queryid: Some(queryid),
        text: Some("select 1".into()),
        work: Work { calls, exec_seconds, ..Work::default() },
        first_hour: 0,
        last_hour: 0,
        hours: 1,
    };
    // Of two such days; the first is as it always is.
    let on =
        [sum(1, 9, 900.0), sum(2, 2, 600.0), sum(1, 9, 900.0), sum(2, 1, 300.0), sum(3, 1, 1.0)];
    let before = [sum(1, 9, 1_000.0), sum(1, 9, 900.0), sum(4, 1, 9.0)];
    let all = more(&on, &before, 2);
    let told: Vec<(Option<i64>, f64, f64)> =
        all.iter().map(|more| (more.queryid, more.seconds, more.seconds_per_call)).collect();
    assert_eq!(told, [(Some(2), 450.0, 300.0), (Some(3), 0.5, 1.0)]);
}
