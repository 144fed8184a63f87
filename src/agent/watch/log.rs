//! The third lane: the server's own log, when the config says where it is.

use std::ops::ControlFlow;
use std::time::Duration;

use super::Watch;
use super::message::Messages;
use crate::sample::{Outcome, Sampler};
use crate::serverlog::{Batch, Follower, LogError};
use crate::state::{Failure, Sampled, What};

/// How often it is read.
const INTERVAL: Duration = Duration::from_secs(1);

/// Follows the log until nobody folds events any more.
pub(super) async fn keep_following(watch: &Watch) -> ControlFlow<()> {
    let Some(path) = watch.server.log.clone() else {
        return std::future::pending().await;
    };
    let mut messages = Messages::new(watch.name.clone());
    let mut follower = Follower::new(path);
    loop {
        let began = watch.clock.now().elapsed;
        // Files can be slow; nothing else is to wait for them.
        let reading = tokio::task::spawn_blocking(move || {
            let batch = follower.read();
            (follower, batch)
        });
        let Ok((again, batch)) = reading.await else {
            tracing::error!(server = %watch.name, "reading the server's log has failed for good");
            return std::future::pending().await;
        };
        follower = again;
        let failure = batch.error.as_ref().map(failure);
        messages.ran(Sampler::Log, failure.as_ref().map(|f| (f.outcome, f.message.as_str())));
        let wait = if batch.behind > 0 { Duration::ZERO } else { INTERVAL };
        let took = watch.clock.now().elapsed.saturating_sub(began);
        report(watch, took, batch, failure).await?;
        tokio::time::sleep(wait).await;
    }
}

fn failure(error: &LogError) -> Failure {
    let outcome = match error {
        LogError::Missing { .. } => Outcome::Missing,
        LogError::Denied { .. } => Outcome::Refused,
        LogError::Deleted { .. } | LogError::Io { .. } => Outcome::Error,
    };
    Failure { outcome, message: error.to_string() }
}

/// What was read counts, also when something is wrong at the same time; where nothing could be
/// read, that is no success.
async fn report(
    watch: &Watch,
    took: Duration,
    batch: Batch,
    failure: Option<Failure>,
) -> ControlFlow<()> {
    let sampler = Sampler::Log;
    // Reading a file costs the database nothing.
    let (cost, interval, spending) = (Duration::ZERO, Some(INTERVAL), watch.spending());
    if failure.is_none() || !batch.is_empty() {
        let result = Ok(Sampled::Log(batch));
        watch.send(What::Ran { sampler, took, cost, interval, result, spending }).await?;
    }
    let Some(failure) = failure else { return ControlFlow::Continue(()) };
    let result = Err(failure);
    watch.send(What::Ran { sampler, took, cost, interval, result, spending }).await
}
