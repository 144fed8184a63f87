//! The history on real files: what it keeps, what it bounds, what it survives.

mod faults;

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use proptest::prelude::*;

use super::store::Store;
use super::*;

/// 2026-01-01, an hour's beginning.
const NOON: i64 = 1_767_225_600;

fn limits() -> Limits {
    Limits { keep: Duration::from_secs(35 * 86_400), max_bytes: 512 << 20, statements: 2_000 }
}

fn place() -> Place {
    Place { server: "erp-prod".into(), datname: "erp".into() }
}

fn period() -> Period {
    Period { place: place(), from: 0, until: i64::MAX - HOUR }
}

fn grown(hour: i64, queryid: i64, calls: u64) -> StatementGrowth {
    let exec_seconds = f64::from(u32::try_from(calls).unwrap());
    let work = Work { calls, rows: calls * 2, exec_seconds, blocks: calls * 3, temp_blocks: 1 };
    StatementGrowth { place: place(), hour, queryid: Some(queryid), work }
}

fn batch(at: i64, statements: Vec<StatementGrowth>) -> Batch {
    Batch { at, statements, ..Batch::default() }
}

fn calls(reader: &Reader<'_>) -> u64 {
    reader.statements(&period()).unwrap().rows.iter().map(|sum| sum.work.calls).sum()
}

fn in_folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.db");
    (folder, path)
}

fn suggestion(id: &str, state: &str, at: i64) -> Suggestion {
    Suggestion {
        id: id.into(),
        place: place(),
        action: "create".into(),
        state: state.into(),
        ddl: "create index on sale_order (partner_id)".into(),
        payload: "{}".into(),
        suggested_at: at,
        applied_at: None,
        measured_at: None,
        updated_at: at,
    }
}

#[test]
fn what_was_recorded_is_there_after_a_restart_and_goes_on_in_the_same_hour() {
    let (_folder, path) = in_folder();
    for _ in 0..2 {
        let history = History::open(Some(&path), limits()).unwrap();
        history.record(Batch {
            covered: vec![Covered {
                place: place(),
                hour: NOON,
                kind: Kind::Statements,
                seconds: 300.0,
                resets: 1,
            }],
            texts: vec![StatementText { place: place(), queryid: 7, text: "select $1".into() }],
            ..batch(NOON + 300, vec![grown(NOON, 7, 5), grown(NOON + HOUR, 7, 1)])
        });
        history.stop();
    }
    let reader = History::read_only(&path).unwrap();
    assert_eq!(reader.databases().unwrap(), [place()]);
    let sums = reader.statements(&period()).unwrap();
    assert_eq!(
        sums.coverage,
        Coverage { seconds: 600.0, first_hour: Some(NOON), last_hour: Some(NOON), resets: 2 }
    );
    let [sum] = &sums.rows[..] else { panic!("{sums:?}") };
    assert_eq!((sum.queryid, sum.text.as_deref()), (Some(7), Some("select $1")));
    assert_eq!((sum.work.calls, sum.work.rows, sum.work.temp_blocks), (12, 24, 4));
    assert_eq!((sum.first_hour, sum.last_hour, sum.hours), (NOON, NOON + HOUR, 2));
    let long = Period { until: NOON + 10 * HOUR, from: NOON + 1, ..period() };
    let hours = reader.statement(&long, 7).unwrap();
    assert_eq!(
        hours.iter().map(|h| (h.hour, h.work.calls)).collect::<Vec<_>>(),
        [(NOON, 10), (NOON + HOUR, 2)]
    );
    assert!(reader.statement(&Period { from: NOON + HOUR, ..long }, 7).unwrap().len() == 1);
}

