//! Every kind of rotation, in a folder.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tempfile::TempDir;

use super::super::tests::{CSV, JSON};
use super::super::{Batch, LogError};
use super::{BATCH, Follower};

/// A record of a process that is told by its number, with a newline in its statement.
fn record(pid: u32) -> String {
    format!(
        "2025-11-23 18:35:22.{:03} UTC,\"postgres\",\"erp\",{pid},\"[local]\",6b04876a.{pid:x},1,\"UPDATE\",\
         2025-11-23 18:35:22 UTC,4/5,727,ERROR,40001,\"could not serialize\",,,,,,\"update t\n\
         set a = 'geheim'\",,,\"odoo-17\",\"client backend\",,0\n",
        pid % 1_000
    )
}

fn records(pids: impl IntoIterator<Item = u32>) -> String {
    pids.into_iter().map(record).collect()
}

fn pids(batch: &Batch) -> Vec<i32> {
    batch.entries.iter().map(|entry| entry.pid).collect()
}

/// A log folder and one who follows a path in it.
struct Log {
    folder: TempDir,
    follower: Follower,
}

impl Log {
    fn new(path: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let follower = Follower::new(folder.path().join(path));
        Self { folder, follower }
    }

    /// Already followed, with a file in which a record of long ago stands.
    fn begun(path: &str, file: &str) -> Self {
        let mut log = Self::new(path);
        log.write(file, record(1));
        assert_eq!(log.follower.read(), Batch::default());
        log
    }

    fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    fn write(&self, file: &str, text: impl AsRef<[u8]>) {
        let mut options = OpenOptions::new();
        let mut file = options.create(true).append(true).open(self.path(file)).unwrap();
        file.write_all(text.as_ref()).unwrap();
    }

    /// As if it had been written so long ago.
    fn age(&self, file: &str, seconds: u64) {
        let time = SystemTime::now() - Duration::from_secs(seconds);
        OpenOptions::new().append(true).open(self.path(file)).unwrap().set_modified(time).unwrap();
    }

    fn rename(&self, from: &str, to: &str) {
        fs::rename(self.path(from), self.path(to)).unwrap();
    }

    fn truncate(&self, file: &str) {
        OpenOptions::new().write(true).open(self.path(file)).unwrap().set_len(0).unwrap();
    }

    /// What is new: whose, and nothing lost or wrong.
    fn new_pids(&mut self) -> Vec<i32> {
        let batch = self.follower.read();
        assert_eq!((batch.unreadable, batch.too_long, batch.truncated, batch.behind), (0, 0, 0, 0));
        assert_eq!(batch.error, None);
        pids(&batch)
    }
}

#[test]
fn it_begins_at_the_end_and_brings_what_is_appended_whole_records_only() {
    let mut log = Log::begun("pg.csv", "pg.csv");
    assert_eq!(log.new_pids(), [0; 0]);
    let three = records([2, 3, 4]);
    let (first, second) = three.split_at(three.len() - 30);
    log.write("pg.csv", first);
    assert_eq!(log.new_pids(), [2, 3]);
    log.write("pg.csv", second);
    assert_eq!(log.new_pids(), [4]);
}

#[test]
fn it_begins_in_the_middle_of_a_record_with_the_next_one() {
    for json in [false, true] {
        let text = if json { JSON.to_owned() } else { records([1, 2, 3]) };
        // A file that ends in its first bytes tells no format yet.
        for at in (32..text.len()).step_by(7) {
            let mut log = Log::new("pg.log");
            log.write("pg.log", &text[..at]);
            assert_eq!(log.follower.read().error, None);
            log.write("pg.log", format!("{}{text}", &text[at..]));
            let entries = log.new_pids().len();
            assert!((3..=5).contains(&entries), "{at}: {entries}");
        }
    }
}

