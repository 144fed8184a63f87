//! How long hyper waits for the head of a request by HTTP/1.1: long while a kept connection is idle,
//! for a short time once it has begun.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use hyper::rt::{Sleep, Timer};
use hyper_util::rt::TokioTimer;

/// The clock of one connection's heads. hyper asks it for a wait when the request before has ended, and drops that when the
/// head is whole; by itself it would not tell an idle connection from a head that comes slowly.
pub(super) struct HeadTimer {
    /// Bytes that have come over the connection.
    came: Arc<AtomicU64>,
    head: Duration,
    is_first: AtomicBool,
}

impl HeadTimer {
    /// From its first byte on a head may take as long as `head`; `came` grows with what comes.
    pub(super) fn new(came: Arc<AtomicU64>, head: Duration) -> Self {
        Self { came, head, is_first: AtomicBool::new(true) }
    }
}

impl Timer for HeadTimer {
    fn sleep(&self, time: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(self.now() + time)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        // What has come before the first head's wait told the version of HTTP, and is of that head.
        let is_first = self.is_first.swap(false, Ordering::Relaxed);
        Box::pin(Wait {
            before: if is_first { 0 } else { self.came.load(Ordering::Relaxed) },
            came: Arc::clone(&self.came),
            head: self.head,
            has_begun: false,
            timer: Box::pin(tokio::time::sleep_until(deadline.into())),
        })
    }

    fn now(&self) -> Instant {
        TokioTimer::new().now()
    }
}

/// The wait for one head. It is asked again after everything that comes.
struct Wait {
    came: Arc<AtomicU64>,
    before: u64,
    head: Duration,
    has_begun: bool,
    timer: Pin<Box<tokio::time::Sleep>>,
}

impl Sleep for Wait {}

impl Future for Wait {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if !self.has_begun && self.came.load(Ordering::Relaxed) != self.before {
            self.has_begun = true;
            self.timer = Box::pin(tokio::time::sleep(self.head));
        }
        self.timer.as_mut().poll(cx)
    }
}