#[test]
fn tables_and_indexes_that_nothing_happens_to_are_listed_since_when_they_are_known() {
    let history = History::open(None, limits()).unwrap();
    let index = |hour, idx_scan| IndexGrowth {
        place: place(),
        hour,
        schema: "public".into(),
        table: "sale_order".into(),
        index: "sale_order_ref_idx".into(),
        growth: IndexUse { idx_scan, idx_tup_read: idx_scan * 2 },
        bytes: 8_192,
    };
    let table = |hour, n_tup_ins| TableGrowth {
        place: place(),
        hour,
        schema: "public".into(),
        table: "sale_order".into(),
        growth: TableUse { n_tup_ins, ..TableUse::default() },
        n_live_tup: 100 + n_tup_ins,
        bytes: 81_920,
    };
    history.record(Batch {
        tables: vec![table(NOON, 0), table(NOON + HOUR, 10)],
        indexes: vec![index(NOON, 0), index(NOON + HOUR, 0)],
        ..batch(NOON + HOUR + 5, vec![])
    });
    let (tables, indexes) = history
        .ask(|reader| (reader.tables(&period()).unwrap(), reader.indexes(&period()).unwrap()))
        .unwrap();
    let [sum] = &tables.rows[..] else { panic!("{tables:?}") };
    assert_eq!((sum.growth.n_tup_ins, sum.n_live_tup, sum.bytes), (10, 110, 81_920));
    let [sum] = &indexes.rows[..] else { panic!("{indexes:?}") };
    assert_eq!(
        (sum.growth, sum.first_hour, sum.last_hour, sum.last_scan_hour),
        (IndexUse::default(), NOON, NOON + HOUR, None)
    );
    let later = [(2, 7), (3, 1), (4, 0)].map(|(hours, scans)| index(NOON + hours * HOUR, scans));
    history.record(Batch { indexes: later.to_vec(), ..batch(NOON + 5 * HOUR, vec![]) });
    let indexes = history.ask(|reader| reader.indexes(&period()).unwrap()).unwrap();
    let [sum] = &indexes.rows[..] else { panic!("{indexes:?}") };
    assert_eq!((sum.growth.idx_scan, sum.last_scan_hour), (8, Some(NOON + 3 * HOUR)));
}

#[test]
fn the_ledger_keeps_one_line_a_suggestion_and_when_it_was_first_made() {
    let history = History::open(None, limits()).unwrap();
    let with = |suggestions| Batch { suggestions, ..batch(NOON, vec![]) };
    history.record(with(vec![suggestion("a", "suggested", NOON), suggestion("b", "suggested", 1)]));
    let applied = Suggestion { applied_at: Some(NOON + 9), ..suggestion("a", "applied", NOON + 9) };
    history.record(with(vec![applied]));
    let ledger = history.ask(|reader| reader.suggestions().unwrap()).unwrap();
    let lines: Vec<_> = ledger.iter().map(|s| (&*s.id, &*s.state, s.suggested_at)).collect();
    assert_eq!(lines, [("b", "suggested", 1), ("a", "applied", NOON)]);
    assert_eq!(ledger[1].applied_at, Some(NOON + 9));
}

#[test]
fn episodes_are_found_by_kind_the_latest_first_and_their_number_is_bounded() {
    let mut store = Store::in_memory().unwrap();
    let episode = |kind: &str, end| Episode {
        server: Some("erp-prod".into()),
        kind: kind.into(),
        start: end - 2,
        end,
        json: "{}".into(),
    };
    let mut episodes: Vec<_> = (0..10_100).map(|n| episode("lock_wait", NOON + n)).collect();
    episodes.push(episode("slow_transaction", NOON));
    store.write(&Batch { episodes, ..batch(NOON, vec![]) }).unwrap();
    store.keep(&mut keep::Kept::default(), &limits(), NOON + 20_000).unwrap();
    let reader = Reader::of(&store.db, None);
    let waits = reader.episodes(0, i64::MAX, Some("lock_wait"), 100_000).unwrap();
    assert_eq!((waits.len(), waits[0].end), (10_000, NOON + 10_099));
    assert_eq!(reader.episodes(NOON, NOON + 1, None, 10).unwrap().len(), 1);
}

#[test]
fn of_an_hour_the_heaviest_stay_and_the_rest_is_summed() {
    let mut store = Store::in_memory().unwrap();
    let limits = Limits { statements: 10, ..limits() };
    let statements = (1..=50).map(|n| grown(NOON, n, u64::try_from(n).unwrap())).collect();
    store.write(&batch(NOON, statements)).unwrap();
    let mut kept = keep::Kept::default();
    store.keep(&mut kept, &limits, NOON + HOUR).unwrap();
    // What comes after the end of its hour is folded, too.
    store.write(&batch(NOON, vec![grown(NOON, 99, 1_000)])).unwrap();
    store.keep(&mut kept, &limits, NOON + 2 * HOUR).unwrap();
    let sums = Reader::of(&store.db, None).statements(&period()).unwrap().rows;
    let single: Vec<_> = sums.iter().filter_map(|sum| sum.queryid).collect();
    assert_eq!(single, [99, 50, 49, 48, 47, 46, 45, 44, 43, 42]);
    assert_eq!(sums.iter().map(|sum| sum.work.calls).sum::<u64>(), 50 * 51 / 2 + 1_000);
    assert_eq!(sums.iter().filter(|sum| sum.queryid.is_none()).count(), 1);
}

