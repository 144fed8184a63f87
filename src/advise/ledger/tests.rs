//! The ledger, fold by fold.

use super::line::Built;
use super::*;
use crate::advise::catalog::{IndexKey, Kind, Table};
use crate::advise::definition::{Key, Method, What};
use crate::advise::suggestion::{Confidence, Helped};
use crate::history::{HOUR, StatementHour, Work};

/// The first second of an hour.
const NOON: i64 = 1_800_000_000 / HOUR * HOUR;
const DAY: i64 = 24 * HOUR;

fn by_order() -> Definition {
    Definition::btree(7, vec![Key::column("order_id")])
}

fn suggestion(id: &str, action: &'static str, ddl: &str) -> Suggestion {
    Suggestion {
        id: id.to_owned(),
        action,
        reason: "workload",
        index: None,
        after: None,
        confidence: Confidence::High,
        datname: "shop".to_owned(),
        table: "public.sale_line".to_owned(),
        module: "sales".to_owned(),
        ddl: vec![ddl.to_owned()],
        undo: vec!["drop index concurrently public.sale_line_order_id_idx".to_owned()],
        helps: vec![Helped {
            queryid: Some("42".to_owned()),
            query: "select * from sale_line where order_id = $1".to_owned(),
            calls_per_day: 1_000.0,
            seconds_per_day: 50.0,
            share_of_load: 0.4,
            cost_before: 1_000.0,
            cost_after: 10.0,
        }],
        saved_seconds_per_day: 49.0,
        upkeep_seconds_per_day: 0.5,
        hot_updates_ended_per_day: 0.0,
        size_bytes: 1e6,
        build_seconds: 1.0,
        checked_by: "what-if",
        warnings: vec![],
        explanation: "one statement".to_owned(),
    }
}

fn create() -> Suggestion {
    let ddl = "create index concurrently sale_line_order_id_idx on public.sale_line (order_id)";
    suggestion("create-1", "create", ddl)
}

fn column(name: &str) -> IndexKey {
    IndexKey { sql: name.to_owned(), column: Some(name.to_owned()), ..IndexKey::default() }
}

fn index(name: &str, keys: Vec<IndexKey>) -> Index {
    Index {
        oid: 100,
        name: name.to_owned(),
        method: "btree".to_owned(),
        is_valid: true,
        keys,
        filenode: 100,
        ..Index::default()
    }
}

fn catalog(indexes: Vec<Index>) -> Catalog {
    let mut catalog = Catalog::default();
    catalog.add(Table {
        oid: 7,
        root: 7,
        schema: "public".to_owned(),
        name: "sale_line".to_owned(),
        indexes,
        ..Table::default()
    });
    catalog
}

/// A ledger of one database and its ways to be folded.
struct Book {
    ledger: Ledger,
    is_complete: bool,
}

impl Book {
    fn new() -> Self {
        Self { ledger: Ledger::default(), is_complete: true }
    }

    fn fold(
        &mut self,
        now: i64,
        catalog: &Catalog,
        suggestions: Option<&[Suggestion]>,
        past: Option<&Past>,
    ) -> Vec<Change> {
        let definitions = BTreeMap::from([("create-1".to_owned(), by_order())]);
        let is_complete = self.is_complete;
        let today = suggestions.map(|suggestions| Today {
            suggestions,
            definitions: &definitions,
            is_complete,
        });
        let (server, datname) = (Arc::from("erp"), Arc::from("shop"));
        let look = Look { server: &server, datname: &datname, now, catalog, today, past };
        self.ledger.fold(&look)
    }

    fn line(&self, id: &str) -> &Line {
        self.ledger.lines().find(|line| line.id == id).unwrap()
    }

    /// It was suggested at noon, and an hour later somebody had made it.
    fn applied() -> Self {
        let mut book = Self::new();
        book.fold(NOON, &catalog(vec![]), Some(&[create()]), None);
        book.fold(NOON + 50 * 60, &catalog(vec![]), None, None);
        book.fold(NOON + HOUR, &made(), None, None);
        book
    }
}

fn made() -> Catalog {
    catalog(vec![index("Anna's index", vec![column("order_id")])])
}

/// Hours with so many calls of so many seconds each.
fn hours(range: std::ops::Range<i64>, calls: u64, mean: f64) -> Vec<StatementHour> {
    range
        .map(|n| {
            // Some hours are slower than others.
            let factor = 1.0 + 0.1 * ((n.rem_euclid(5) as f64) - 2.0) / 2.0;
            let exec_seconds = calls as f64 * mean * factor;
            let work = Work { calls, exec_seconds, ..Work::default() };
            StatementHour { hour: NOON + n * HOUR, work }
        })
        .collect()
}

