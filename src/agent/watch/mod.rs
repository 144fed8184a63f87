//! Watching one server: connect, find out what it can, sample until the connection ends, again.
//!
//! On two lanes, each with a connection: sessions are looked at ten times a second (`activity`);
//! everything else, which is rare and can be slow, goes one after the other (`session`). A third
//! follows the server's log, if the config says where it is (`log`).

mod activity;
mod connection;
mod duplicates;
mod log;
mod message;
mod session;
mod turn;

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc, watch as flag};

pub(super) use self::duplicates::Counts;
use self::message::Messages;
use self::session::{Ended, Sampling};
use super::clock::Clock;
use crate::config;
use crate::erp::Profiles;
use crate::history::History;
use crate::pg::Backoff;
use crate::recognise::Rounds;
use crate::sample::Sampler;
use crate::serve::Board;
use crate::state::{Event, Limits, ServerSnapshot, Spending, What};
use crate::track::budget::Budget;

/// The first wait after a failed connection, and the longest.
const RETRY: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));

/// What is remembered from one connection to the next.
struct Kept {
    messages: Messages,
    rounds: Rounds,
}

/// Everything that watching one server needs.
pub(super) struct Watch {
    pub(super) name: Arc<str>,
    pub(super) server: config::Server,
    pub(super) statements: config::Statements,
    pub(super) database: config::Database,
    pub(super) activity: config::Activity,
    pub(super) usage: config::Usage,
    pub(super) upkeep: config::Upkeep,
    pub(super) duplicates: config::Duplicates,
    pub(super) profiles: Profiles,
    pub(super) history: Arc<History>,
    pub(super) counts: Counts,
    /// What both lanes spend.
    pub(super) budget: Arc<Mutex<Budget>>,
    /// Room for first looks, which all servers share.
    pub(super) first_looks: Arc<Semaphore>,
    pub(super) clock: Clock,
    pub(super) events: mpsc::Sender<Event>,
    pub(super) board: Board,
}

impl Watch {
    /// Runs until `stopped` says so.
    pub(super) async fn run(self, limits: Limits, mut stopped: flag::Receiver<bool>) {
        tokio::select! {
            _ = stopped.wait_for(|stop| *stop) => {}
            _ = self.work(limits) => {}
        }
    }

    /// Breaks when nobody folds events any more; what is said before [`What::Added`] nobody hears.
    async fn work(&self, limits: Limits) -> ControlFlow<()> {
        self.send(What::Added(limits)).await?;
        tokio::select! {
            ended = self.keep_watching() => ended,
            ended = self.recall() => ended,
            ended = activity::keep_sampling(self) => ended,
            ended = log::keep_following(self) => ended,
        }
    }

    /// Takes up what the history knows, beside all else.
    async fn recall(&self) -> ControlFlow<()> {
        duplicates::recall(self).await?;
        std::future::pending().await
    }

    async fn keep_watching(&self) -> ControlFlow<()> {
        let mut kept =
            Kept { messages: Messages::new(Arc::clone(&self.name)), rounds: Rounds::default() };
        let mut backoff = Backoff::new(RETRY.0, RETRY.1);
        loop {
            match Sampling::begin(self).await {
                Ok(mut sampling) => {
                    kept.messages.connected(sampling.lacking());
                    let (lacking, texts_come) =
                        (sampling.lacking().to_vec(), sampling.reads_texts());
                    let erps = sampling.recognise(self, &mut kept.rounds).await;
                    self.send(What::Recognised(erps)).await?;
                    self.send(What::Connected { lacking, texts_come }).await?;
                    match sampling.run(self, &mut kept, &mut backoff).await? {
                        Ended::Changed => {}
                        Ended::Lost(message) => {
                            self.lost(&mut kept.messages, "lost", message).await?;
                        }
                    }
                }
                Err((kind, message)) => self.lost(&mut kept.messages, kind, message).await?,
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

    /// Notes what a run that began at `at` has cost; returns the server's budget after it.
    fn spent(
        &self,
        sampler: Sampler,
        interval: Duration,
        at: Duration,
        cost: Duration,
    ) -> Spending {
        let mut budget = self.budget.lock().unwrap_or_else(PoisonError::into_inner);
        budget.spent(sampler, interval, at, cost);
        spending(&budget)
    }

    fn rests(&self, sampler: Sampler) {
        self.budget.lock().unwrap_or_else(PoisonError::into_inner).rests(sampler);
    }

    fn spending(&self) -> Spending {
        spending(&self.budget.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// How long the server may take for a turn of a sampler.
    fn patience(&self, sampler: Sampler) -> Duration {
        let statements = self.server.statement_timeout * 3;
        match sampler {
            // One of a session of its own, with a limit of its own.
            Sampler::Duplicates if self.duplicates.count => {
                statements + self.server.connect_timeout + self.duplicates.count_timeout * 2
            }
            _ => statements,
        }
    }

    /// Asks the published picture of this server.
    fn see<T>(&self, ask: impl FnOnce(&ServerSnapshot) -> T) -> Option<T> {
        self.board.load().snapshot.server(&self.name).map(ask)
    }

    /// Breaks when nobody folds events any more.
    async fn send(&self, what: What) -> ControlFlow<()> {
        let event = Event::Server { server: Arc::clone(&self.name), at: self.clock.now(), what };
        match self.events.send(event).await {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    }
}

/// A budget as it is told.
pub(super) fn spending(budget: &Budget) -> Spending {
    Spending { limit: budget.limit(), demand: budget.demand(), stretch: budget.stretch() }
}
