//! Bodies on their way through: passed frame by frame, watched for their end.

use std::pin::Pin;
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

/// A body that passes. It breaks off when nothing comes for too long; with an [`Ongoing`] it ends
/// that, too.
pub(super) struct Passing {
    inner: Incoming,
    idle: Duration,
    /// Made when the first wait begins: most bodies are there at once.
    timer: Option<Pin<Box<Sleep>>>,
    ongoing: Option<Ongoing>,
}

impl Passing {
    pub(super) fn new(inner: Incoming, idle: Duration, mut ongoing: Option<Ongoing>) -> Self {
        // A body that is empty may never be asked for its end.
        if inner.is_end_stream()
            && let Some(mut ended) = ongoing.take()
        {
            ended.end(None);
        }
        Self { inner, idle, timer: None, ongoing }
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
                this.end(None);
                Poll::Ready(None)
            }
            Poll::Pending => {
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