fn both(before: Vec<StatementHour>, after: Vec<StatementHour>) -> Vec<StatementHour> {
    before.into_iter().chain(after).collect()
}

fn past(of: &[(i64, Vec<StatementHour>)], writers: &[i64], scans: u64) -> Past {
    Past {
        hours: of.iter().cloned().collect(),
        writers: BTreeMap::from([("public.sale_line".to_owned(), writers.to_vec())]),
        scans: BTreeMap::from([("public.\"Anna's index\"".to_owned(), scans)]),
    }
}

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

#[test]
fn an_index_of_another_name_is_the_suggested_one() {
    let book = Book::applied();
    let line = book.line("create-1");
    assert_eq!(line.state, Stage::Applied);
    assert_eq!(line.applied_as.as_deref(), Some("public.\"Anna's index\""));
    assert_eq!((line.not_applied_at, line.applied_at), (Some(NOON + 50 * 60), Some(NOON + HOUR)));
}

#[test]
fn an_index_that_is_much_like_it_is_not_the_suggested_one() {
    let here = |there: Index| {
        let mut book = Book::new();
        book.fold(NOON, &catalog(vec![]), Some(&[create()]), None);
        book.fold(NOON + HOUR, &catalog(vec![there]), None, None);
        book.line("create-1").state
    };
    let same = || index("i", vec![column("order_id")]);
    assert_eq!(here(same()), Stage::Applied);
    let down = IndexKey { is_descending: true, nulls_first: true, ..column("order_id") };
    assert_eq!(here(index("i", vec![down])), Stage::Applied, "a b-tree is read from either end");
    let includes = vec!["price".to_owned()];
    assert_eq!(here(Index { includes, ..same() }), Stage::Applied, "more is carried");
    let pattern = Some("text_pattern_ops".to_owned());
    for other in [
        index("i", vec![column("order_id"), column("state")]),
        index("i", vec![column("state"), column("order_id")]),
        index("i", vec![IndexKey { opclass: pattern, ..column("order_id") }]),
        Index { predicate: Some("(state = 'open'::text)".to_owned()), ..same() },
        Index { method: "hash".to_owned(), ..same() },
        Index { is_valid: false, ..same() },
        Index { definition: "create index i on t (order_id COLLATE \"C\")".to_owned(), ..same() },
        index("i", vec![IndexKey { column: None, sql: "(order_id)".to_owned(), ..column("") }]),
    ] {
        assert_eq!(here(other.clone()), Stage::Suggested, "{other:?}");
    }
}

#[test]
fn keys_rows_and_carried_columns_are_compared_as_postgresql_prints_them() {
    let definition = Definition {
        keys: vec![Key::of(What::Expression("lower(name)".to_owned()))],
        includes: vec!["price".to_owned()],
        predicate: Some("state = 'open'::text and done is null".to_owned()),
        ..by_order()
    };
    let there = Index {
        keys: vec![IndexKey { sql: "lower(name)".to_owned(), ..IndexKey::default() }],
        includes: vec!["price".to_owned(), "tax".to_owned()],
        predicate: Some("((state = 'open'::text) AND (done IS NULL))".to_owned()),
        ..index("i", vec![])
    };
    let found = |definition: &Definition, there: Index| {
        let catalog = catalog(vec![there]);
        same::find(definition, &catalog.tables[&7], &catalog)
    };
    assert!(found(&definition, there.clone()).is_some());
    let closed = Some("((state = 'closed'::text) AND (done IS NULL))".to_owned());
    assert_eq!(found(&definition, Index { predicate: closed, ..there.clone() }), None);
    assert_eq!(found(&definition, Index { includes: vec![], ..there.clone() }), None);
    let gin = Definition { method: Method::Gin, ..definition };
    assert_eq!(found(&gin, there), None);
}