#[test]
fn a_new_file_with_another_name_is_read_after_the_old_one() {
    for path in ["", "pg-*.csv"] {
        let mut log = Log::begun(path, "pg-1.csv");
        log.write("pg-1.csv", record(2));
        log.write("pg-2.csv", records([3, 4]));
        log.write("pg-3.csv", record(5));
        for (file, age) in [("pg-1.csv", 30), ("pg-2.csv", 20), ("pg-3.csv", 10)] {
            log.age(file, age);
        }
        assert_eq!(log.new_pids(), [2, 3, 4, 5]);
        log.write("pg-3.csv", record(6));
        assert_eq!(log.new_pids(), [6]);
    }
}

#[test]
fn the_file_written_last_is_followed_and_the_others_are_history() {
    let mut log = Log::new("");
    log.write("b.csv", record(1));
    log.age("b.csv", 100);
    log.write("a.csv", record(2));
    log.write("a.log", "2025-11-23 18:35:21.976 UTC [14716] LOG:  a line for people\n");
    log.write("a.txt", record(3));
    assert_eq!(log.new_pids(), [0; 0]);
    log.write("a.csv", record(4));
    log.write("a.log", "2025-11-23 18:35:21.976 UTC [14716] LOG:  a line for people\n");
    assert_eq!(log.new_pids(), [4]);
}

#[test]
fn a_renamed_file_is_read_until_the_new_one_is_written_to() {
    for path in ["pg.csv", "pg.csv*"] {
        let mut log = Log::begun(path, "pg.csv");
        log.write("pg.csv", record(2));
        log.rename("pg.csv", "pg.csv.1");
        log.write("pg.csv", "");
        log.write("pg.csv.1", record(3));
        assert_eq!(log.new_pids(), [2, 3]);
        log.write("pg.csv.1", record(4));
        log.write("pg.csv", record(5));
        log.age("pg.csv.1", 5);
        assert_eq!(log.new_pids(), [4, 5]);
        log.rename("pg.csv.1", "pg.csv.2");
        log.write("pg.csv", record(6));
        assert_eq!(log.new_pids(), [6]);
    }
}

#[test]
fn while_a_renamed_file_has_no_successor_it_is_said_and_read_on() {
    let mut log = Log::begun("pg.csv", "pg.csv");
    log.rename("pg.csv", "pg.csv.1");
    log.write("pg.csv.1", record(2));
    let batch = log.follower.read();
    assert_eq!(pids(&batch), [2]);
    assert_eq!(batch.error, Some(LogError::Missing { path: log.path("pg.csv") }));
    log.write("pg.csv", record(3));
    assert_eq!(log.new_pids(), [3]);
}

#[test]
fn an_emptied_file_is_read_from_its_beginning_and_the_copy_is_not() {
    for path in ["pg.csv", "pg.csv*"] {
        let mut log = Log::begun(path, "pg.csv");
        log.write("pg.csv", record(2));
        assert_eq!(log.new_pids(), [2]);
        fs::copy(log.path("pg.csv"), log.path("pg.csv.1")).unwrap();
        assert_eq!(log.new_pids(), [0; 0]);
        log.truncate("pg.csv");
        // Longer than what was read, so that only its beginning tells.
        log.write("pg.csv", records([3, 4, 5, 6]));
        let batch = log.follower.read();
        assert_eq!((pids(&batch), batch.truncated, batch.error), (vec![3, 4, 5, 6], 1, None));
        log.write("pg.csv", record(7));
        assert_eq!(log.new_pids(), [7]);
        log.truncate("pg.csv");
        let batch = log.follower.read();
        assert_eq!((pids(&batch), batch.truncated), (vec![], 1));
        log.write("pg.csv", record(8));
        assert_eq!(log.new_pids(), [8]);
    }
}

