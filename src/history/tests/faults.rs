//! What happens to the file: killed writers, what is no history, what goes away, full disks.

use std::process::{Command, Stdio};
use std::time::Instant;

use super::*;

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
            .args(["history::tests::faults::writer_that_is_killed", "--exact", "--ignored"])
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
    db.execute_batch(include_str!("../schema.sql")).unwrap();
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
