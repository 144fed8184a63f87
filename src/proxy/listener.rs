//! Listening: connections in a bounded number, slow ones cut off, all drained at the end.

use std::convert::Infallible;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, watch};

use super::body::Answer;
use super::{DRAIN, Service, Shared};

/// Connections of one listener.
const CONNECTIONS: usize = 4_096;
/// The head of a request must be there within this time.
const HEAD: Duration = Duration::from_secs(10);
/// Bytes of a request's head.
const HEAD_BYTES: u32 = 64 * 1024;
/// Headers of a request.
const HEADERS: usize = 100;
/// After a failed accept, such as for want of descriptors.
const AGAIN: Duration = Duration::from_millis(100);

/// Serves on all listeners until told to stop, then lets what runs end.
pub(super) async fn serve_all(
    services: Vec<(TcpListener, Service)>,
    shared: &Arc<Shared>,
    stopped: watch::Receiver<bool>,
) {
    let mut tasks = tokio::task::JoinSet::new();
    for (listener, service) in services {
        tasks.spawn(serve(listener, Arc::new(service), Arc::clone(shared), stopped.clone()));
    }
    while tasks.join_next().await.is_some() {}
}

async fn serve(
    listener: TcpListener,
    service: Arc<Service>,
    shared: Arc<Shared>,
    mut stopped: watch::Receiver<bool>,
) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => {
            tracing::error!(%error, "the proxy's socket cannot be used; nothing passes");
            return;
        }
    };
    let (graceful, room) = (GracefulShutdown::new(), Arc::new(Semaphore::new(CONNECTIONS)));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = told_to_stop(&mut stopped) => break,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "the proxy cannot accept a connection");
                tokio::time::sleep(AGAIN).await;
                continue;
            }
        };
        let Ok(permit) = Arc::clone(&room).try_acquire_owned() else {
            shared.meter.count(|tally| tally.connections_refused += 1);
            continue;
        };
        shared.meter.count(|tally| tally.connections += 1);
        let connection = connection(stream, Arc::clone(&service));
        let watched = graceful.watch(connection);
        tokio::spawn(async move {
            // Callers break off as they like; each call says by itself how it ended.
            let _ended = watched.await;
            drop(permit);
        });
    }
    drop(listener);
    if tokio::time::timeout(DRAIN, graceful.shutdown()).await.is_err() {
        tracing::warn!("calls through the proxy did not end within {DRAIN:?} and were cut off");
    }
}

async fn told_to_stop(stopped: &mut watch::Receiver<bool>) {
    let _or_dropped = stopped.wait_for(|stop| *stop).await;
}

fn connection(
    stream: TcpStream,
    service: Arc<Service>,
) -> impl hyper_util::server::graceful::GracefulConnection + 'static {
    let _only_slower = stream.set_nodelay(true);
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(HEAD_BYTES as usize)
        .max_headers(HEADERS)
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(256)
        .max_header_list_size(HEAD_BYTES)
        .keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(20));
    let answer = service_fn(move |request: hyper::Request<Incoming>| {
        let service = Arc::clone(&service);
        async move {
            Ok::<Answer, Infallible>(match &*service {
                Service::Reverse(reverse) => reverse.answer(request).await,
                Service::Forward(forward) => forward.answer(request).await,
            })
        }
    });
    builder.serve_connection_with_upgrades(TokioIo::new(stream), answer).into_owned()
}
