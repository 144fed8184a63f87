//! What was built anew, and came to the same again.

use super::*;

fn reindex() -> Suggestion {
    let ddl = "reindex index concurrently public.fat";
    let suggestion = suggestion("reindex-1", "reindex", ddl);
    Suggestion { reason: "bloated", helps: vec![], undo: vec![], ..suggestion }
}

fn fat(filenode: u32) -> Catalog {
    catalog(vec![Index { oid: 5, filenode, ..index("fat", vec![column("b")]) }])
}

/// Suggested at noon, and built anew an hour later.
fn rebuilt() -> Book {
    let mut book = Book::new();
    book.fold(NOON, &fat(5), Some(&[reindex()]), None);
    book.fold(NOON + HOUR, &fat(6), None, None);
    assert_eq!(book.line("reindex-1").state, Stage::Applied);
    book
}

#[test]
fn an_index_that_is_bloated_again_half_a_year_after_it_was_rebuilt_is_suggested_again() {
    let mut book = rebuilt();
    let kept = NOON + 15 * DAY;
    book.fold(kept, &fat(6), None, Some(&Past::default()));
    assert_eq!(book.line("reindex-1").state, Stage::Kept);
    let rows: Vec<_> = book.ledger.lines().map(|line| line.to_row().unwrap()).collect();
    let lines = rows.iter().map(|row| Line::from_row(row).unwrap()).collect();
    let mut book = Book { ledger: Ledger::of(lines), is_complete: true };

    let again = NOON + 180 * DAY;
    let changes = book.fold(again, &fat(6), Some(&[reindex()]), None);
    assert!(changes.len() == 1 && changes[0].is_news(), "{changes:#?}");
    let line = book.line("reindex-1");
    assert_eq!((line.state, line.applied_at, line.seen_at), (Stage::Suggested, None, again));
    assert_eq!(line.built, Some(Built { oid: 5, filenode: 6 }));
    book.fold(again + HOUR, &fat(6), None, None);
    assert_eq!(book.line("reindex-1").state, Stage::Suggested);
    book.fold(again + 2 * HOUR, &fat(7), None, None);
    let line = book.line("reindex-1");
    assert_eq!((line.state, line.applied_at), (Stage::Applied, Some(again + 2 * HOUR)));
}

#[test]
fn what_is_suggested_while_the_rebuilding_is_measured_changes_nothing() {
    let mut book = rebuilt();
    for now in [NOON + 2 * HOUR, NOON + HOUR + 14 * DAY - 1] {
        book.fold(now, &fat(6), Some(&[reindex()]), None);
        assert_eq!(book.line("reindex-1").state, Stage::Applied);
    }
    book.fold(NOON + HOUR + 14 * DAY, &fat(6), Some(&[reindex()]), None);
    assert_eq!(book.line("reindex-1").state, Stage::Suggested);
}

#[test]
fn an_index_that_was_gone_and_is_there_again_was_not_rebuilt_when_that_is_suggested() {
    let mut book = rebuilt();
    book.fold(NOON + 2 * HOUR, &catalog(vec![]), None, None);
    assert_eq!(book.line("reindex-1").state, Stage::Gone);
    book.fold(NOON + 9 * DAY, &fat(9), Some(&[reindex()]), None);
    let line = book.line("reindex-1");
    assert_eq!(line.state, Stage::Suggested);
    assert_eq!(line.built, Some(Built { oid: 5, filenode: 9 }));
}
