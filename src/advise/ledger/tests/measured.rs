//! What it has brought.

use super::*;

#[test]
fn what_it_brought_is_measured_from_whole_hours_of_both_sides() {
    let mut book = Book::applied();
    // Of the hours 0 and 1 it is not known on which side they are.
    let of = |last| both(hours(-10..2, 100, 0.040), hours(1..last, 100, 0.010));
    let look = |book: &mut Book, now, last| {
        book.fold(now, &made(), None, Some(&past(&[(42, of(last))], &[], 400)));
    };
    look(&mut book, NOON + 5 * HOUR, 5);
    assert_eq!(book.line("create-1").state, Stage::Applied, "the last hour may not be written yet");
    look(&mut book, NOON + 5 * HOUR + 1_000, 5);
    let line = book.line("create-1");
    assert_eq!((line.state, line.measured_at), (Stage::Measured, Some(NOON + 5 * HOUR + 1_000)));
    let measured = line.measured.as_ref().unwrap();
    assert_eq!((measured.helped.hours_before, measured.helped.hours_after), (10, 3));
    assert_eq!((measured.helped.calls_before, measured.helped.calls_after), (1_000, 300));
    assert!((measured.helped.speedup - 4.0).abs() < 0.4, "{measured:?}");
    assert!(measured.helped.p_value < 0.01, "{measured:?}");
    assert_eq!(measured.statements[0].queryid, "42");
    assert_eq!(measured.index_scans, Some(400));
    look(&mut book, NOON + 30 * HOUR, 30);
    assert_eq!(book.line("create-1").state, Stage::Kept, "after a day");
}

#[test]
fn too_few_hours_or_calls_measure_nothing() {
    for (calls, last) in [(1, 6), (100, 4)] {
        let mut book = Book::applied();
        let of = both(hours(-10..0, calls, 0.040), hours(2..last, calls, 0.010));
        book.fold(NOON + 20 * HOUR, &made(), None, Some(&past(&[(42, of)], &[], 9)));
        assert_eq!(book.line("create-1").state, Stage::Applied, "{calls} {last}");
    }
}

#[test]
fn what_may_be_chance_is_no_verdict_until_two_weeks_are_over() {
    let mut book = Book::applied();
    let of = || both(hours(-48..0, 100, 0.040), hours(2..400, 100, 0.0399));
    book.fold(NOON + 48 * HOUR, &made(), None, Some(&past(&[(42, of())], &[], 9)));
    assert_eq!(book.line("create-1").state, Stage::Measured);
    book.fold(NOON + 2 * HOUR + 14 * DAY, &made(), None, Some(&past(&[(42, of())], &[], 9)));
    assert_eq!(book.line("create-1").state, Stage::Kept, "it is no worse");
}

#[test]
fn more_or_fewer_calls_of_a_statement_are_no_merit_of_the_index() {
    let mut book = Book::new();
    let mut two = create();
    two.helps.push(Helped { queryid: Some("43".to_owned()), ..two.helps[0].clone() });
    book.fold(NOON, &catalog(vec![]), Some(&[two]), None);
    book.fold(NOON + HOUR, &made(), None, None);
    // The slow statement is called ten times less often; neither takes less time.
    let slow = both(hours(-10..0, 100, 0.100), hours(2..9, 10, 0.100));
    let fast = both(hours(-10..0, 100, 0.001), hours(2..9, 100, 0.001));
    book.fold(NOON + 10 * HOUR, &made(), None, Some(&past(&[(42, slow), (43, fast)], &[], 9)));
    let measured = book.line("create-1").measured.as_ref().unwrap();
    assert!((measured.helped.speedup - 1.0).abs() < 0.1, "{measured:?}");
    assert!(measured.helped.p_value > 0.01, "{measured:?}");
}

#[test]
fn suggestions_for_the_same_statements_are_measured_together_and_say_so() {
    let mut book = Book::new();
    let other =
        Suggestion { id: "drop-9".to_owned(), ..suggestion("", "drop", "drop index public.x") };
    let x = || index("x", vec![column("z")]);
    book.fold(NOON, &catalog(vec![x()]), Some(&[create(), other]), None);
    book.fold(NOON + HOUR, &made(), None, None);
    let of = both(hours(-10..0, 100, 0.040), hours(2..9, 100, 0.010));
    book.fold(NOON + 10 * HOUR, &made(), None, Some(&past(&[(42, of)], &[], 9)));
    let measured = book.line("create-1").measured.as_ref().unwrap();
    assert_eq!(measured.together_with, ["drop-9"]);
}

/// Hours of some days, from midnight on, with calls of so many seconds by day and of a third of that by night.
fn by_day(hours_of: std::ops::Range<i64>, mean: f64) -> Vec<StatementHour> {
    let mean = |n: i64| if (8..20).contains(&n.rem_euclid(24)) { mean } else { mean / 3.0 };
    hours_of.flat_map(|n| hours(n..n + 1, 100, mean(n))).collect()
}

#[test]
fn hours_of_a_busy_day_are_compared_with_hours_of_busy_days() {
    let mut book = Book::new();
    book.fold(NOON + 7 * HOUR, &catalog(vec![]), Some(&[create()]), None);
    book.fold(NOON + 8 * HOUR, &made(), None, None);
    let look = |book: &mut Book, last: i64, mean| {
        let of = both(by_day(-14 * 24..7, 0.030), by_day(9..last, mean));
        book.fold(NOON + (last + 1) * HOUR, &made(), None, Some(&past(&[(42, of)], &[], 400)));
        let line = book.line("create-1");
        (line.state, line.measured.as_ref().unwrap().helped.clone())
    };
    // Mornings are slower than nights, and this one is as others were.
    let (state, helped) = look(&mut book, 14, 0.030);
    assert_eq!(state, Stage::Measured, "{helped:?}");
    assert_eq!((helped.hours_before, helped.hours_after), (14 * 5, 5));
    assert!((helped.speedup - 1.0).abs() < 0.05, "{helped:?}");
    // One that is slower than other mornings, if faster than the whole of a day, is seen.
    let (state, helped) = look(&mut book, 18, 0.040);
    assert_eq!(state, Stage::Regressed, "{helped:?}");
    // Once a day is over all hours count.
    let (_, helped) = look(&mut book, 40, 0.030);
    assert_eq!((helped.hours_before, helped.hours_after), (14 * 24, 31));
}

#[test]
fn one_hour_unlike_all_others_is_no_proof_against_an_index_that_made_the_others_faster() {
    let mut book = Book::applied();
    let incident = hours(20..21, 100, 2.0);
    let after =
        || both(hours(2..20, 100, 0.030), both(incident.clone(), hours(21..26, 100, 0.030)));
    let of = both(hours(-48..0, 100, 0.040), after());
    book.fold(NOON + 28 * HOUR, &made(), None, Some(&past(&[(42, of)], &[], 400)));
    let line = book.line("create-1");
    let helped = &line.measured.as_ref().unwrap().helped;
    assert!(helped.speedup < 0.5, "{helped:?}");
    assert_eq!((line.state, helped.p_value), (Stage::Measured, 1.0), "{helped:?}");
}
