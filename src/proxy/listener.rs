//! The proxy's listeners, all together.

use std::convert::Infallible;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use hyper::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use tokio::sync::watch;

use super::body::Answer;
use super::{DRAIN, Service, Shared};
use crate::listen::{self, Limits, Offered};

const LIMITS: Limits = Limits {
    connections: 4_096,
    head: Duration::from_secs(10),
    idle: Duration::from_secs(120),
    stall: Duration::from_secs(300),
    head_bytes: 64 * 1024,
    streams: 256,
    drain: DRAIN,
};

/// Serves on all listeners until told to stop, then lets what runs end.
pub(super) async fn serve_all(
    services: Vec<(TcpListener, Service)>,
    shared: &Arc<Shared>,
    mut stopped: watch::Receiver<bool>,
) {
    let mut tasks = tokio::task::JoinSet::new();
    for (listener, service) in services {
        tasks.spawn(serve(listener, Arc::new(service), Arc::clone(shared), stopped.clone()));
    }
    let ended = async {
        while tasks.join_next().await.is_some() {}
        shared.tunnels.ended().await;
    };
    let deadline = async {
        let _or_dropped = stopped.wait_for(|stop| *stop).await;
        tokio::time::sleep(DRAIN).await;
    };
    tokio::select! {
        () = ended => {}
        () = deadline => tracing::warn!("calls did not end within {DRAIN:?} and were cut off"),
    }
}

async fn serve(
    listener: TcpListener,
    service: Arc<Service>,
    shared: Arc<Shared>,
    stopped: watch::Receiver<bool>,
) {
    let answer = service_fn(move |request: Request<Incoming>| {
        let service = Arc::clone(&service);
        async move {
            Ok::<Answer, Infallible>(match &*service {
                Service::Reverse(reverse) => reverse.answer(request).await,
                Service::Forward(forward) => forward.answer(request).await,
            })
        }
    });
    let count = |offered| {
        shared.meter.count(|tally| match offered {
            Offered::Accepted => tally.connections += 1,
            Offered::Refused => tally.connections_refused += 1,
        });
    };
    listen::serve(listener, LIMITS, answer, count, stopped).await;
}
