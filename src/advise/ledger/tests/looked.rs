//! What nobody has looked at is not unused.

use super::*;
use crate::history::{self, Batch, Covered, History, IndexGrowth, IndexUse, Limits, Place};

/// The state after so many hours in which the index was looked at for this share, its server has counted so many scans,
/// and the history none; a write takes so many seconds.
fn state(after: i64, looked: Option<f64>, counted: f64, write: f64) -> Stage {
    let mut book = Book::applied();
    let written = both(hours(-10..0, 1_000, 0.002), hours(2..9, 1_000, write));
    let mut known = past(&[(7, written)], &[7], 0);
    known.looked = looked.map(|looked| ("create-1".to_owned(), looked)).into_iter().collect();
    let there = index("Anna's index", vec![column("order_id")]);
    let there = catalog(vec![Index { scans: counted, ..there }]);
    book.fold(NOON + after * HOUR, &there, None, Some(&known));
    book.line("create-1").state
}

#[test]
fn an_index_is_unused_only_if_its_scans_are_known_for_most_of_the_time() {
    let two_weeks = 15 * 24;
    assert_eq!(state(two_weeks, Some(0.8), 0.0, 0.002), Stage::Regressed);
    assert_eq!(state(two_weeks, Some(0.5), 0.0, 0.002), Stage::Kept, "the agent was stopped");
    assert_eq!(state(two_weeks, None, 0.0, 0.002), Stage::Kept);
    assert_eq!(state(10, Some(0.8), 0.0, 0.004), Stage::Regressed);
    assert_eq!(state(10, Some(0.5), 0.0, 0.004), Stage::Applied);
}

#[test]
fn an_index_that_the_server_has_counted_a_scan_of_is_used_whatever_the_history_knows() {
    assert_eq!(state(15 * 24, Some(1.0), 3.0, 0.002), Stage::Kept);
    assert_eq!(state(10, Some(1.0), 3.0, 0.004), Stage::Applied);
}

/// For which share of the time since the index was made a history knows its scans that has looked in these hours, and
/// has met the index in the first of them. It was made in the hour after noon, and 11 hours are over.
fn looked(covered: std::ops::Range<i64>) -> Option<f64> {
    let place = || Place { server: "erp".into(), datname: "shop".into() };
    let keep = std::time::Duration::from_secs(35 * 86_400);
    let limits = Limits { keep, max_bytes: 1 << 30, statements: 2_000 };
    let history = History::open(None, limits).unwrap();
    let growth = |n| IndexGrowth {
        place: place(),
        hour: NOON + n * HOUR,
        schema: "public".into(),
        table: "sale_line".into(),
        index: "Anna's index".into(),
        growth: IndexUse::default(),
        bytes: 8_192,
    };
    let seconds = |n, kind| Covered {
        place: place(),
        hour: NOON + n * HOUR,
        kind,
        seconds: 3_600.0,
        resets: 0,
    };
    // That statements were looked at says nothing of indexes.
    let statements = (-10..12).map(|n| seconds(n, history::Kind::Statements));
    let usage = covered.clone().map(|n| seconds(n, history::Kind::Usage));
    history.record(Batch {
        at: NOON,
        covered: statements.chain(usage).collect(),
        indexes: covered.map(growth).collect(),
        ..Batch::default()
    });
    let book = Book::applied();
    let now = NOON + 12 * HOUR + measure::LATE;
    let watched = book.ledger.watched("shop", &made(), now);
    let past = history.ask(move |reader| Past::read(reader, &place(), &watched, now)).unwrap();
    let past = past.unwrap();
    assert!(past.scans.values().all(|scans| *scans == 0), "{past:?}");
    past.looked.get("create-1").copied()
}

#[test]
fn the_history_knows_for_which_share_of_the_time_it_has_looked() {
    // It was made in the first hour after noon, so ten hours are whole since: 2 to 11.
    assert_eq!(looked(2..12), Some(1.0));
    assert_eq!(looked(-10..12), Some(1.0), "what was before is no part of it");
    assert_eq!(looked(2..7), Some(0.5), "the agent was stopped");
    assert_eq!(looked(8..12), Some(0.4), "it was not there before");
    assert_eq!(looked(0..2), Some(0.0));
    assert_eq!(looked(0..0), None, "nobody has looked at all");
}
