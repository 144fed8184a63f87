//! Where calls go when they have ended. Whoever saw one never waits: what the queue cannot take is
//! counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::mpsc;

use super::call::{Call, Told};

/// The end of the queue where calls go in. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Outlet {
    sender: mpsc::Sender<Told>,
    lost: Arc<AtomicU64>,
}

/// The end where they come out, in batches.
#[derive(Debug)]
pub struct CallQueue {
    /// Batches in the order of their coming.
    pub batches: mpsc::Receiver<Told>,
    lost: Arc<AtomicU64>,
}

/// A queue of at most `batches` batches.
#[must_use]
pub fn outlet(batches: usize) -> (Outlet, CallQueue) {
    let (sender, receiver) = mpsc::channel(batches);
    let lost = Arc::new(AtomicU64::new(0));
    (Outlet { sender, lost: Arc::clone(&lost) }, CallQueue { batches: receiver, lost })
}

impl Outlet {
    /// Puts calls into the queue; if it is full they are counted as lost.
    pub fn put(&self, calls: Vec<Call>) {
        let count = u64::try_from(calls.len()).unwrap_or(u64::MAX);
        match self.place() {
            Some(place) => place.put(Told { calls, ..Told::default() }),
            None => {
                self.lost.fetch_add(count, Ordering::Relaxed);
            }
        }
    }

    /// A place in the queue, if it is not full: for who can ask its caller to come again, before any
    /// work is done.
    #[must_use]
    pub fn place(&self) -> Option<Place<'_>> {
        self.sender.try_reserve().ok().map(Place)
    }
}

/// A place in the queue; given back if nothing is put there.
#[derive(Debug)]
pub struct Place<'a>(mpsc::Permit<'a, Told>);

impl Place<'_> {
    /// Puts something there.
    pub fn put(self, told: Told) {
        if !told.is_empty() {
            self.0.send(told);
        }
    }
}

impl CallQueue {
    /// Calls that were lost since the start.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
}
