//! The receiver of spans: OTLP over HTTP and gRPC.
//!
//! <https://opentelemetry.io/docs/specs/otlp/>. What comes is read, sorted and handed on at once;
//! where there is no room for it, the sender is asked to come again. It has a thread of its own that reads,
//! and one that decodes what came by HTTP, so a flood takes at most these.

mod answer;
mod forward;
pub mod fuzz;
mod grpc;
mod http;
mod message;
mod read;
mod room;
mod sort;
mod span;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use opentelemetry_proto::tonic::trace::v1::ResourceSpans;
use tokio::sync::{Semaphore, watch};

use self::forward::Forward;
use self::room::Room;
use self::sort::Sorter;
use crate::config::Otlp;
use crate::integration::meter::otlp::Meter;
use crate::integration::{Integrations, Outlet};
use crate::listen::{self, Limits, Offered};

/// What senders may take. Few streams: a request waits in its sender's window until there is room.
const LIMITS: Limits = Limits {
    connections: 512,
    head: Duration::from_secs(10),
    idle: Duration::from_secs(120),
    stall: Duration::from_secs(30),
    head_bytes: 16 * 1024,
    streams: 16,
    drain: Duration::from_secs(3),
};

/// Why no spans are received.
#[derive(Debug, thiserror::Error)]
pub enum ReceiveError {
    /// The address cannot be listened on.
    #[error(
        "spans cannot be received on {address}: {source}; another program may hold it, \
         choose another in [otlp]"
    )]
    Bind {
        /// Which.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// No thread.
    #[error("cannot start the thread that receives spans: {0}")]
    Start(#[source] io::Error),
    /// No client to pass spans on.
    #[error("cannot pass spans on to the `forward` of [otlp]: {0}")]
    Forward(String),
}

/// What the routes work with.
struct Shared {
    integrations: Arc<ArcSwap<Integrations>>,
    told: Outlet,
    sorter: Mutex<Sorter>,
    meter: Arc<Meter>,
    room: Room,
    /// Who decodes a body: one at a time, on a thread beside the one that reads bodies, so none comes too late because
    /// another is decoded.
    decoder: Arc<Semaphore>,
    forward: Option<Forward>,
    max_body: usize,
}

/// What became of a request.
enum Taken {
    /// All spans but so many, and why some were refused.
    All { refused: u64, reasons: String },
    /// The state has no room: the sender is to come again.
    Full,
}

impl Shared {
    /// Sorts the spans of a request and hands them on.
    fn take(&self, transport: &'static str, batches: &[ResourceSpans]) -> Taken {
        let Some(place) = self.told.place() else { return Taken::Full };
        let integrations = self.integrations.load();
        let mut memory = self.sorter.lock().unwrap_or_else(PoisonError::into_inner);
        let mut sorted = memory.sort(batches, &integrations, SystemTime::now());
        place.put(std::mem::take(&mut sorted.told));
        memory.keep(&sorted);
        drop(memory);
        let reasons: Vec<String> =
            sorted.tally.refused.iter().map(|(reason, n)| format!("{n} {reason}")).collect();
        self.meter.count(|tally| {
            let accepted: u64 = sorted.tally.accepted.values().sum();
            *tally.received.entry(transport).or_default() +=
                accepted + sorted.refused + sorted.tally.told_twice;
            for (what, count) in &sorted.tally.accepted {
                *tally.accepted.entry(what).or_default() += count;
            }
            for (reason, count) in &sorted.tally.refused {
                *tally.refused.entry(reason).or_default() += count;
            }
            tally.told_twice += sorted.tally.told_twice;
        });
        Taken::All { refused: sorted.refused, reasons: reasons.join(", ") }
    }
}

/// A running receiver. Dropping it stops it; what runs may end for three seconds.
pub struct Receiver {
    http: Option<SocketAddr>,
    grpc: Option<SocketAddr>,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Receiver {
    /// Listens where the config says; `None` if it says nothing.
    pub fn start(
        config: &Otlp,
        integrations: Arc<ArcSwap<Integrations>>,
        told: Outlet,
        meter: Arc<Meter>,
    ) -> Result<Option<Self>, ReceiveError> {
        if config.http.is_none() && config.grpc.is_none() {
            return Ok(None);
        }
        let (http, grpc) = (bind(config.http)?, bind(config.grpc)?);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(ReceiveError::Start)?;
        let inside = runtime.enter();
        let forward = config.forward.as_ref().map(|url| Forward::start(url, &meter)).transpose()?;
        let shared = Arc::new(Shared {
            integrations,
            told,
            sorter: Mutex::default(),
            room: Room::new(config.max_waiting),
            decoder: Arc::new(Semaphore::new(1)),
            max_body: config.max_body,
            meter,
            forward,
        });
        let (stop, stopped) = watch::channel(false);
        let address = |listener: &Option<TcpListener>| listener.as_ref()?.local_addr().ok();
        let (http_address, grpc_address) = (address(&http), address(&grpc));
        let work = serve(http, grpc, shared, stopped);
        drop(inside);
        let thread = std::thread::Builder::new()
            .name("otlp".to_owned())
            .spawn(move || runtime.block_on(work))
            .map_err(ReceiveError::Start)?;
        Ok(Some(Self { http: http_address, grpc: grpc_address, stop, thread: Some(thread) }))
    }

    /// Where OTLP over HTTP is received.
    #[must_use]
    pub fn http(&self) -> Option<SocketAddr> {
        self.http
    }

    /// Where OTLP over gRPC is received.
    #[must_use]
    pub fn grpc(&self) -> Option<SocketAddr> {
        self.grpc
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let _all_ended = self.stop.send(true);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that receives spans had ended by a panic");
        }
    }
}

fn bind(address: Option<SocketAddr>) -> Result<Option<TcpListener>, ReceiveError> {
    let bind =
        |address| listen::bind(address).map_err(|source| ReceiveError::Bind { address, source });
    address.map(bind).transpose()
}

async fn serve(
    http: Option<TcpListener>,
    grpc: Option<TcpListener>,
    shared: Arc<Shared>,
    stopped: watch::Receiver<bool>,
) {
    let one = |listener: Option<TcpListener>, router: axum::Router| {
        let (shared, stopped) = (Arc::clone(&shared), stopped.clone());
        async move {
            let Some(listener) = listener else { return };
            let count = |offered| {
                if offered == Offered::Refused {
                    shared.meter.count(|tally| tally.connections_refused += 1);
                }
            };
            let service = hyper_util::service::TowerToHyperService::new(router);
            listen::serve(listener, LIMITS, service, count, stopped).await;
        }
    };
    tokio::join!(one(http, http::router(&shared)), one(grpc, grpc::router(&shared)));
}
