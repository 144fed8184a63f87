//! The thread that writes: into the file if it can, in memory for as long as it cannot.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Receiver;
use std::time::SystemTime;

use arc_swap::ArcSwap;

use super::error::HistoryError;
use super::file::move_aside;
use super::keep::{Kept, Limits};
use super::read::Reader;
use super::row::Batch;
use super::store::Store;

/// What waits for the file to be writable again, in bytes; the oldest goes.
const MOST_WAITING: usize = 16 * 1_024 * 1_024;
/// How long a file is left alone that could not be written, in seconds.
const RETRY: i64 = 60;

/// What the thread is asked to do.
pub(super) enum Job {
    Record(Batch),
    Ask(Box<dyn FnOnce(&Reader<'_>) + Send>),
    Stop,
}

/// How the history is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// A file is wanted, and written.
    pub in_file: bool,
    /// Bytes in use.
    pub bytes: u64,
    /// The first hour of which anything is known, in seconds since 1970.
    pub oldest_hour: Option<i64>,
    /// Rows that were written.
    pub written_rows: u64,
    /// Rows that wait for the file to be writable.
    pub waiting_rows: u64,
    /// Rows that were lost: there was no room for them to wait.
    pub lost_rows: u64,
    /// Times when the file could not be opened, written or shrunk, or was lost.
    pub errors: u64,
    /// Files that were moved aside.
    pub moved_aside: u64,
    /// Times when the file was not there any more under its path, or another one was.
    pub lost_files: u64,
}

/// The thread's own.
pub(super) struct Keeper {
    path: Option<PathBuf>,
    limits: Limits,
    store: Store,
    kept: Kept,
    waiting: VecDeque<Batch>,
    /// When it last failed, by the batches' clock.
    failed_at: Option<i64>,
    standing: Standing,
    /// Rows for which the queue had no room.
    unqueued: Arc<AtomicU64>,
    published: Arc<ArcSwap<Standing>>,
}

impl Keeper {
    /// In memory so far: the file is opened by the thread.
    pub(super) fn new(
        path: Option<PathBuf>,
        limits: Limits,
        unqueued: Arc<AtomicU64>,
        published: Arc<ArcSwap<Standing>>,
    ) -> Result<Self, HistoryError> {
        Ok(Self {
            path,
            limits,
            store: Store::in_memory()?,
            kept: Kept::default(),
            waiting: VecDeque::new(),
            failed_at: None,
            standing: Standing::default(),
            unqueued,
            published,
        })
    }

    /// Works until it is told to stop, or nobody can ask any more.
    pub(super) fn run(mut self, jobs: &Receiver<Job>) {
        if self.path.is_some() {
            self.reach_file(now());
        }
        self.publish();
        while let Ok(job) = jobs.recv() {
            match job {
                Job::Record(batch) => {
                    self.record(batch);
                    self.publish();
                }
                Job::Ask(ask) => ask(&Reader::of(&self.store.db, self.store.path.clone())),
                Job::Stop => break,
            }
        }
        // One more try, as nothing waits beyond the end.
        self.failed_at = None;
        if !self.waiting.is_empty() {
            self.write_waiting(now());
            self.publish();
        }
    }

    pub(super) fn record(&mut self, batch: Batch) {
        let at = batch.at;
        if self.path.is_none() {
            self.write_in_memory(&batch);
        } else {
            if !self.store.is_there() {
                self.lose_file();
            }
            if self.store.path.is_none() {
                // For those that ask meanwhile.
                self.write_in_memory(&batch);
            }
            self.waiting.push_back(batch);
            self.write_waiting(at);
            self.drop_oldest();
        }
        self.keep(at);
    }

    fn write_in_memory(&mut self, batch: &Batch) {
        let rows = count(batch.len());
        match self.store.write(batch) {
            Ok(()) if self.path.is_none() => self.standing.written_rows += rows,
            Ok(()) => {}
            Err(error) => {
                tracing::error!("{error}");
                self.standing.errors += 1;
                self.standing.lost_rows += rows;
            }
        }
    }

    /// Writes what waits, in its order, unless the file has just failed.
    fn write_waiting(&mut self, at: i64) {
        // A clock that was put back is no reason to wait.
        let rests = self.failed_at.is_some_and(|failed| (failed..failed + RETRY).contains(&at));
        if rests || self.store.path.is_none() && !self.reach_file(at) {
            return;
        }
        while let Some(batch) = self.waiting.front() {
            match self.store.write(batch) {
                Ok(()) => {
                    self.standing.written_rows += count(batch.len());
                    self.waiting.pop_front();
                }
                Err(error) if error.is_corrupt() => {
                    self.standing.errors += 1;
                    if !self.begin_anew(&error, at) {
                        return;
                    }
                }
                Err(error) => return self.fail(&error, at),
            }
        }
        self.recovered();
    }

