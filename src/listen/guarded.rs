//! The connection of a stranger, who cannot hold it for nothing: he must say soon which HTTP he
//! speaks, and take what he is sent.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Sleep;

/// How HTTP/2 begins. Until it is clear whether this comes or HTTP/1.1, hyper waits without end.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A connection that fails when nothing comes at its beginning, or nothing is taken any more.
pub(super) struct Guarded {
    stream: TcpStream,
    /// Bytes that have come.
    came: Arc<AtomicU64>,
    first: Duration,
    stall: Duration,
    /// Bytes of [`PREFACE`] that have come; `None` when the version is clear.
    preface: Option<usize>,
    /// Made when a wait begins, as most never do.
    reading: Option<Pin<Box<Sleep>>>,
    writing: Option<Pin<Box<Sleep>>>,
}

impl Guarded {
    /// The version of HTTP must be clear within `first`; a write may wait for `stall`. What comes is
    /// counted in `came`.
    pub(super) fn new(
        stream: TcpStream,
        came: Arc<AtomicU64>,
        first: Duration,
        stall: Duration,
    ) -> Self {
        Self { stream, came, first, stall, preface: Some(0), reading: None, writing: None }
    }

    fn note(&mut self, bytes: &[u8]) {
        self.came.fetch_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX), Ordering::Relaxed);
        let Some(seen) = self.preface else { return };
        let rest = PREFACE.get(seen..).unwrap_or_default();
        let is_open = bytes.len() < rest.len() && rest.starts_with(bytes) && !bytes.is_empty();
        self.preface = is_open.then(|| seen + bytes.len());
        if !is_open {
            self.reading = None;
        }
    }

    /// What became of a write, which may not wait for ever.
    fn written(
        &mut self,
        cx: &mut Context<'_>,
        result: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if result.is_ready() {
            self.writing = None;
            return result;
        }
        let stall = self.stall;
        let timer = self.writing.get_or_insert_with(|| Box::pin(tokio::time::sleep(stall)));
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Guarded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buffer.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(cx, buffer);
        if read.is_ready() {
            this.note(buffer.filled().get(before..).unwrap_or_default());
            return read;
        }
        if this.preface.is_none() {
            return read;
        }
        let first = this.first;
        let timer = this.reading.get_or_insert_with(|| Box::pin(tokio::time::sleep(first)));
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncWrite for Guarded {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.written(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, parts);
        self.written(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
