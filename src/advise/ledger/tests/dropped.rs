//! What a drop has cost: asked of all statements that name its table.

use super::*;

const UNDO: &str = "create index concurrently \"Old on one\" ON public.sale_line USING btree (a)";

fn old() -> Index {
    index("Old on one", vec![column("a")])
}

/// Suggested at noon, and dropped an hour later.
fn dropped() -> Book {
    let drop = suggestion("drop-1", "drop", "drop index concurrently public.\"Old on one\"");
    let drop = Suggestion { reason: "unused", helps: vec![], undo: vec![UNDO.to_owned()], ..drop };
    let mut book = Book::new();
    book.fold(NOON, &catalog(vec![old()]), Some(&[drop]), None);
    book.fold(NOON + 50 * 60, &catalog(vec![old()]), None, None);
    book.fold(NOON + HOUR, &catalog(vec![]), None, None);
    assert_eq!(book.line("drop-1").state, Stage::Applied);
    book
}

fn look(book: &mut Book, now: i64, of: &[(i64, Vec<StatementHour>)]) -> Line {
    book.fold(now, &catalog(vec![]), None, Some(&past(of, &[], 0)));
    book.line("drop-1").clone()
}

#[test]
fn a_drop_after_which_nothing_is_slower_is_kept_and_says_what_was_compared() {
    let mut book = dropped();
    let of = |last| {
        let same = both(hours(-10..0, 100, 0.040), hours(2..last, 100, 0.041));
        let seldom = both(hours(-10..0, 1, 0.040), hours(2..3, 1, 0.010));
        [(42, same), (43, seldom), (44, hours(-10..0, 100, 0.020))]
    };
    let line = look(&mut book, NOON + 12 * HOUR, &of(11));
    assert_eq!((line.state, line.reason), (Stage::Measured, None));
    let line = look(&mut book, NOON + 14 * DAY + HOUR, &of(300));
    let reason = line.reason.unwrap();
    assert_eq!(line.state, Stage::Kept);
    assert!(reason.starts_with("nothing became slower: 2 of the statements"), "{reason}");
    assert!(reason.contains("(29801 calls since)"), "{reason}");
}

#[test]
fn a_drop_of_which_nothing_can_be_compared_is_kept_and_says_so() {
    let mut book = dropped();
    let of = [(42, hours(-10..0, 100, 0.040))];
    assert_eq!(look(&mut book, NOON + 30 * HOUR, &of).state, Stage::Applied);
    let line = look(&mut book, NOON + 14 * DAY + HOUR, &of);
    assert_eq!(line.state, Stage::Kept);
    assert!(line.reason.unwrap().starts_with("nothing could be compared"), "{:?}", line.measured);
}

#[test]
fn one_slower_statement_among_many_fast_ones_is_enough_to_take_a_drop_back() {
    let mut book = dropped();
    // All together it is a hundredth.
    let busy = || both(hours(-10..0, 10_000, 0.040), hours(2..20, 10_000, 0.040));
    let slower = || both(hours(-10..0, 20, 0.010), hours(2..20, 20, 0.200));
    let of = [(42, busy()), (43, slower())];
    let line = look(&mut book, NOON + 21 * HOUR, &of);
    assert_eq!(line.state, Stage::Regressed);
    let reason = line.reason.as_deref().unwrap();
    assert!(reason.starts_with("the statement with queryid 43"), "{reason}");
    assert_eq!(line.measured.as_ref().unwrap().slower.as_ref().unwrap().queryid, "43");
    let undo = book.line("undo-drop-1").clone();
    assert_eq!((undo.state, undo.action.as_str()), (Stage::Suggested, "create"));
    assert_eq!(
        (undo.ddl.as_slice(), undo.cause.as_deref()),
        (&[UNDO.to_owned()][..], Some("regressed"))
    );
    assert_eq!(undo.undo, "drop index concurrently public.\"Old on one\"");
    assert!(undo.explanation.contains(reason), "{}", undo.explanation);

    // It is made again: that is seen by its name, and measured like the drop was.
    book.fold(NOON + 22 * HOUR, &catalog(vec![old()]), None, None);
    assert_eq!(book.line("drop-1").state, Stage::Gone);
    assert_eq!(book.line("drop-1").reason.as_deref(), Some("the index is there again"));
    let undo = book.line("undo-drop-1");
    assert_eq!(undo.state, Stage::Applied);
    assert_eq!(undo.applied_as.as_deref(), Some("public.\"Old on one\""));
    let again = suggestion("drop-1", "drop", "drop index concurrently public.\"Old on one\"");
    book.fold(NOON + 23 * HOUR, &catalog(vec![old()]), Some(&[again]), None);
    assert_eq!(book.line("drop-1").state, Stage::Gone, "once bitten");
    let fast = || both(hours(2..22, 20, 0.200), hours(23..60, 20, 0.010));
    let known = past(&[(43, fast())], &[], 0);
    book.fold(NOON + 61 * HOUR, &catalog(vec![old()]), None, Some(&known));
    let undo = book.line("undo-drop-1");
    assert_eq!(undo.state, Stage::Kept, "{undo:#?}");
}

#[test]
fn all_together_slower_by_a_tenth_takes_a_drop_back_and_one_alone_does_not() {
    let slower = || both(hours(-48..0, 500, 0.010), hours(2..50, 500, 0.011));
    let mut book = dropped();
    let line = look(&mut book, NOON + 51 * HOUR, &[(42, slower()), (43, slower())]);
    assert_eq!(line.state, Stage::Regressed);
    let reason = line.reason.unwrap();
    assert!(reason.starts_with("the statements that name public.sale_line take 10 %"), "{reason}");
    let busy = both(hours(-48..0, 500, 0.100), hours(2..50, 500, 0.100));
    let mut book = dropped();
    let line = look(&mut book, NOON + 51 * HOUR, &[(42, busy), (43, slower())]);
    assert_eq!(line.state, Stage::Measured);
}

#[test]
fn what_nobody_could_use_is_not_measured() {
    // Earlier versions wrote an undo.
    for undo in [vec![], vec![UNDO.to_owned()]] {
        let drop = suggestion("drop-1", "drop", "drop index concurrently public.\"Old on one\"");
        let drop = Suggestion { reason: "invalid", helps: vec![], undo, ..drop };
        let mut book = Book::new();
        book.fold(NOON, &catalog(vec![old()]), Some(&[drop]), None);
        book.fold(NOON + HOUR, &catalog(vec![]), None, None);
        let slower = both(hours(-10..0, 100, 0.010), hours(2..20, 100, 0.200));
        let line = look(&mut book, NOON + 21 * HOUR, &[(42, slower)]);
        assert_eq!((line.state, line.measured), (Stage::Applied, None));
        assert!(book.ledger.lines().all(|line| line.undoes.is_none()));
    }
}

#[test]
fn a_regression_of_a_drop_that_passes_withdraws_its_undo_and_one_that_comes_again_renews_it() {
    let mut book = dropped();
    let slow = |last, mean| [(42, both(hours(-10..0, 100, 0.010), hours(2..last, 100, mean)))];
    look(&mut book, NOON + 10 * HOUR, &slow(9, 0.040));
    assert_eq!(book.line("undo-drop-1").state, Stage::Suggested);
    look(&mut book, NOON + 60 * HOUR, &slow(59, 0.010));
    assert_eq!(book.line("undo-drop-1").state, Stage::Withdrawn);
    look(&mut book, NOON + 90 * HOUR, &slow(89, 0.040));
    assert_eq!(book.line("undo-drop-1").state, Stage::Suggested);
}