#[test]
fn what_is_too_old_goes_and_so_do_texts_that_nothing_needs_any_more() {
    let mut store = Store::in_memory().unwrap();
    let text = |queryid| StatementText { place: place(), queryid, text: "select".into() };
    let old = Batch { texts: vec![text(1)], ..batch(NOON, vec![grown(NOON, 1, 1)]) };
    store.write(&old).unwrap();
    let later = NOON + 40 * 86_400;
    let new = Batch { texts: vec![text(2)], ..batch(later, vec![grown(later, 2, 1)]) };
    store.write(&new).unwrap();
    store.keep(&mut keep::Kept::default(), &limits(), later).unwrap();
    let sums = Reader::of(&store.db, None).statements(&period()).unwrap().rows;
    assert_eq!(sums.iter().map(|sum| sum.queryid).collect::<Vec<_>>(), [Some(2)]);
    let texts = store.db.query_row("select count(*) from statements", [], |row| row.get(0));
    assert_eq!(texts, Ok(1));
}

#[test]
fn a_file_that_is_too_large_loses_its_oldest_hours_and_gives_the_room_back() {
    let (_folder, path) = in_folder();
    let mut store = Store::open(&path).unwrap();
    let limits = Limits { max_bytes: 1 << 20, ..limits() };
    let mut kept = keep::Kept::default();
    for n in 0..60 {
        let hour = NOON + n * HOUR;
        let statements = (1..=1_000).map(|queryid| grown(hour, queryid, 1)).collect();
        store.write(&batch(hour, statements)).unwrap();
        store.keep(&mut kept, &limits, hour).unwrap();
    }
    assert!(store.bytes().unwrap() <= limits.max_bytes);
    store.db.pragma_update(None, "wal_checkpoint", "truncate").unwrap_or_default();
    drop(store);
    assert!(fs::metadata(&path).unwrap().len() <= limits.max_bytes);
    let reader = History::read_only(&path).unwrap();
    let sums = reader.statements(&period()).unwrap().rows;
    assert_eq!(sums.len(), 1_000);
    assert_eq!(sums[0].last_hour, NOON + 59 * HOUR, "the latest stay");
    assert!(sums[0].hours > 10 && sums[0].first_hour > NOON + 10 * HOUR, "{:?}", sums[0]);
}

/// Not a test: what the next one kills.
fn size(at: i64, bytes: u64) -> ModuleSize {
    ModuleSize { place: place(), at, words: -7, module: "sales".into(), bytes, n_live_tup: 9 }
}

#[test]
fn of_the_sizes_of_a_module_in_an_hour_the_last_is_kept_and_those_before_a_time_go() {
    let mut store = Store::in_memory().unwrap();
    let hour = HOUR;
    let modules = vec![
        ModuleSize { module: "gone".into(), ..size(NOON + 10, 400) },
        size(NOON + 50, 300),
        size(NOON + 20, 200),
        size(NOON - hour, 100),
        size(NOON - 3 * hour, 50),
    ];
    store.write(&Batch { modules, ..batch(NOON, vec![]) }).unwrap();
    let sizes = |store: &Store, from| {
        let all = Reader::of(&store.db, None).module_sizes(from).unwrap();
        all.iter().map(|size| size.bytes).collect::<Vec<_>>()
    };
    assert_eq!(sizes(&store, 0), [50, 100, 300]);
    assert_eq!(sizes(&store, NOON - hour), [100, 300]);
    assert_eq!(sizes(&store, NOON + 51), [0; 0]);
    let limits = Limits { keep: Duration::from_secs(7_200), ..limits() };
    store.keep(&mut keep::Kept::default(), &limits, NOON).unwrap();
    assert_eq!(sizes(&store, 0), [100, 300]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn sums_are_those_of_all_growth_however_it_was_batched(
        growth in prop::collection::vec((0_i64..5, 1_i64..40, 1_u64..1_000), 1..200),
        size in 1_usize..50,
        most in 1_usize..20,
    ) {
        let mut store = Store::in_memory().unwrap();
        let mut kept = keep::Kept::default();
        let limits = Limits { statements: most, ..limits() };
        let mut by_hour: BTreeMap<i64, u64> = BTreeMap::new();
        for (index, rows) in growth.chunks(size).enumerate() {
            let rows = rows.iter().map(|(hour, queryid, calls)| {
                *by_hour.entry(NOON + hour * HOUR).or_default() += calls;
                grown(NOON + hour * HOUR, *queryid, *calls)
            });
            let at = NOON + i64::try_from(index).unwrap() * HOUR;
            store.write(&batch(at, rows.collect())).unwrap();
            store.keep(&mut kept, &limits, at).unwrap();
        }
        let reader = Reader::of(&store.db, None);
        let total: u64 = by_hour.values().sum();
        prop_assert_eq!(calls(&reader), total);
        for (hour, calls) in by_hour {
            let one = Period { from: hour + 1, until: hour + 2, ..period() };
            let sums = reader.statements(&one).unwrap().rows;
            prop_assert_eq!(sums.iter().map(|sum| sum.work.calls).sum::<u64>(), calls);
        }
    }
}
