//! What stands, and for how long.

use super::*;

#[test]
fn a_new_suggestion_is_news_once_and_stays_with_new_figures() {
    let mut book = Book::new();
    let changes = book.fold(NOON, &catalog(vec![]), Some(&[create()]), None);
    assert_eq!((changes.len(), changes[0].before), (1, None));
    let better = Suggestion { saved_seconds_per_day: 60.0, ..create() };
    let changes = book.fold(NOON + 6 * HOUR, &catalog(vec![]), Some(&[better]), None);
    assert!(!changes[0].is_news());
    let line = book.line("create-1");
    assert_eq!(
        (line.state, line.suggested_at, line.seen_at),
        (Stage::Suggested, NOON, NOON + 6 * HOUR)
    );
    assert!((line.saved_seconds_per_day - 60.0).abs() < 1e-9);
    assert_eq!(line.estimated_speedup, Some(100.0));
    assert_eq!(book.fold(NOON + 7 * HOUR, &catalog(vec![]), None, None), vec![], "nothing new");
}

#[test]
fn what_is_missed_twice_is_withdrawn_and_comes_back_if_it_is_suggested_again() {
    let mut book = Book::new();
    book.fold(NOON, &catalog(vec![]), Some(&[create()]), None);
    book.fold(NOON + 1, &catalog(vec![]), Some(&[]), None);
    assert_eq!(
        book.line("create-1").state,
        Stage::Suggested,
        "near a threshold things come and go"
    );
    book.fold(NOON + 2, &catalog(vec![]), None, None);
    assert_eq!(book.line("create-1").state, Stage::Suggested, "nobody has asked");
    let changes = book.fold(NOON + 3, &catalog(vec![]), Some(&[]), None);
    assert!(changes[0].is_news());
    assert_eq!(book.line("create-1").state, Stage::Withdrawn);
    book.fold(NOON + 4, &catalog(vec![]), Some(&[create()]), None);
    assert_eq!(book.line("create-1").state, Stage::Suggested);
    assert_eq!(book.line("create-1").suggested_at, NOON);
}

#[test]
fn what_could_not_be_asked_is_not_withdrawn() {
    let mut book = Book { is_complete: false, ..Book::new() };
    book.fold(NOON, &catalog(vec![]), Some(&[create()]), None);
    for n in 1..9 {
        book.fold(NOON + n, &catalog(vec![]), Some(&[]), None);
    }
    assert_eq!(book.line("create-1").state, Stage::Suggested, "HypoPG was dropped");
}
