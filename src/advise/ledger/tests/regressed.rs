//! What has made things worse.

use super::*;

#[test]
fn an_index_that_makes_it_worse_regresses_and_its_undo_is_suggested() {
    let mut book = Book::applied();
    // It helps a little, and writes cost much more.
    let helped = both(hours(-10..0, 100, 0.010), hours(2..9, 100, 0.009));
    let written = both(hours(-10..0, 1_000, 0.002), hours(2..9, 1_000, 0.004));
    let known = past(&[(42, helped), (7, written)], &[7], 700);
    let changes = book.fold(NOON + 10 * HOUR, &made(), None, Some(&known));
    let line = book.line("create-1");
    assert_eq!(line.state, Stage::Regressed);
    let reason = line.reason.as_deref().unwrap();
    assert!(reason.contains("% more time"), "{reason}");
    let undo = book.line("undo-create-1");
    assert_eq!((undo.state, undo.action.as_str()), (Stage::Suggested, "drop"));
    assert_eq!(undo.ddl, ["drop index concurrently public.\"Anna's index\""]);
    assert!(undo.undo.starts_with("create index"), "{}", undo.undo);
    assert!(undo.explanation.contains(reason));
    assert_eq!(changes.iter().filter(|change| change.is_news()).count(), 2);

    // A run that does not know of it leaves it; the drop is seen, and nothing is suggested anew.
    book.fold(NOON + 11 * HOUR, &made(), Some(&[]), None);
    book.fold(NOON + 12 * HOUR, &made(), Some(&[]), None);
    assert_eq!(book.line("undo-create-1").state, Stage::Suggested);
    book.fold(NOON + 13 * HOUR, &catalog(vec![]), None, None);
    assert_eq!(book.line("undo-create-1").state, Stage::Applied);
    assert_eq!(book.line("create-1").state, Stage::Gone);
    book.fold(NOON + 14 * HOUR, &catalog(vec![]), Some(&[create()]), None);
    assert_eq!(book.line("create-1").state, Stage::Gone, "once bitten");
    book.fold(NOON + 100 * DAY, &catalog(vec![]), Some(&[create()]), None);
    assert_eq!(book.line("create-1").state, Stage::Suggested, "another season");
}

#[test]
fn an_unused_index_regresses_when_writes_become_dearer_or_after_two_weeks() {
    let idle = both(hours(-10..0, 1_000, 0.002), hours(2..9, 1_000, 0.002));
    let dearer = both(hours(-10..0, 1_000, 0.002), hours(2..9, 1_000, 0.004));
    let state = |written: &Vec<StatementHour>, scans, now| {
        let mut book = Book::applied();
        let known = past(&[(7, written.clone())], &[7], scans);
        book.fold(now, &made(), None, Some(&known));
        book.line("create-1").state
    };
    assert_eq!(state(&dearer, 0, NOON + 10 * HOUR), Stage::Regressed);
    assert_eq!(state(&dearer, 5, NOON + 10 * HOUR), Stage::Applied, "it is used");
    assert_eq!(state(&idle, 0, NOON + 10 * HOUR), Stage::Applied);
    assert_eq!(state(&idle, 0, NOON + 15 * DAY), Stage::Regressed);
    assert_eq!(state(&idle, 5, NOON + 15 * DAY), Stage::Kept);
}

/// Made, unused for two weeks, and dropped an hour after that was said.
fn unused_and_dropped() -> Book {
    let mut book = Book::applied();
    let idle = both(hours(-10..0, 1_000, 0.002), hours(2..9, 1_000, 0.002));
    book.fold(NOON + 15 * DAY, &made(), None, Some(&past(&[(7, idle)], &[7], 0)));
    let line = book.line("create-1");
    assert_eq!((line.state, &line.measured), (Stage::Regressed, &None));
    book.fold(NOON + 15 * DAY + HOUR, &catalog(vec![]), None, None);
    assert_eq!(book.line("create-1").state, Stage::Gone);
    book
}

#[test]
fn what_nothing_had_used_rests_when_it_was_taken_back_and_an_agent_that_begins_anew_knows() {
    let book = unused_and_dropped();
    let rows: Vec<_> = book.ledger.lines().map(|line| line.to_row().unwrap()).collect();
    let lines = rows.iter().map(|row| Line::from_row(row).unwrap()).collect();
    let mut book = Book { ledger: Ledger::of(lines), is_complete: true };
    let dropped = NOON + 15 * DAY + HOUR;
    assert_eq!(book.line("create-1").taken_back_at, Some(dropped));
    for now in [dropped + HOUR, dropped + 89 * DAY] {
        book.fold(now, &catalog(vec![]), Some(&[create()]), None);
        assert_eq!(book.line("create-1").state, Stage::Gone, "once bitten");
    }
    book.fold(dropped + 90 * DAY, &catalog(vec![]), Some(&[create()]), None);
    let line = book.line("create-1");
    assert_eq!((line.state, line.taken_back_at), (Stage::Suggested, None), "another season");
}

#[test]
fn a_line_that_was_taken_back_before_that_was_kept_rests_by_its_figures_if_it_has_some() {
    let mut harmful = Book::applied();
    let slow = both(hours(-10..0, 100, 0.010), hours(2..9, 100, 0.020));
    harmful.fold(NOON + 10 * HOUR, &made(), None, Some(&past(&[(42, slow)], &[], 700)));
    harmful.fold(NOON + 11 * HOUR, &catalog(vec![]), None, None);
    for (book, state) in [(harmful, Stage::Gone), (unused_and_dropped(), Stage::Suggested)] {
        let mut row = book.line("create-1").to_row().unwrap();
        let mut json: serde_json::Value = serde_json::from_str(&row.payload).unwrap();
        json.as_object_mut().unwrap().remove("taken_back_at").unwrap();
        row.payload = json.to_string();
        let lines = vec![Line::from_row(&row).unwrap()];
        let mut book = Book { ledger: Ledger::of(lines), is_complete: true };
        book.fold(NOON + 16 * DAY, &catalog(vec![]), Some(&[create()]), None);
        assert_eq!(book.line("create-1").state, state);
    }
}

#[test]
fn a_regression_that_passes_withdraws_its_undo() {
    let mut book = Book::applied();
    let slow = both(hours(-10..0, 100, 0.010), hours(2..9, 100, 0.020));
    book.fold(NOON + 10 * HOUR, &made(), None, Some(&past(&[(42, slow)], &[], 700)));
    assert_eq!(book.line("undo-create-1").state, Stage::Suggested);
    let fast = both(hours(-10..0, 100, 0.010), hours(2..60, 100, 0.004));
    book.fold(NOON + 61 * HOUR, &made(), None, Some(&past(&[(42, fast)], &[], 700)));
    assert_eq!(book.line("create-1").state, Stage::Kept);
    assert_eq!(book.line("undo-create-1").state, Stage::Withdrawn);
}