#[test]
fn old_files_that_are_copied_unpacked_or_cut_are_not_read_again() {
    let mut log = Log::new("");
    log.write("old.csv", records([1, 2]));
    log.age("old.csv", 100);
    log.write("pg.csv", record(3));
    assert_eq!(log.new_pids(), [0; 0]);
    fs::copy(log.path("old.csv"), log.path("copy.csv")).unwrap();
    log.write("unpacked.csv", record(4));
    log.age("unpacked.csv", 100);
    let half = OpenOptions::new().write(true).open(log.path("old.csv")).unwrap();
    half.set_len(record(1).len() as u64).unwrap();
    log.write("pg.csv", record(5));
    assert_eq!(log.new_pids(), [5]);
    // One that is edited has another inode; the server goes on in it after its next start.
    fs::copy(log.path("pg.csv"), log.path("pg.swp")).unwrap();
    log.rename("pg.swp", "pg.csv");
    assert!(matches!(log.follower.read().error, Some(LogError::Deleted { .. })));
    log.write("pg.csv", record(6));
    assert_eq!(log.new_pids(), [6]);
}

#[test]
fn an_old_name_that_is_used_again_is_read_from_its_beginning() {
    let mut log = Log::new("pg-*.csv");
    log.write("pg-Mon.csv", records([1, 2]));
    log.age("pg-Mon.csv", 600_000);
    log.write("pg-Sun.csv", record(3));
    assert_eq!(log.new_pids(), [0; 0]);
    log.write("pg-Sun.csv", record(4));
    log.age("pg-Sun.csv", 1);
    log.truncate("pg-Mon.csv");
    log.write("pg-Mon.csv", records([5, 6, 7]));
    assert_eq!(log.new_pids(), [4, 5, 6, 7]);
    // Without log_truncate_on_rotation it is appended to.
    log.write("pg-Sun.csv", record(8));
    assert_eq!(log.new_pids(), [8]);
}

#[test]
fn a_record_that_a_rotation_leaves_torn_is_counted() {
    let mut log = Log::begun("pg.csv", "pg.csv");
    log.write("pg.csv", &record(2)[..150]);
    assert_eq!(log.new_pids(), [0; 0]);
    log.rename("pg.csv", "pg.csv.1");
    log.write("pg.csv", record(3));
    let batch = log.follower.read();
    assert_eq!((pids(&batch), batch.unreadable), (vec![3], 1));
    // A partial record that is whole before the new file begins is not.
    let four = record(4);
    log.write("pg.csv", &four[..150]);
    assert_eq!(log.new_pids(), [0; 0]);
    log.rename("pg.csv", "pg.csv.1");
    log.write("pg.csv.1", &four[150..]);
    log.write("pg.csv", record(5));
    assert_eq!(log.new_pids(), [4, 5]);
}

#[test]
fn a_deleted_file_is_said_and_read_on_until_there_is_another() {
    for path in ["", "pg.csv"] {
        let mut log = Log::begun(path, "pg.csv");
        let mut server = OpenOptions::new().append(true).open(log.path("pg.csv")).unwrap();
        fs::remove_file(log.path("pg.csv")).unwrap();
        server.write_all(record(2).as_bytes()).unwrap();
        let batch = log.follower.read();
        assert_eq!(pids(&batch), [2]);
        assert_eq!(batch.error, Some(LogError::Deleted { path: log.path("pg.csv") }));
        log.write("pg.csv", record(3));
        assert_eq!(log.new_pids(), [3]);
    }
}

#[test]
fn what_is_missing_is_said_and_then_followed_from_its_end() {
    for path in ["pg.csv", "log", "log/pg*.csv"] {
        let mut log = Log::new(path);
        let first = log.follower.read();
        assert!(matches!(first.error, Some(LogError::Missing { .. })), "{:?}", first.error);
        let file = if path == "pg.csv" { "pg.csv" } else { "log/pg.csv" };
        fs::create_dir(log.path("log")).unwrap();
        log.write(file, record(1));
        assert_eq!(log.new_pids(), [0; 0]);
        log.write(file, record(2));
        assert_eq!(log.new_pids(), [2]);
    }
}

