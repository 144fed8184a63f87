//! Indexes of partitioned tables: one of the whole, or one of each part.

use super::*;
use crate::history::{self, Batch, Covered, History, IndexGrowth, IndexUse, Limits, Place};

const PARTS: [&str; 2] = ["public.i_1", "public.i_2"];

fn own(name: &str, is_attached: bool) -> Index {
    Index { is_attached, ..index(name, vec![column("order_id")]) }
}

/// A table of two parts with these indexes of its own and of its parts.
fn divided(whole: Vec<Index>, first: Vec<Index>, second: Vec<Index>) -> Catalog {
    let table = |oid, parent, name: &str, indexes| Table {
        oid,
        root: 7,
        parent,
        schema: "public".to_owned(),
        name: name.to_owned(),
        indexes,
        ..Table::default()
    };
    let mut catalog = Catalog::default();
    let root = table(7, 0, "sale_line", whole);
    catalog.add(Table { kind: Kind::Partitioned, leaves: vec![8, 9], ..root });
    catalog.add(table(8, 7, "sale_line_1", first));
    catalog.add(table(9, 7, "sale_line_2", second));
    catalog
}

fn bare() -> Catalog {
    divided(vec![], vec![], vec![])
}

fn singly() -> Catalog {
    divided(vec![], vec![own("i_1", false)], vec![own("i_2", false)])
}

fn whole() -> Catalog {
    divided(vec![own("i", false)], vec![own("i_1", true)], vec![own("i_2", true)])
}

/// Suggested at noon, and there an hour later.
fn applied(there: &Catalog) -> Book {
    let mut book = Book::new();
    book.fold(NOON, &bare(), Some(&[create()]), None);
    book.fold(NOON + HOUR, there, None, None);
    assert_eq!(book.line("create-1").state, Stage::Applied);
    book
}

/// With the scans of all indexes as the history has them: of that of the whole table, none.
fn scanned(of: &[(i64, Vec<StatementHour>)], scans: [u64; 2]) -> Past {
    let parts = PARTS.into_iter().zip(scans);
    let names = parts.chain([("public.i", 0)]).map(|(name, scans)| (name.to_owned(), scans));
    Past { scans: names.collect(), ..past(of, &[7], 0) }
}

fn dearer() -> [(i64, Vec<StatementHour>); 2] {
    let helped = both(hours(-10..0, 100, 0.010), hours(2..9, 100, 0.009));
    let written = both(hours(-10..0, 1_000, 0.002), hours(2..9, 1_000, 0.004));
    [(42, helped), (7, written)]
}

#[test]
fn every_part_must_have_it() {
    let parts = |of_first: bool, of_second: bool, of_whole: bool| {
        let there = |there: bool| if there { vec![own("i", false)] } else { vec![] };
        divided(there(of_whole), there(of_first), there(of_second))
    };
    let mut book = Book::new();
    book.fold(NOON, &parts(false, false, false), Some(&[create()]), None);
    book.fold(NOON + 1, &parts(true, false, false), None, None);
    let line = book.line("create-1");
    assert_eq!((line.state, line.applied_parts), (Stage::Suggested, Some((1, 2))));
    book.fold(NOON + 2, &parts(true, true, false), None, None);
    assert_eq!(book.line("create-1").state, Stage::Applied);
    book.fold(NOON + 3, &parts(true, true, true), None, None);
    assert_eq!(book.line("create-1").state, Stage::Applied);
}

#[test]
fn a_scan_in_any_part_counts() {
    let is_scanned = |scans| {
        let there = vec![Index { scans, ..own("i_2", true) }];
        let catalog = divided(vec![own("i", false)], vec![own("i_1", true)], there);
        same::is_scanned(&by_order(), &catalog.tables[&7], &catalog)
    };
    assert!(is_scanned(1.0) && !is_scanned(0.0));
}

#[test]
fn scans_are_those_of_all_parts_together() {
    for there in [whole(), singly()] {
        let mut book = applied(&there);
        let of = both(hours(-10..0, 100, 0.040), hours(2..9, 100, 0.010));
        book.fold(NOON + 10 * HOUR, &there, None, Some(&scanned(&[(42, of)], [300, 400])));
        let line = book.line("create-1");
        assert_eq!(line.measured.as_ref().unwrap().index_scans, Some(700), "{line:#?}");
    }
}

