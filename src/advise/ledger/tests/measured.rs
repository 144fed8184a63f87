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
