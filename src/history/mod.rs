//! What is remembered over restarts: growth per hour, episodes, the ledger of suggestions.
//!
//! One SQLite file with one writer, a thread of its own behind a bounded queue; in memory if no
//! file is wanted. Who records never waits: what has no room is counted. Nothing here knows where
//! the rows come from; plain data goes in ([`Batch`]) and comes out ([`Reader`]).

mod error;
mod file;
mod keep;
mod keeper;
mod read;
mod row;
mod store;
mod sum;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use arc_swap::ArcSwap;

pub use self::error::HistoryError;
pub use self::keep::Limits;
pub use self::keeper::Standing;
use self::keeper::{Job, Keeper};
pub use self::read::Reader;
pub use self::row::{
    Batch, Covered, Episode, HOUR, IndexGrowth, IndexUse, Kind, ModuleSize, Place, StatementGrowth,
    StatementText, Suggestion, TableGrowth, TableUse, Work, hour_of,
};
pub use self::sum::{
    Coverage, DeletedRows, HourLoad, IndexSum, Period, StatementHour, StatementSum, Sums, TableSum,
};

/// Batches and questions that may wait for the thread.
const QUEUE: usize = 64;

/// The history of one agent.
pub struct History {
    jobs: SyncSender<Job>,
    unqueued: Arc<AtomicU64>,
    standing: Arc<ArcSwap<Standing>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// Why there is no history.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No thread.
    #[error("cannot start the thread that keeps the history: {0}")]
    Thread(#[source] io::Error),
    /// Not even in memory.
    #[error(transparent)]
    Memory(#[from] HistoryError),
}

impl History {
    /// Begins, or goes on with, the history in the file `path`, or one in memory. A file that cannot
    /// be written is said and tried again; one that is broken is moved aside.
    ///
    /// # Errors
    /// When there is no thread, or no memory.
    pub fn open(path: Option<&Path>, limits: Limits) -> Result<Self, StartError> {
        let (jobs, queue) = sync_channel(QUEUE);
        let unqueued = Arc::new(AtomicU64::new(0));
        let standing = Arc::new(ArcSwap::default());
        let path = path.map(PathBuf::from);
        let keeper = Keeper::new(path, limits, Arc::clone(&unqueued), Arc::clone(&standing))?;
        let thread = std::thread::Builder::new()
            .name("history".to_owned())
            .spawn(move || keeper.run(&queue))
            .map_err(StartError::Thread)?;
        Ok(Self { jobs, unqueued, standing, thread: Mutex::new(Some(thread)) })
    }

    /// Reads a file, whether or not an agent writes it.
    ///
    /// # Errors
    /// When there is none, or it is not ours.
    pub fn read_only(path: &Path) -> Result<Reader<'static>, HistoryError> {
        Reader::open(path)
    }

    /// Has a batch written, soon; never waits. What has no room is counted.
    pub fn record(&self, batch: Batch) {
        if batch.is_empty() {
            return;
        }
        if let Err(TrySendError::Full(job) | TrySendError::Disconnected(job)) =
            self.jobs.try_send(Job::Record(batch))
            && let Job::Record(batch) = job
        {
            let rows = u64::try_from(batch.len()).unwrap_or(u64::MAX);
            self.unqueued.fetch_add(rows, Ordering::Relaxed);
        }
    }

    /// Asks; waits until what was recorded before is written, and for the answer. Not to be called
    /// where others must not wait.
    ///
    /// # Errors
    /// When nobody answers.
    pub fn ask<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&Reader<'_>) -> T + Send + 'static,
    ) -> Result<T, HistoryError> {
        let (reply, answer): (_, Receiver<T>) = channel();
        let job = Job::Ask(Box::new(move |reader| {
            let _nobody_waits_any_more = reply.send(ask(reader));
        }));
        self.jobs.send(job).map_err(|_| HistoryError::Ended)?;
        answer.recv().map_err(|_| HistoryError::Ended)
    }

    /// How it is doing, renewed with each batch.
    #[must_use]
    pub fn standing(&self) -> Arc<Standing> {
        self.standing.load_full()
    }

    /// Writes what was recorded and closes the file.
    pub fn stop(&self) {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(thread) = thread else { return };
        let _already_ended = self.jobs.send(Job::Stop);
        if thread.join().is_err() {
            tracing::error!("the thread that keeps the history had ended by a panic");
        }
    }
}

impl Drop for History {
    fn drop(&mut self) {
        self.stop();
    }
}

#[cfg(test)]
mod tests;
