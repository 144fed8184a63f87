//! How long a piece of work has waited for others, without the time in which it computed.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::time::{Duration, Instant};

/// Does the work; returns what came of it and how long it waited for an answer: what a server may
/// have spent for it at most. A search computes for seconds between its questions.
pub(super) async fn waited<T>(work: impl Future<Output = T>) -> (T, Duration) {
    let began = Instant::now();
    let mut computed = Duration::ZERO;
    let mut work = pin!(work);
    let done = poll_fn(|context| {
        let polled = Instant::now();
        let ready = work.as_mut().poll(context);
        computed += polled.elapsed();
        ready
    })
    .await;
    (done, began.elapsed().saturating_sub(computed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn computing_is_not_waiting() {
        let began = Instant::now();
        let busy = async {
            while began.elapsed() < Duration::from_millis(50) {
                std::hint::spin_loop();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        let ((), waited) = waited(busy).await;
        let all = began.elapsed();
        assert!(waited >= Duration::from_millis(20), "{waited:?}");
        assert!(waited + Duration::from_millis(49) <= all, "{waited:?} of {all:?}");
    }
}