#[test]
fn of_a_partitioned_table_every_part_must_have_it() {
    let parts = |of_first: bool, of_second: bool, of_parent: bool| {
        let mut catalog = Catalog::default();
        let own =
            |there: bool| if there { vec![index("i", vec![column("order_id")])] } else { vec![] };
        let table = |oid, name: &str, indexes| Table {
            oid,
            root: 7,
            schema: "public".to_owned(),
            name: name.to_owned(),
            indexes,
            ..Table::default()
        };
        let parent = table(7, "sale_line", own(of_parent));
        catalog.add(Table { kind: Kind::Partitioned, leaves: vec![8, 9], ..parent });
        catalog.add(table(8, "sale_line_1", own(of_first)));
        catalog.add(table(9, "sale_line_2", own(of_second)));
        catalog
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
fn an_index_that_goes_again_is_gone_and_may_be_suggested_again() {
    let mut book = Book::applied();
    let changes = book.fold(NOON + 2 * HOUR, &catalog(vec![]), None, None);
    assert_eq!(changes[0].before, Some(Stage::Applied));
    assert_eq!(book.line("create-1").state, Stage::Gone);
    book.fold(NOON + 3 * HOUR, &catalog(vec![]), Some(&[create()]), None);
    let line = book.line("create-1");
    assert_eq!((line.state, line.applied_at, &line.applied_as), (Stage::Suggested, None, &None));
}

#[test]
fn with_its_table_a_suggestion_is_gone() {
    let mut book = Book::new();
    book.fold(NOON, &catalog(vec![]), Some(&[create()]), None);
    book.fold(NOON + 1, &Catalog::default(), None, None);
    assert_eq!(book.line("create-1").state, Stage::Gone);
}

#[test]
fn a_drop_is_applied_when_the_index_is_not_there_and_a_reindex_when_it_is_another_file() {
    let drop = suggestion("drop-1", "drop", "drop index concurrently public.\"Old one\"");
    let reindex = suggestion("reindex-1", "reindex", "reindex index concurrently public.fat");
    let old = || index("Old one", vec![column("a")]);
    let fat = |oid, filenode| Index { oid, filenode, ..index("fat", vec![column("b")]) };
    let mut book = Book::new();
    book.fold(NOON, &catalog(vec![old(), fat(5, 5)]), Some(&[drop, reindex]), None);
    assert_eq!(book.line("drop-1").state, Stage::Suggested);
    assert_eq!(book.line("reindex-1").built, Some(Built { oid: 5, filenode: 5 }));
    book.fold(NOON + 1, &catalog(vec![fat(5, 6)]), None, None);
    assert_eq!(book.line("drop-1").state, Stage::Applied);
    assert_eq!(book.line("reindex-1").state, Stage::Applied);
    book.fold(NOON + 2, &catalog(vec![old(), fat(5, 6)]), None, None);
    assert_eq!(book.line("drop-1").state, Stage::Gone, "somebody has made it again");
}

#[test]
fn the_drop_of_a_constraint_is_seen_by_its_index() {
    let ddl = "alter table public.sale_line drop constraint \"Sale key\"";
    let there = || index("Sale key", vec![column("a")]);
    let mut book = Book::new();
    let drop = suggestion("drop-1", "drop", ddl);
    book.fold(NOON, &catalog(vec![there()]), Some(&[drop]), None);
    assert_eq!(book.line("drop-1").state, Stage::Suggested);
    book.fold(NOON + 1, &catalog(vec![]), None, None);
    assert_eq!(book.line("drop-1").state, Stage::Applied);
}

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

#[test]
fn a_line_is_remembered_as_it_was() {
    let mut book = Book::applied();
    let of = both(hours(-10..0, 100, 0.040), hours(2..9, 100, 0.010));
    book.fold(NOON + 10 * HOUR, &made(), None, Some(&past(&[(42, of)], &[], 9)));
    let line = book.line("create-1");
    let row = line.to_row().unwrap();
    assert_eq!((row.state.as_str(), row.applied_at), ("measured", Some(NOON + HOUR)));
    assert_eq!(&Line::from_row(&row).unwrap(), line);
    let ledger = Ledger::of(vec![Line::from_row(&row).unwrap()]);
    let mut again = Book { ledger, is_complete: true };
    assert_eq!(again.fold(NOON + 11 * HOUR, &made(), None, None), vec![]);
}

#[test]
fn people_read_what_was_suggested_done_and_brought() {
    let mut book = Book::applied();
    let of = both(hours(-10..0, 100, 0.040), hours(2..9, 100, 0.010));
    book.fold(NOON + 10 * HOUR, &made(), None, Some(&past(&[(42, of)], &[], 9)));
    let lines: Vec<Line> = book.ledger.lines().cloned().collect();
    let told = table(&lines);
    for word in
        ["create-1", "measured", "1000 -> 700", "40.0 -> 10.1", "100x", "shop/public.sale_line"]
    {
        assert!(told.contains(word), "{word}\n{told}");
    }
    let told = markdown(&lines);
    assert!(
        told.contains("```sql\ncreate index concurrently") && told.contains("1000 calls"),
        "{told}"
    );
}
