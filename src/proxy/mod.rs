//! The proxy: calls go through it, are measured, and are not changed.
//!
//! It stands before the ERP's API, or between the ERP and those it calls. It has threads and a runtime of
//! its own and waits for no other part: when those are down or busy, calls still pass. Of a
//! request it keeps method, route template, trace id, status and times; no header's value, no body.

mod body;
mod forward;
mod headers;
mod listener;
mod reverse;
mod tunnel;
mod upstream;

use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use arc_swap::ArcSwap;
use tokio::sync::watch;

use self::forward::Forward;
use self::reverse::{Place, Reverse};
use self::tunnel::Tunnels;
use self::upstream::Upstream;
use crate::config::{ForwardProxy, ProxyRoute};
use crate::integration::meter::proxy::{InFlight, Meter};
use crate::integration::{Call, Direction, Fault, Integrations, Outlet, Source, TraceId};
use crate::listen;
use crate::trust::TrustError;

/// Calls that run may take so long to end when the proxy is told to stop.
const DRAIN: Duration = Duration::from_secs(10);

/// Why there is no proxy.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    /// The address cannot be listened on.
    #[error(
        "the proxy cannot listen on {address}: {source}; another program may hold it, \
         choose another in [[proxy]] or [forward_proxy]"
    )]
    Bind {
        /// Which.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// No threads.
    #[error("cannot start the proxy's threads: {0}; the machine may be out of threads or memory")]
    Start(#[source] io::Error),
    /// No TLS to upstreams.
    #[error(transparent)]
    Tls(#[from] TrustError),
}

/// What every part of the proxy works with.
struct Shared {
    upstream: Upstream,
    integrations: Arc<ArcSwap<Integrations>>,
    calls: Outlet,
    meter: Arc<Meter>,
    tunnels: Tunnels,
    /// What `via` says of us: other at each start, so that a loop is known.
    pseudonym: String,
}

/// A running proxy. Dropping it stops it after what runs has ended, or 10 s.
pub struct Proxy {
    addresses: Vec<SocketAddr>,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Proxy {
    /// Listens on every address of the config and passes calls on.
    pub fn start(
        routes: &[ProxyRoute],
        forward: Option<&ForwardProxy>,
        integrations: Arc<ArcSwap<Integrations>>,
        calls: Outlet,
        meter: Arc<Meter>,
    ) -> Result<Self, ProxyError> {
        let (stop, stopped) = watch::channel(false);
        let shared = Arc::new(Shared {
            upstream: Upstream::new()?,
            integrations,
            calls,
            meter,
            tunnels: Tunnels::new(stopped.clone()),
            pseudonym: format!("erpscope-{:08x}", fastrand::u32(..)),
        });
        let mut by_address: BTreeMap<SocketAddr, Vec<ProxyRoute>> = BTreeMap::new();
        for route in routes {
            by_address.entry(route.listen).or_default().push(route.clone());
        }
        let mut services = Vec::new();
        for (address, routes) in by_address {
            services.push((bind(address)?, Service::Reverse(Reverse::new(routes, &shared))));
        }
        if let Some(forward) = forward {
            services
                .push((bind(forward.listen)?, Service::Forward(Forward::new(forward, &shared))));
        }
        let addresses =
            services.iter().filter_map(|(listener, _)| listener.local_addr().ok()).collect();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("proxy")
            .enable_all()
            .build()
            .map_err(ProxyError::Start)?;
        let thread = std::thread::Builder::new()
            .name("proxy".to_owned())
            .spawn(move || {
                runtime.block_on(listener::serve_all(services, &shared, stopped));
                // A name that is still looked up would hold up who stops.
                runtime.shutdown_background();
            })
            .map_err(ProxyError::Start)?;
        Ok(Self { addresses, stop, thread: Some(thread) })
    }

    /// Where it listens: the reverse routes in the order of their addresses, then the forward proxy.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _all_ended = self.stop.send(true);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the proxy's thread had ended by a panic");
        }
    }
}

fn bind(address: SocketAddr) -> Result<TcpListener, ProxyError> {
    listen::bind(address).map_err(|source| ProxyError::Bind { address, source })
}

/// What a listener does with requests.
enum Service {
    Reverse(Reverse),
    Forward(Forward),
}

/// A call that goes on. Dropped before it was told of its end, it was cancelled by its caller.
struct Ongoing {
    calls: Outlet,
    call: Option<Call>,
    began: Instant,
    _in_flight: Option<InFlight>,
    place: Option<Place>,
}

impl Ongoing {
    fn begin(
        shared: &Shared,
        integration: &Arc<str>,
        direction: Direction,
        operation: String,
        trace: Option<TraceId>,
        source: Source,
    ) -> Self {
        // What is of no integration passes and is no call.
        let is_known = !integration.is_empty();
        let call = Call {
            integration: Arc::clone(integration),
            direction,
            operation: operation.into(),
            began: SystemTime::now(),
            length: Duration::ZERO,
            fault: None,
            trace,
            source,
        };
        Self {
            calls: shared.calls.clone(),
            call: is_known.then_some(call),
            began: Instant::now(),
            _in_flight: is_known.then(|| shared.meter.enter(integration, direction)),
            place: None,
        }
    }

    /// It has a place among the calls of its route until it ends.
    fn holds(&mut self, place: Option<Place>) {
        self.place = place;
    }

    /// It has failed, or not, and goes on until [`Self::end`].
    fn judge(&mut self, fault: Option<Fault>) {
        if let Some(call) = &mut self.call {
            call.fault = fault;
        }
    }

    /// A tunnel or another protocol begins: the call is over, its place is held until that ends. How long it took.
    fn establish(mut self) -> (Option<Place>, Duration) {
        let (place, took) = (self.place.take(), self.began.elapsed());
        self.end(None);
        (place, took)
    }

    /// It is over; a fault that it had before stays.
    fn end(&mut self, fault: Option<Fault>) {
        if let Some(mut call) = self.call.take() {
            call.length = self.began.elapsed();
            call.fault = call.fault.or(fault);
            self.calls.put(vec![call]);
        }
    }
}

impl Drop for Ongoing {
    fn drop(&mut self) {
        self.end(Some(Fault::Cancelled));
    }
}