    /// Opens the file; one that is not ours, or broken, is moved aside first.
    fn reach_file(&mut self, at: i64) -> bool {
        let Some(path) = self.path.clone() else { return false };
        match Store::open(&path) {
            Ok(store) => {
                self.use_store(store);
                true
            }
            Err(error) if error.is_corrupt() => {
                self.standing.errors += 1;
                self.begin_anew(&error, at)
            }
            Err(error) => {
                self.fail(&error, at);
                false
            }
        }
    }

    /// Somebody has moved, removed or replaced the file. It is opened again at the next write: what is there then goes on, or
    /// a new one is begun.
    fn lose_file(&mut self) {
        let Some(path) = self.path.clone() else { return };
        self.standing.lost_files += 1;
        self.standing.errors += 1;
        tracing::error!(
            "the history file {} was moved, removed or replaced while it was written: what was in it is forgotten, and what is \
             there now is gone on with; stop the agent before you touch it",
            path.display()
        );
        let files = self.store.files;
        if self.leave_file()
            && let Some(Err(error)) = files.map(|files| files.clear_log(&path))
        {
            let path = path.display();
            tracing::error!(
                "what was left beside {path} cannot be removed: {error}; remove {path}-wal"
            );
        }
    }

    fn begin_anew(&mut self, why: &HistoryError, at: i64) -> bool {
        let Some(path) = self.path.clone() else { return false };
        // Closes the file, so that it can be moved.
        if !self.leave_file() {
            return false;
        }
        match move_aside(&path, now()) {
            Ok(aside) => {
                self.standing.moved_aside += 1;
                tracing::error!("{why}; it is now {} and a new one is begun", aside.display());
            }
            Err(error) => {
                let path = path.display();
                tracing::error!(
                    "{why}; it cannot be moved aside either: {error}; move {path} away"
                );
                self.failed_at = Some(at);
                return false;
            }
        }
        match Store::open(&path) {
            Ok(store) => {
                self.use_store(store);
                true
            }
            Err(error) => {
                self.fail(&error, at);
                false
            }
        }
    }

    fn use_store(&mut self, store: Store) {
        (self.store, self.kept) = (store, Kept::default());
        self.standing.in_file = true;
    }

    fn leave_file(&mut self) -> bool {
        self.standing.in_file = false;
        match Store::in_memory() {
            Ok(store) => {
                (self.store, self.kept) = (store, Kept::default());
                true
            }
            Err(error) => {
                tracing::error!("{error}");
                false
            }
        }
    }

    /// Notes a failure; said once, until it works again.
    fn fail(&mut self, error: &HistoryError, at: i64) {
        self.standing.errors += 1;
        if self.failed_at.replace(at).is_none() {
            tracing::error!(
                "{error}; until then the history is kept in memory, as far as it has room, and this is tried again"
            );
        }
    }

    fn recovered(&mut self) {
        if self.failed_at.take().is_some() {
            let lost = self.lost();
            tracing::warn!("the history file is written again; {lost} rows were lost so far");
        }
    }

    fn drop_oldest(&mut self) {
        let mut bytes: usize = self.waiting.iter().map(weight).sum();
        while bytes > MOST_WAITING
            && let Some(oldest) = self.waiting.pop_front()
        {
            bytes -= weight(&oldest);
            self.standing.lost_rows += count(oldest.len());
        }
    }

    fn keep(&mut self, at: i64) {
        let Err(error) = self.store.keep(&mut self.kept, &self.limits, at) else { return };
        if error.is_corrupt() && self.store.path.is_some() {
            self.standing.errors += 1;
            self.begin_anew(&error, at);
        } else {
            self.fail(&error, at);
        }
    }

    /// As a disk with room for so many pages.
    #[cfg(test)]
    pub(super) fn with_room_for(&mut self, pages: i64) {
        self.store.db.pragma_update(None, "max_page_count", pages).unwrap_or_default();
    }

    #[cfg(test)]
    pub(super) fn standing(&mut self) -> Standing {
        self.publish();
        **self.published.load()
    }

    fn lost(&self) -> u64 {
        self.standing.lost_rows + self.unqueued.load(Ordering::Relaxed)
    }

    fn publish(&mut self) {
        // What cannot be told stays as it was: the next write will say why.
        self.standing.bytes = self.store.bytes().unwrap_or(self.standing.bytes);
        self.standing.oldest_hour = self.store.oldest().unwrap_or(self.standing.oldest_hour);
        self.standing.waiting_rows = self.waiting.iter().map(|batch| count(batch.len())).sum();
        let standing = Standing { lost_rows: self.lost(), ..self.standing };
        if **self.published.load() != standing {
            self.published.store(Arc::new(standing));
        }
    }
}

/// About how much memory a batch takes.
fn weight(batch: &Batch) -> usize {
    let texts: usize = batch.texts.iter().map(|text| text.text.len()).sum();
    let episodes: usize = batch.episodes.iter().map(|episode| episode.json.len()).sum();
    let suggestions: usize = batch.suggestions.iter().map(|s| s.ddl.len() + s.payload.len()).sum();
    batch.len() * 200 + texts + episodes + suggestions
}

fn count(rows: usize) -> u64 {
    u64::try_from(rows).unwrap_or(u64::MAX)
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(0))
}
