//! Watching one server: connect, find out what it can, sample until the connection ends, again.

mod message;
mod session;

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch as flag};

use self::message::Messages;
use self::session::{Ended, Sampling};
use super::clock::Clock;
use crate::config;
use crate::pg::Backoff;
use crate::serve::Board;
use crate::state::{Event, Limits, What};

/// The first wait after a failed connection, and the longest.
const RETRY: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));

/// Everything that watching one server needs.
pub(super) struct Watch {
    pub(super) name: Arc<str>,
    pub(super) server: config::Server,
    pub(super) statements: config::Statements,
    pub(super) database: config::Database,
    pub(super) budget: f64,
    pub(super) clock: Clock,
    pub(super) events: mpsc::Sender<Event>,
    pub(super) board: Board,
}

impl Watch {
    /// Runs until `stopped` says so.
    pub(super) async fn run(self, limits: Limits, mut stopped: flag::Receiver<bool>) {
        tokio::select! {
            _ = stopped.wait_for(|stop| *stop) => {}
            _ = self.keep_watching(limits) => {}
        }
    }

    async fn keep_watching(&self, limits: Limits) -> ControlFlow<()> {
        self.send(What::Added(limits)).await?;
        let mut messages = Messages::new(Arc::clone(&self.name));
        let mut backoff = Backoff::new(RETRY.0, RETRY.1);
        loop {
            match Sampling::begin(self).await {
                Ok(mut sampling) => {
                    messages.connected(sampling.lacking());
                    self.send(What::Connected { lacking: sampling.lacking().to_vec() }).await?;
                    match sampling.run(self, &mut messages, &mut backoff).await? {
                        Ended::Changed => {}
                        Ended::Lost(message) => self.lost(&mut messages, "lost", message).await?,
                    }
                }
                Err((kind, message)) => self.lost(&mut messages, kind, message).await?,
            }
            tokio::time::sleep(backoff.next_wait()).await;
        }
    }

    async fn lost(
        &self,
        messages: &mut Messages,
        kind: &'static str,
        message: String,
    ) -> ControlFlow<()> {
        if messages.lost(kind, &message) {
            return self.send(What::Lost { kind, message }).await;
        }
        ControlFlow::Continue(())
    }

    /// Breaks when nobody folds events any more.
    async fn send(&self, what: What) -> ControlFlow<()> {
        let event = Event { server: Arc::clone(&self.name), at: self.clock.now(), what };
        match self.events.send(event).await {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    }
}
