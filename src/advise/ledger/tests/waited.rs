//! Lines that nobody could say anything of for long.

use super::*;

#[test]
fn what_nobody_could_judge_in_its_last_days_is_judged_when_somebody_can() {
    let late = NOON + 60 * DAY;
    let mut book = Book::applied();
    book.fold(late - HOUR, &made(), None, None);
    assert_eq!(book.line("create-1").state, Stage::Applied, "the history could not be read");
    assert_eq!(book.ledger.watched("shop", &made(), late).len(), 1);
    let of = both(hours(-10..0, 100, 0.040), hours(2..1_400, 100, 0.041));
    book.fold(late, &made(), None, Some(&past(&[(42, of)], &[], 9)));
    let line = book.line("create-1");
    assert_eq!(line.state, Stage::Kept);
    let after = line.measured.as_ref().unwrap().helped.hours_after;
    assert_eq!(after, 14 * 24, "of the two weeks alone, however late it is");
    assert!(book.ledger.watched("shop", &made(), late + HOUR).is_empty(), "that is said once");
}

#[test]
fn harm_is_said_late_rather_than_never() {
    let mut book = Book::applied();
    let slow = both(hours(-10..0, 100, 0.010), hours(2..300, 100, 0.020));
    book.fold(NOON + 30 * DAY, &made(), None, Some(&past(&[(42, slow)], &[], 700)));
    assert_eq!(book.line("create-1").state, Stage::Regressed);
    assert_eq!(book.line("undo-create-1").state, Stage::Suggested);
}

#[test]
fn with_its_database_all_lines_are_gone_whatever_had_become_of_them() {
    let mut book = Book::applied();
    let other = suggestion("drop-1", "drop", "drop index concurrently public.old");
    let there =
        || catalog(vec![index("Anna's index", vec![column("order_id")]), index("old", vec![])]);
    book.fold(NOON + 2 * HOUR, &there(), Some(&[create(), other]), None);
    assert_eq!(book.ledger.open(), [Arc::from("shop")]);
    assert_eq!(book.ledger.without("erp", NOON + 3 * HOUR), vec![], "another one");
    let changes = book.ledger.without("shop", NOON + 3 * HOUR);
    let before: Vec<_> = changes.iter().map(|change| change.before).collect();
    assert_eq!(before, [Some(Stage::Applied), Some(Stage::Suggested)]);
    for line in book.ledger.lines() {
        assert_eq!((line.state, line.updated_at), (Stage::Gone, NOON + 3 * HOUR));
        assert_eq!(line.reason.as_deref(), Some("the database is not there any more"));
    }
    assert!(book.ledger.open().is_empty(), "it is not looked at any more");
    assert_eq!(book.ledger.without("shop", NOON + 4 * HOUR), vec![]);
    book.fold(NOON + DAY, &catalog(vec![]), Some(&[create()]), None);
    assert_eq!(book.line("create-1").state, Stage::Suggested, "there is one of the name again");
}
