//! Tunnels: after CONNECT or an upgrade bytes pass unseen, in both directions, until both sides are
//! done, nothing moves any more, or the proxy stops.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::Ongoing;
use crate::integration::Fault;

/// Tunnels at once.
const ROOM: u32 = 4_096;
/// A tunnel in which nothing moved for so long ends; twice that at most.
const IDLE: Duration = Duration::from_secs(1_800);
/// Callers keep tunnels for later. When the proxy stops, one in which nothing moved for so long ends.
const QUIET: Duration = Duration::from_secs(2);

/// All tunnels of a proxy.
pub(super) struct Tunnels {
    room: Arc<Semaphore>,
    stopped: watch::Receiver<bool>,
}

/// A place among the tunnels; given back when it is dropped.
pub(super) struct Room {
    _permit: OwnedSemaphorePermit,
    stopped: watch::Receiver<bool>,
}

impl Tunnels {
    /// Until `stopped` says that the proxy stops.
    pub(super) fn new(stopped: watch::Receiver<bool>) -> Self {
        Self { room: Arc::new(Semaphore::new(ROOM as usize)), stopped }
    }

    /// A place for one more; `None` if there are too many.
    pub(super) fn room(&self) -> Option<Room> {
        let permit = Arc::clone(&self.room).try_acquire_owned().ok()?;
        Some(Room { _permit: permit, stopped: self.stopped.clone() })
    }

    /// Waits until none is left.
    pub(super) async fn ended(&self) {
        let _all = self.room.acquire_many(ROOM).await;
    }
}

/// Bytes that passed through a tunnel.
#[derive(Clone, Copy, Debug)]
pub(super) struct Passed {
    /// From the caller.
    pub(super) sent: u64,
    /// To the caller.
    pub(super) received: u64,
}

/// Passes bytes between a caller and the other side; the call, if it is one, ends with the tunnel.
pub(super) async fn pass(
    caller: impl AsyncRead + AsyncWrite + Unpin,
    other: impl AsyncRead + AsyncWrite + Unpin,
    mut room: Room,
    ongoing: Option<Ongoing>,
) -> Passed {
    let (sent, received) = (AtomicU64::new(0), AtomicU64::new(0));
    let moved = || sent.load(Ordering::Relaxed) + received.load(Ordering::Relaxed);
    let mut caller = Side { stream: caller, came: &sent, has_failed: false };
    let mut other = Side { stream: other, came: &received, has_failed: false };
    let fault = {
        let copied = tokio::io::copy_bidirectional(&mut caller, &mut other);
        tokio::select! {
            copied = copied => copied.err().map(|_| Fault::Cancelled),
            () = idle(&moved, IDLE) => Some(Fault::Timeout),
            () = stopped(&mut room.stopped, &moved) => None,
        }
    };
    let fault = if other.has_failed { Some(Fault::Broken) } else { fault };
    if let Some(mut ongoing) = ongoing {
        ongoing.end(fault);
    }
    Passed { sent: sent.into_inner(), received: received.into_inner() }
}

/// Waits until nothing has moved for this time.
async fn idle(moved: &impl Fn() -> u64, time: Duration) {
    loop {
        let before = moved();
        tokio::time::sleep(time).await;
        if moved() == before {
            return;
        }
    }
}

async fn stopped(stopped: &mut watch::Receiver<bool>, moved: &impl Fn() -> u64) {
    // What it gives is a lock, which is not to be held while waiting.
    drop(stopped.wait_for(|stop| *stop).await);
    idle(moved, QUIET).await;
}

/// One side of a tunnel: counts what came from it, and tells whether it was the one that failed.
struct Side<'a, S> {
    stream: S,
    came: &'a AtomicU64,
    has_failed: bool,
}

impl<S> Side<'_, S> {
    fn note<T>(&mut self, result: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        self.has_failed |= matches!(result, Poll::Ready(Err(_)));
        result
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Side<'_, S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        let came = buffer.filled().len().saturating_sub(before);
        self.came.fetch_add(u64::try_from(came).unwrap_or(u64::MAX), Ordering::Relaxed);
        self.note(read)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Side<'_, S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.note(written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        self.note(flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let done = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.note(done)
    }
}
