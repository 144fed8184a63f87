//! The SQLite file: opened, locked, brought to our layout, or moved aside.

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use rusqlite::{Connection, OpenFlags};

use super::error::HistoryError;

/// "erps": how a file says that it is ours (`application_id`).
const OURS: i64 = 0x6572_7073;

/// What leads to each layout from the one before; a file's `user_version` says which it has.
const MIGRATIONS: [(i64, &str); 2] =
    [(1, include_str!("schema.sql")), (LAYOUT, include_str!("modules.sql"))];

/// How long one waits for the other of a reader and the writer.
const BUSY: Duration = Duration::from_secs(5);

/// Our layout.
const LAYOUT: i64 = 2;

/// Held as long as the file is written.
pub(super) type Lock = Flock<fs::File>;

/// A file itself, whatever path leads to it: its device and inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity(u64, u64);

/// Which files a history has under its path: its own, and what SQLite keeps beside it. `None`: there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Files {
    main: Option<Identity>,
    log: Option<Identity>,
}

impl Files {
    pub(super) fn at(path: &Path) -> Self {
        let of = |path: &Path| fs::metadata(path).ok().map(|m| Identity(m.dev(), m.ino()));
        Self { main: of(path), log: of(&beside(path, "-wal")) }
    }

    /// Whether it is the same history, by its main file.
    pub(super) fn is_same_as(self, other: Self) -> bool {
        self.main == other.main
    }

    /// Takes away the log of a history whose main file is not there any more: with another main file SQLite would mix the two.
    /// One that has come with that file stays.
    pub(super) fn clear_log(self, path: &Path) -> io::Result<()> {
        let now = Self::at(path);
        if now.log.is_none() || now.main.is_some() && now.log != self.log {
            return Ok(());
        }
        for ending in ["-wal", "-shm"] {
            match fs::remove_file(beside(path, ending)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}

/// In memory, for as long as the process lives.
pub(super) fn in_memory() -> rusqlite::Result<Connection> {
    let mut db = Connection::open_in_memory()?;
    migrate(&mut db, 0)?;
    Ok(db)
}

/// Opens a file to write it; nobody else writes it until the lock goes.
pub(super) fn open(path: &Path) -> Result<(Connection, Lock), HistoryError> {
    let lock = lock(path)?;
    let failed = |source| HistoryError::Sqlite { doing: "open", path: Some(path.into()), source };
    let mut db = Connection::open(path).map_err(failed)?;
    db.busy_timeout(BUSY).map_err(failed)?;
    // Must come before the first table; changes nothing in a file that has some.
    db.pragma_update(None, "auto_vacuum", "incremental").map_err(failed)?;
    let found = layout(&db, path)?;
    // A commit survives a kill at once, and a power cut but for the last ones; the file stays whole.
    db.pragma_update(None, "journal_mode", "wal").map_err(failed)?;
    db.pragma_update(None, "synchronous", "normal").map_err(failed)?;
    db.pragma_update(None, "journal_size_limit", 16 * 1_024 * 1_024).map_err(failed)?;
    migrate(&mut db, found).map_err(failed)?;
    Ok((db, lock))
}

/// Opens a file to read it, whether or not an agent writes it.
pub(super) fn open_to_read(path: &Path) -> Result<Connection, HistoryError> {
    if !path.exists() {
        return Err(HistoryError::Absent(path.into()));
    }
    let failed = |source| HistoryError::Sqlite { doing: "open", path: Some(path.into()), source };
    let read_only = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, read_only).map_err(failed)?;
    db.busy_timeout(BUSY).map_err(failed)?;
    let (db, found) = match layout(&db, path) {
        // Where we may not make files beside it, only one that nobody writes can be read.
        Err(HistoryError::Sqlite { .. }) if !beside(path, "-wal").exists() => {
            let flags = read_only | OpenFlags::SQLITE_OPEN_URI;
            let db = Connection::open_with_flags(unchanging(path), flags).map_err(failed)?;
            let found = layout(&db, path)?;
            (db, found)
        }
        found => (db, found?),
    };
    if found < LAYOUT {
        let what = "has not been brought to this version's layout: run `erpscope run` with it once";
        return Err(HistoryError::Foreign { path: path.into(), what });
    }
    Ok(db)
}

/// Moves a file, and what SQLite keeps beside it, out of the way; returns where it is now.
pub(super) fn move_aside(path: &Path, now: i64) -> io::Result<PathBuf> {
    let aside = (0..100)
        .map(|turn| match turn {
            0 => beside(path, &format!(".corrupt-{now}")),
            turn => beside(path, &format!(".corrupt-{now}-{turn}")),
        })
        .find(|aside| !aside.exists())
        .ok_or_else(|| io::Error::from(io::ErrorKind::AlreadyExists))?;
    fs::rename(path, &aside)?;
    for ending in ["-wal", "-shm"] {
        match fs::rename(beside(path, ending), beside(&aside, ending)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(aside)
}

/// How many migrations a file has had; an error if it is not ours.
fn layout(db: &Connection, path: &Path) -> Result<i64, HistoryError> {
    let failed = |source| HistoryError::Sqlite { doing: "read", path: Some(path.into()), source };
    let number = |pragma| db.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
    let found = number("user_version").map_err(failed)?;
    let is_ours = number("application_id").map_err(failed)? == OURS;
    let is_empty = number("schema_version").map_err(failed)? == 0;
    match (is_ours, is_empty) {
        (true, _) if found > LAYOUT => {
            Err(HistoryError::Later { path: path.into(), found, known: LAYOUT })
        }
        (true, _) | (false, true) => Ok(found),
        (false, false) => {
            let what = "is another program's database";
            Err(HistoryError::Foreign { path: path.into(), what })
        }
    }
}

fn migrate(db: &mut Connection, found: i64) -> rusqlite::Result<()> {
    for (layout, migration) in MIGRATIONS.iter().filter(|(layout, _)| *layout > found) {
        let step = db.transaction()?;
        step.execute_batch(migration)?;
        step.pragma_update(None, "application_id", OURS)?;
        step.pragma_update(None, "user_version", layout)?;
        step.commit()?;
    }
    Ok(())
}

fn lock(path: &Path) -> Result<Lock, HistoryError> {
    let at = beside(path, ".lock");
    let failed = |source| HistoryError::Lock { path: at.clone(), source };
    // A file of its own: SQLite closes and opens its files as it likes.
    let file = OpenOptions::new().create(true).append(true).open(&at).map_err(failed)?;
    Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(_, errno)| match errno {
        Errno::EWOULDBLOCK => HistoryError::Taken(path.into()),
        errno => failed(errno.into()),
    })
}

/// The path with something added to its name.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(ending);
    name.into()
}

/// As SQLite names a file of which it may believe that nobody changes it.
fn unchanging(path: &Path) -> String {
    let path = path.to_string_lossy();
    let escaped = path.replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    format!("file:{escaped}?immutable=1")
}
