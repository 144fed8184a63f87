//! The agent's clock.

use std::time::{Instant, SystemTime};

use crate::sample::Moment;

/// Tells moments since the agent's start.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    start: Instant,
}

impl Clock {
    pub(super) fn start() -> Self {
        Self { start: Instant::now() }
    }

    pub(super) fn now(&self) -> Moment {
        Moment { wall: SystemTime::now(), elapsed: self.start.elapsed() }
    }
}
