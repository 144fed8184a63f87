//! Listening for HTTP from strangers: connections in a bounded number, slow ones cut off, all
//! drained at the end. HTTP/1.1 and HTTP/2 without TLS, as the caller speaks.

mod guarded;
mod head;

use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use hyper::body::{Body, Incoming};
use hyper::service::Service;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::sync::{Semaphore, watch};

use self::guarded::Guarded;
use self::head::HeadTimer;

/// After a failed accept, such as for want of descriptors.
const AGAIN: Duration = Duration::from_millis(100);
/// Headers of a request.
const HEADERS: usize = 100;

/// What strangers may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at once.
    pub connections: usize,
    /// A new connection must say something, and the head of a request that has begun be whole, within this time.
    pub head: Duration,
    /// A connection that is kept for the next request may be idle for so long: longer than those who call keep theirs,
    /// so that it is they who close it, and never a request that meets the end.
    pub idle: Duration,
    /// A caller who takes nothing of an answer for so long is cut off.
    pub stall: Duration,
    /// Bytes of a request's head.
    pub head_bytes: u32,
    /// Requests at once of one connection of HTTP/2.
    pub streams: u32,
    /// What runs may take so long to end when told to stop.
    pub drain: Duration,
}

/// What became of a connection that was offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offered {
    /// It is served.
    Accepted,
    /// There were too many, so it was closed.
    Refused,
}

/// Listens, so that the address is known before anything is served.
///
/// # Errors
/// When the address cannot be listened on.
pub fn bind(address: std::net::SocketAddr) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Serves until told to stop, then lets what runs end. `count` hears of every connection.
pub async fn serve<S, B>(
    listener: TcpListener,
    limits: Limits,
    service: S,
    count: impl Fn(Offered),
    mut stopped: watch::Receiver<bool>,
) where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => {
            tracing::error!(%error, "a listening socket cannot be used; nothing is served there");
            return;
        }
    };
    let (graceful, room) = (GracefulShutdown::new(), Arc::new(Semaphore::new(limits.connections)));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = told_to_stop(&mut stopped) => break,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "a connection cannot be accepted");
                tokio::time::sleep(AGAIN).await;
                continue;
            }
        };
        let Ok(permit) = Arc::clone(&room).try_acquire_owned() else {
            count(Offered::Refused);
            continue;
        };
        count(Offered::Accepted);
        let _only_slower = stream.set_nodelay(true);
        let came = Arc::<AtomicU64>::default();
        let builder = builder(limits, HeadTimer::new(Arc::clone(&came), limits.head));
        let io = TokioIo::new(Guarded::new(stream, came, limits.head, limits.stall));
        let connection = builder.serve_connection_with_upgrades(io, service.clone()).into_owned();
        let watched = graceful.watch(connection);
        tokio::spawn(async move {
            // Callers break off as they like; who serves them knows how each request ended.
            let _ended = watched.await;
            drop(permit);
        });
    }
    drop(listener);
    if tokio::time::timeout(limits.drain, graceful.shutdown()).await.is_err() {
        tracing::warn!("requests did not end within {:?} and were cut off", limits.drain);
    }
}

async fn told_to_stop(stopped: &mut watch::Receiver<bool>) {
    let _or_dropped = stopped.wait_for(|stop| *stop).await;
}

fn builder(limits: Limits, heads: HeadTimer) -> auto::Builder<TokioExecutor> {
    let ping = Duration::from_secs(20);
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(heads)
        .header_read_timeout(limits.idle)
        .max_buf_size(limits.head_bytes as usize)
        .max_headers(HEADERS)
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.streams)
        .max_header_list_size(limits.head_bytes)
        .keep_alive_interval(ping)
        .keep_alive_timeout(ping);
    builder
}
