//! Tunnels: after CONNECT or an upgrade bytes pass unseen, in both directions, until both sides are
//! done, nothing moves any more, or the proxy stops.
//!
//! The call is over when a tunnel is established: what is in it cannot be seen, and callers keep it for later. What moves is
//! counted by itself.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant, SystemTime};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::integration::Direction;
use crate::integration::meter::proxy::{Meter, Tunnels as Counts};

/// Tunnels at once.
const ROOM: u32 = 4_096;
/// A tunnel in which nothing moved for so long ends; twice that at most.
const IDLE: Duration = Duration::from_secs(1_800);
/// Callers keep tunnels for later. When the proxy stops, one in which nothing moved for so long ends.
const QUIET: Duration = Duration::from_secs(2);
/// How often it is told what has moved.
const TOLD: Duration = Duration::from_secs(1);

/// All tunnels of a proxy.
pub(super) struct Tunnels {
    room: Arc<Semaphore>,
    idle: Duration,
    stopped: watch::Receiver<bool>,
}

/// A place among the tunnels; given back when it is dropped.
pub(super) struct Room {
    _permit: OwnedSemaphorePermit,
    idle: Duration,
    stopped: watch::Receiver<bool>,
}

impl Tunnels {
    /// Until `stopped` says that the proxy stops.
    pub(super) fn new(stopped: watch::Receiver<bool>) -> Self {
        Self { room: Arc::new(Semaphore::new(ROOM as usize)), idle: IDLE, stopped }
    }

    /// A place for one more; `None` if there are too many.
    pub(super) fn room(&self) -> Option<Room> {
        let permit = Arc::clone(&self.room).try_acquire_owned().ok()?;
        Some(Room { _permit: permit, idle: self.idle, stopped: self.stopped.clone() })
    }

    /// Waits until none is left.
    pub(super) async fn ended(&self) {
        let _all = self.room.acquire_many(ROOM).await;
    }
}

/// Where tunnels of one integration are counted; those of none are not.
pub(super) struct Account {
    meter: Arc<Meter>,
    of: Option<(Arc<str>, Direction)>,
}

impl Account {
    pub(super) fn new(meter: &Arc<Meter>, of: Option<(Arc<str>, Direction)>) -> Self {
        Self { meter: Arc::clone(meter), of }
    }

    fn count(&self, change: impl FnOnce(&mut Counts)) {
        if let Some(key) = &self.of {
            self.meter.count(|tally| change(tally.tunnels.entry(key.clone()).or_default()));
        }
    }
}

/// What moves through one tunnel.
struct Flow<'a> {
    account: &'a Account,
    /// Bytes from the caller that were not told yet.
    sent: AtomicU64,
    /// Bytes to the caller that were not told yet.
    received: AtomicU64,
    told: AtomicU64,
}

impl Flow<'_> {
    /// Bytes in both directions since the beginning.
    fn moved(&self) -> u64 {
        [&self.told, &self.sent, &self.received]
            .map(|bytes| bytes.load(Ordering::Relaxed))
            .iter()
            .sum()
    }

    fn tell(&self) {
        let [sent, received] =
            [&self.sent, &self.received].map(|new| new.swap(0, Ordering::Relaxed));
        if sent + received == 0 {
            return;
        }
        self.told.fetch_add(sent + received, Ordering::Relaxed);
        self.account.count(|counts| {
            counts.sent_bytes += sent;
            counts.received_bytes += received;
            counts.moved = Some(SystemTime::now());
        });
    }

    async fn tell_often(&self) -> Infallible {
        loop {
            tokio::time::sleep(TOLD).await;
            self.tell();
        }
    }
}

/// Passes bytes between a caller and the other side, between which it took so long to be `connecting`.
pub(super) async fn pass(
    caller: impl AsyncRead + AsyncWrite + Unpin,
    other: impl AsyncRead + AsyncWrite + Unpin,
    mut room: Room,
    account: &Account,
    connecting: Duration,
) {
    let began = Instant::now();
    account.count(|counts| {
        counts.opened += 1;
        counts.connecting += connecting;
    });
    let flow = Flow {
        account,
        sent: AtomicU64::new(0),
        received: AtomicU64::new(0),
        told: AtomicU64::new(0),
    };
    let moved = || flow.moved();
    let mut caller = Side { stream: caller, came: &flow.sent, has_failed: false };
    let mut other = Side { stream: other, came: &flow.received, has_failed: false };
    let reason = {
        let copied = tokio::io::copy_bidirectional(&mut caller, &mut other);
        tokio::select! {
            copied = copied => if copied.is_ok() { "closed" } else { "cancelled" },
            () = idle(&moved, room.idle) => "idle",
            () = stopped(&mut room.stopped, &moved) => "stopped",
            never = flow.tell_often() => match never {},
        }
    };
    let reason = if other.has_failed { "broken" } else { reason };
    flow.tell();
    account.count(|counts| {
        *counts.ended.entry(reason).or_default() += 1;
        counts.lasted += began.elapsed();
    });
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_tunnel_in_which_nothing_moves_any_more_ends_and_says_so() {
        let (_go_on, stopped) = watch::channel(false);
        let tunnels = Tunnels { idle: Duration::from_millis(50), ..Tunnels::new(stopped) };
        let meter = Arc::<Meter>::default();
        let key = (Arc::from("bank"), Direction::Outbound);
        let account = Account::new(&meter, Some(key.clone()));
        let ((_caller, here), (_other, there)) = (tokio::io::duplex(64), tokio::io::duplex(64));
        pass(here, there, tunnels.room().unwrap(), &account, Duration::ZERO).await;
        let counts = meter.read().tunnels.remove(&key).unwrap();
        assert_eq!((counts.opened, counts.ended), (1, [("idle", 1)].into()));
        assert!(counts.lasted >= Duration::from_millis(50));
        assert_eq!((counts.sent_bytes, counts.moved), (0, None));
    }
}
