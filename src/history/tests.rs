//! The history on real files: what it keeps, what it bounds, what it survives.

use std::collections::BTreeMap;
use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

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
        (sum.growth, sum.first_hour, sum.last_hour),
        (IndexUse::default(), NOON, NOON + HOUR)
    );
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
#[test]
#[ignore = "it writes until it is killed"]
fn writer_that_is_killed() {
    let Some(path) = std::env::var_os("ERPSCOPE_TEST_HISTORY") else { return };
    let history = History::open(Some(Path::new(&path)), limits()).unwrap();
    for n in 0.. {
        // All of a batch or nothing: so the sum is even.
        history.record(batch(NOON + n, vec![grown(NOON, 1, 1), grown(NOON, 2, 1)]));
        history.ask(|_| ()).unwrap();
    }
}

fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !done() {
        assert!(Instant::now() < deadline, "not within a minute: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_killed_agent_leaves_whole_batches_and_the_next_one_goes_on() {
    let (_folder, path) = in_folder();
    let mut seen = 0;
    for _ in 0..3 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["history::tests::writer_that_is_killed", "--exact", "--ignored"])
            .env("ERPSCOPE_TEST_HISTORY", &path)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut latest = seen;
        // Read while it is written.
        wait_until("some batches", || {
            latest = History::read_only(&path).map_or(seen, |reader| calls(&reader));
            latest > seen + 100
        });
        child.kill().unwrap();
        child.wait().unwrap();
        let store = Store::open(&path).unwrap();
        let after = calls(&Reader::of(&store.db, None));
        assert!(after >= latest && after.is_multiple_of(2), "{after} after {latest}");
        let check = store.db.query_row("pragma integrity_check", [], |row| row.get(0));
        assert_eq!(check, Ok("ok".to_owned()));
        seen = after;
    }
}

#[test]
fn a_file_that_is_no_database_is_moved_aside_and_a_new_one_begun() {
    let (folder, path) = in_folder();
    fs::write(&path, "this is not a database, but long enough to be read as the head of one....")
        .unwrap();
    let history = History::open(Some(&path), limits()).unwrap();
    history.record(batch(NOON, vec![grown(NOON, 1, 3)]));
    history.stop();
    let standing = history.standing();
    assert_eq!((standing.moved_aside, standing.in_file, standing.lost_rows), (1, true, 0));
    assert_eq!(calls(&History::read_only(&path).unwrap()), 3);
    let aside = names(&folder).into_iter().find(|name| name.contains(".corrupt-")).unwrap();
    assert!(fs::read_to_string(folder.path().join(aside)).unwrap().starts_with("this is not"));
}

