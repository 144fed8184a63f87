//! Bodies on their way through: passed frame by frame, watched for their end.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{Either, Full};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep};

use super::Ongoing;
use crate::integration::Fault;

/// What the proxy answers with: a body that passes, or one of its own.
pub(super) type Answer = hyper::Response<Either<Passing, Full<Bytes>>>;

/// Why a body broke off.
#[derive(Debug, thiserror::Error)]
pub(super) enum Broken {
    /// Nothing came for too long.
    #[error("nothing came for {0:?}")]
    Idle(Duration),
    /// The other side broke it off.
    #[error(transparent)]
    Passed(#[from] hyper::Error),
}

/// How far a request has been sent, for who waits for its answer.
#[derive(Clone, Default)]
pub(super) struct Sent(Arc<Mutex<Progress>>);

#[derive(Clone, Copy, Default)]
enum Progress {
    /// Nothing of a body was asked for, or there is none.
    #[default]
    Head,
    /// Its last part was taken then.
    Taken(Instant),
    /// The next part has not come from the caller.
    Awaited,
}

impl Sent {
    fn set(&self, progress: Progress) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = progress;
    }

    /// When the answer must have begun at the latest, as far as can be said now: so long after the
    /// last part of the request was taken. `None` if that has passed.
    pub(super) fn deadline(&self, began: Instant, first_byte: Duration) -> Option<Instant> {
        let now = Instant::now();
        let since = match *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Progress::Head => began,
            Progress::Taken(at) => at,
            Progress::Awaited => now,
        };
        Some(since + first_byte).filter(|deadline| *deadline > now)
    }
}

/// A body that passes. It breaks off when nothing comes for too long; with an [`Ongoing`] it ends
/// that, too.
pub(super) struct Passing {
    inner: Incoming,
    idle: Duration,
    /// Made when the first wait begins: most bodies are there at once.
    timer: Option<Pin<Box<Sleep>>>,
    ongoing: Option<Ongoing>,
    sent: Option<Sent>,
}

impl Passing {
    /// Of a request.
    pub(super) fn request(inner: Incoming, idle: Duration) -> (Self, Sent) {
        let sent = Sent::default();
        let noted = (!inner.is_end_stream()).then(|| sent.clone());
        (Self { inner, idle, timer: None, ongoing: None, sent: noted }, sent)
    }

    /// Of an answer, whose end is the call's.
    pub(super) fn answer(inner: Incoming, idle: Duration, mut ongoing: Ongoing) -> Self {
        // A body that is empty may never be asked for its end.
        let is_over = inner.is_end_stream();
        if is_over {
            ongoing.end(None);
        }
        let ongoing = (!is_over).then_some(ongoing);
        Self { inner, idle, timer: None, ongoing, sent: None }
    }

    fn note(&self, progress: impl FnOnce() -> Progress) {
        if let Some(sent) = &self.sent {
            sent.set(progress());
        }
    }

    fn end(&mut self, fault: Option<Fault>) {
        if let Some(mut ongoing) = self.ongoing.take() {
            ongoing.end(fault);
        }
    }
}

impl Body for Passing {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let this = &mut *self;
        match Pin::new(&mut this.inner).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                this.timer = None;
                this.note(|| Progress::Taken(Instant::now()));
                if this.inner.is_end_stream() {
                    this.end(None);
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => {
                this.end(Some(Fault::Broken));
                Poll::Ready(Some(Err(error.into())))
            }
            Poll::Ready(None) => {
                this.note(|| Progress::Taken(Instant::now()));
                this.end(None);
                Poll::Ready(None)
            }
            Poll::Pending => {
                this.note(|| Progress::Awaited);
                let idle = this.idle;
                let begin = || Box::pin(tokio::time::sleep_until(Instant::now() + idle));
                let timer = this.timer.get_or_insert_with(begin);
                if timer.as_mut().poll(cx).is_ready() {
                    this.end(Some(Fault::Timeout));
                    return Poll::Ready(Some(Err(Broken::Idle(idle))));
                }
                Poll::Pending
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