#[test]
fn one_that_the_history_knows_scans_of_is_used_also_when_the_server_has_begun_to_count_anew() {
    for there in [whole(), singly()] {
        let state = |now, scans| {
            let mut book = applied(&there);
            let [_, written] = dearer();
            book.fold(now, &there, None, Some(&scanned(&[written], scans)));
            book.line("create-1").state
        };
        assert_eq!(state(NOON + 10 * HOUR, [0, 5]), Stage::Applied, "writes are dearer");
        assert_eq!(state(NOON + 15 * DAY, [0, 5]), Stage::Kept, "two weeks are over");
        assert_eq!(state(NOON + 10 * HOUR, [0, 0]), Stage::Regressed);
    }
}

#[test]
fn the_undo_of_an_index_of_each_part_drops_them_all_and_is_done_when_they_are_gone() {
    let mut book = applied(&singly());
    assert_eq!(book.line("create-1").applied_as.as_deref(), Some("public.i_1, public.i_2"));
    book.fold(NOON + 10 * HOUR, &singly(), None, Some(&scanned(&dearer(), [9, 9])));
    let undo = book.line("undo-create-1");
    let drops = PARTS.map(|name| format!("drop index concurrently {name}"));
    assert_eq!(undo.ddl, drops);
    let told = "The indexes public.i_1, public.i_2 were suggested as create-1, and made: ";
    assert!(undo.explanation.starts_with(told), "{}", undo.explanation);

    let half = divided(vec![], vec![], vec![own("i_2", false)]);
    book.fold(NOON + 11 * HOUR, &half, None, None);
    let line = book.line("create-1");
    assert_eq!(line.state, Stage::Gone);
    assert_eq!(line.reason.as_deref(), Some("the index is only on 1 of 2 partitions"));
    assert_eq!(book.line("undo-create-1").state, Stage::Suggested, "one is still there");
    book.fold(NOON + 12 * HOUR, &bare(), None, None);
    assert_eq!(book.line("undo-create-1").state, Stage::Applied);
}

#[test]
fn what_is_attached_goes_with_what_it_is_attached_to() {
    let drops = |catalog: &Catalog| same::drops(&by_order(), &catalog.tables[&7], catalog);
    assert_eq!(drops(&whole()), ["drop index public.i"]);
    assert_eq!(drops(&catalog(vec![own("i", false)])), ["drop index concurrently public.i"]);
    // Somebody has attached one of the two, so that of the whole table is not valid.
    let half = Index { is_valid: false, ..own("i", false) };
    let half = divided(vec![half], vec![own("i_1", true)], vec![own("i_2", false)]);
    assert_eq!(drops(&half), ["drop index public.i", "drop index concurrently public.i_2"]);
    // What failed to be built is no part of it.
    let failed = Index { is_valid: false, ..own("i_2", false) };
    let failed = divided(vec![], vec![own("i_1", false)], vec![failed]);
    assert_eq!(drops(&failed), ["drop index concurrently public.i_1"]);
    let unique = Index { is_unique: true, ..own("i_2", false) };
    let unique = divided(vec![], vec![own("i_1", false)], vec![unique]);
    assert_eq!(drops(&unique), ["drop index concurrently public.i_1"], "that enforces something");
}

#[test]
fn the_history_has_looked_since_it_met_the_first_of_the_parts() {
    let place = || Place { server: "erp".into(), datname: "shop".into() };
    let keep = std::time::Duration::from_secs(35 * 86_400);
    let limits = Limits { keep, max_bytes: 1 << 30, statements: 2_000 };
    let history = History::open(None, limits).unwrap();
    let met = |n: i64, index: &str, idx_scan| IndexGrowth {
        place: place(),
        hour: NOON + n * HOUR,
        schema: "public".into(),
        table: "sale_line_1".into(),
        index: index.into(),
        growth: IndexUse { idx_scan, idx_tup_read: 0 },
        bytes: 8_192,
    };
    let seconds = |n: i64| Covered {
        place: place(),
        hour: NOON + n * HOUR,
        kind: history::Kind::Usage,
        seconds: 3_600.0,
        resets: 0,
    };
    // The second part is a new one: ten hours are whole since the index was made.
    history.record(Batch {
        at: NOON,
        covered: (2..12).map(seconds).collect(),
        indexes: vec![met(2, "i_1", 3), met(9, "i_2", 4), met(2, "i", 0)],
        ..Batch::default()
    });
    let book = applied(&whole());
    let now = NOON + 12 * HOUR + measure::LATE;
    let watched = book.ledger.watched("shop", &whole(), now);
    assert_eq!(watched[0].indexes, PARTS);
    let past = history.ask(move |reader| Past::read(reader, &place(), &watched, now)).unwrap();
    let past = past.unwrap();
    assert_eq!(past.looked.get("create-1").copied(), Some(1.0));
    assert_eq!(past.scans_of(&PARTS.map(str::to_owned)), Some(7));
}