fn names(folder: &tempfile::TempDir) -> Vec<String> {
    let entries = fs::read_dir(folder.path()).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn another_programs_database_is_moved_aside_whole() {
    let (folder, path) = in_folder();
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("create table theirs (x); insert into theirs values (42)").unwrap();
    drop(other);
    assert!(matches!(Store::open(&path), Err(HistoryError::Foreign { .. })));
    assert!(matches!(History::read_only(&path), Err(HistoryError::Foreign { .. })));
    let history = History::open(Some(&path), limits()).unwrap();
    history.stop();
    assert_eq!((history.standing().moved_aside, history.standing().in_file), (1, true));
    let aside = names(&folder).into_iter().find(|name| name.contains(".corrupt-")).unwrap();
    let other = rusqlite::Connection::open(folder.path().join(aside)).unwrap();
    assert_eq!(other.query_row("select x from theirs", [], |row| row.get(0)), Ok(42));
}

#[test]
fn a_file_that_breaks_under_way_is_moved_aside_and_the_batch_is_not_lost() {
    let (folder, path) = in_folder();
    {
        let mut store = Store::open(&path).unwrap();
        let statements = (1..=5_000).map(|queryid| grown(NOON, queryid, 1)).collect();
        store.write(&batch(NOON, statements)).unwrap();
    }
    let mut bytes = fs::read(&path).unwrap();
    // The first page stays, so it can be opened.
    let (from, until) = (4_096, bytes.len());
    bytes[from..until].fill(0xa5);
    fs::write(&path, bytes).unwrap();
    let history = History::open(Some(&path), limits()).unwrap();
    history.record(batch(NOON + 1, vec![grown(NOON, 1, 3)]));
    history.stop();
    let standing = history.standing();
    assert_eq!((standing.moved_aside, standing.in_file, standing.lost_rows), (1, true, 0));
    assert_eq!(calls(&History::read_only(&path).unwrap()), 3);
    assert!(names(&folder).iter().any(|name| name.contains(".corrupt-")));
}

#[test]
fn the_file_of_the_first_version_is_taken_over_with_what_is_in_it() {
    let (_folder, path) = in_folder();
    let db = rusqlite::Connection::open(&path).unwrap();
    db.execute_batch(include_str!("schema.sql")).unwrap();
    db.execute_batch(
        "pragma application_id = 1701998707; pragma user_version = 1;
         insert into databases values (1, 'erp-prod', 'erp');
         insert into statement_hours values (1, 3600, 1, 3, 0, 0.5, 0, 0)",
    )
    .unwrap();
    drop(db);
    let what = matches!(History::read_only(&path), Err(HistoryError::Foreign { .. }));
    assert!(what, "who only reads cannot bring it to this layout");
    let mut store = Store::open(&path).unwrap();
    store.write(&Batch { modules: vec![size(NOON, 100)], ..batch(NOON, vec![]) }).unwrap();
    drop(store);
    let reader = History::read_only(&path).unwrap();
    assert_eq!(reader.module_sizes(0).unwrap(), [size(NOON, 100)]);
    let period = Period { place: place(), from: 0, until: 7_200 };
    assert_eq!(reader.statements(&period).unwrap().rows.len(), 1);
}

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

#[test]
fn a_file_that_is_removed_or_replaced_under_way_is_noticed_and_nothing_of_it_is_mixed_in() {
    let (folder, path) = in_folder();
    let history = History::open(Some(&path), limits()).unwrap();
    history.record(batch(NOON, vec![grown(NOON, 1, 3)]));
    assert_eq!(history.ask(calls).unwrap(), 3);
    // Its log stays, as after a careless `rm`.
    fs::remove_file(&path).unwrap();
    assert!(names(&folder).iter().any(|name| name.ends_with("-wal")));
    history.record(batch(NOON + 1, vec![grown(NOON, 1, 10)]));
    assert_eq!(history.ask(calls).unwrap(), 10, "a new one");
    assert_eq!(calls(&History::read_only(&path).unwrap()), 10, "under its path");
    let standing = history.standing();
    assert_eq!((standing.lost_files, standing.in_file, standing.errors), (1, true, 1));
    // Another history comes in its place.
    let other = folder.path().join("other.db");
    let mut store = Store::open(&other).unwrap();
    store.write(&batch(NOON, vec![grown(NOON, 1, 100)])).unwrap();
    drop(store);
    fs::rename(&other, &path).unwrap();
    history.record(batch(NOON + 2, vec![grown(NOON, 1, 5)]));
    assert_eq!(history.ask(calls).unwrap(), 105, "it is gone on with");
    history.stop();
    let standing = history.standing();
    assert_eq!((standing.lost_files, standing.lost_rows, standing.moved_aside), (2, 0, 0));
    assert_eq!(calls(&History::read_only(&path).unwrap()), 105);
}

#[test]
fn a_folder_that_goes_and_comes_back_is_gone_on_with() {
    let (folder, path) = in_folder();
    let history = History::open(Some(&path), limits()).unwrap();
    history.record(batch(NOON, vec![grown(NOON, 1, 3)]));
    history.ask(|_| ()).unwrap();
    let place = folder.path().to_path_buf();
    fs::remove_dir_all(&place).unwrap();
    history.record(batch(NOON + 1, vec![grown(NOON, 1, 10)]));
    assert_eq!(history.ask(calls).unwrap(), 10, "in memory meanwhile");
    assert!(!history.standing().in_file && history.standing().lost_files == 1);
    fs::create_dir(&place).unwrap();
    history.record(batch(NOON + 100, vec![grown(NOON, 1, 1)]));
    assert_eq!(history.ask(calls).unwrap(), 11, "what waited was written");
    assert!(history.standing().in_file);
    history.stop();
    assert_eq!(calls(&History::read_only(&path).unwrap()), 11);
}

#[test]
fn the_file_of_a_later_version_is_left_alone() {
    let (folder, path) = in_folder();
    drop(Store::open(&path).unwrap());
    let db = rusqlite::Connection::open(&path).unwrap();
    db.pragma_update(None, "user_version", 99).unwrap();
    drop(db);
    let history = History::open(Some(&path), limits()).unwrap();
    history.record(batch(NOON, vec![grown(NOON, 1, 3)]));
    assert_eq!(history.ask(calls).unwrap(), 3, "in memory");
    history.stop();
    assert_eq!((history.standing().moved_aside, history.standing().in_file), (0, false));
    assert!(matches!(History::read_only(&path), Err(HistoryError::Later { found: 99, .. })));
    assert!(!names(&folder).iter().any(|name| name.contains("corrupt")));
}

#[test]
fn two_agents_do_not_write_one_file_and_the_second_goes_on_when_the_first_ends() {
    let (_folder, path) = in_folder();
    let first = History::open(Some(&path), limits()).unwrap();
    first.record(batch(NOON, vec![grown(NOON, 1, 1)]));
    first.ask(|_| ()).unwrap();
    let second = History::open(Some(&path), limits()).unwrap();
    second.record(batch(NOON, vec![grown(NOON, 2, 10)]));
    assert_eq!(second.ask(calls).unwrap(), 10, "its own, in memory");
    assert!(!second.standing().in_file);
    first.stop();
    assert_eq!(calls(&History::read_only(&path).unwrap()), 1);
    second.stop();
    assert_eq!(calls(&History::read_only(&path).unwrap()), 11, "what waited was written");
}

#[test]
fn a_full_disk_loses_nothing_for_a_while_and_is_tried_again() {
    let (_folder, path) = in_folder();
    let unqueued = Arc::new(AtomicU64::new(0));
    let published = Arc::new(ArcSwap::default());
    let mut keeper =
        Keeper::new(Some(path.clone()), limits(), unqueued, Arc::clone(&published)).unwrap();
    let many = |at| batch(at, (1..=2_000).map(|queryid| grown(NOON, queryid, 1)).collect());
    keeper.record(many(NOON));
    keeper.with_room_for(40);
    for n in 0..3 {
        let other = (0..2_000).map(|n| grown(NOON + HOUR, 10_000 + n, 1)).collect();
        keeper.record(batch(NOON + n, other));
    }
    let standing = keeper.standing();
    assert_eq!((standing.waiting_rows, standing.lost_rows), (6_000, 0));
    assert_eq!(standing.errors, 1, "it is left alone for a minute");
    keeper.with_room_for(1 << 20);
    keeper.record(batch(NOON + 61, vec![]));
    let standing = keeper.standing();
    assert_eq!((standing.waiting_rows, standing.lost_rows), (0, 0));
    drop(keeper);
    assert_eq!(calls(&History::read_only(&path).unwrap()), 8_000);
}

#[test]
fn what_cannot_wait_any_longer_is_counted() {
    let (folder, path) = in_folder();
    // A folder where the file should be.
    fs::create_dir(&path).unwrap();
    let history = History::open(Some(&path), limits()).unwrap();
    let text = "x".repeat(100_000);
    let rows = 400;
    for n in 0..rows {
        let queryid = n;
        let text = StatementText { place: place(), queryid, text: text.as_str().into() };
        history.record(Batch { texts: vec![text], ..batch(NOON + n, vec![]) });
        history.ask(|_| ()).unwrap();
    }
    let standing = history.standing();
    assert!(standing.lost_rows > 200 && standing.errors > 0, "{standing:?}");
    assert_eq!(standing.lost_rows + standing.waiting_rows, rows.cast_unsigned());
    history.stop();
    drop(folder);
}

#[test]
fn a_missing_file_is_said_to_who_wants_to_read_it() {
    let (_folder, path) = in_folder();
    let error = History::read_only(&path).err().unwrap();
    assert!(error.to_string().contains("history.db"), "{error}");
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