#[test]
fn a_folder_without_a_log_in_it_is_said() {
    let mut log = Log::new("pg*");
    log.write("pg.log", "2025-11-23 18:35:21.976 UTC [14716] LOG:  a line for people\n");
    log.write("pg.gz", [0x1f, 0x8b, 0, 0]);
    fs::create_dir(log.path("pg.csv")).unwrap();
    let message = log.follower.read().error.unwrap().to_string();
    assert!(message.contains("log_destination") && message.contains("pg*"), "{message}");
    log.write("pg-1.csv", record(1));
    assert_eq!(log.new_pids(), [1], "it began after us");
}

#[test]
fn what_may_not_be_read_is_said_and_followed_when_it_may() {
    let mut log = Log::new("pg.csv");
    log.write("pg.csv", record(1));
    let permit = |log: &Log, mode| {
        fs::set_permissions(log.path("pg.csv"), fs::Permissions::from_mode(mode)).unwrap();
    };
    permit(&log, 0o000);
    if fs::read(log.path("pg.csv")).is_ok() {
        return; // root may read everything
    }
    for _ in 0..2 {
        let batch = log.follower.read();
        assert_eq!(batch.error, Some(LogError::Denied { path: log.path("pg.csv") }));
    }
    permit(&log, 0o600);
    log.write("pg.csv", record(2));
    assert_eq!(log.new_pids(), [2]);
}

#[test]
fn of_csvlog_and_jsonlog_side_by_side_one_is_followed_while_it_is_written() {
    let mut log = Log::new("");
    log.write("pg.json", "");
    log.age("pg.json", 100);
    log.write("pg.csv", record(1));
    assert_eq!(log.new_pids(), [0; 0]);
    log.write("pg.json", JSON);
    log.write("pg.csv", CSV);
    assert_eq!(log.new_pids().len(), 3);
    // log_destination is jsonlog alone from now on.
    log.age("pg.csv", 90);
    log.write("pg.json", JSON);
    assert_eq!(log.new_pids().len(), 3);
    log.write("pg.json", JSON);
    assert_eq!(log.new_pids().len(), 3);
}

#[test]
fn a_call_reads_only_so_much_and_says_what_it_left() {
    let mut log = Log::begun("pg.csv", "pg.csv");
    let one = record(2);
    let all = BATCH / one.len() + 1_000;
    log.write("pg.csv", one.repeat(all));
    let batch = log.follower.read();
    assert_eq!(batch.behind, (all * one.len() - BATCH) as u64);
    assert_eq!(batch.entries.len() + log.new_pids().len(), all);
}

#[test]
fn however_it_is_written_the_entries_are_the_same() {
    let text = records(2..40);
    for size in [1, 7, 100, 1_000] {
        let mut log = Log::begun("pg.csv", "pg.csv");
        let mut found = Vec::new();
        for (turn, chunk) in text.as_bytes().chunks(size).enumerate() {
            log.write("pg.csv", chunk);
            if turn % 3 != 1 {
                found.extend(log.new_pids());
            }
        }
        found.extend(log.new_pids());
        assert_eq!(found, (2..40).collect::<Vec<i32>>());
    }
}

#[test]
fn messages_say_what_where_and_what_to_do() {
    let path: &Path = Path::new("/log/pg.csv");
    for (error, advice) in [
        (LogError::new(path, &std::io::ErrorKind::NotFound.into()), "log_destination"),
        (LogError::new(path, &std::io::ErrorKind::PermissionDenied.into()), "log_file_mode = 0640"),
        (LogError::new(path, &std::io::ErrorKind::Other.into()), "tried again"),
        (LogError::Deleted { path: path.into() }, "pg_rotate_logfile()"),
    ] {
        let message = error.to_string();
        assert!(message.contains("/log/pg.csv") && message.contains(advice), "{message}");
    }
}
