//! Room for requests that are being read: a bounded number of bytes, whoever sends them.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What permits are for.
const UNIT: usize = 1_024;

/// Bytes that may be read at once.
pub(super) struct Room {
    units: Arc<Semaphore>,
}

impl Room {
    pub(super) fn new(bytes: usize) -> Self {
        Self { units: Arc::new(Semaphore::new((bytes / UNIT).max(1))) }
    }

    /// Room for so many bytes, until it is dropped; `None` if there is not enough now.
    pub(super) fn take(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let units = u32::try_from(bytes.div_ceil(UNIT)).ok()?;
        Arc::clone(&self.units).try_acquire_many_owned(units).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_is_missing_until_it_is_given_back() {
        let room = Room::new(10 * UNIT);
        let first = room.take(6 * UNIT).unwrap();
        assert!(room.take(5 * UNIT).is_none());
        drop(first);
        assert!(room.take(9 * UNIT + 1).is_some());
        assert!(room.take(usize::MAX).is_none());
    }
}
