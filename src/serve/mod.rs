//! HTTP: a route is one picture of what is published. Never a query, never a wait for the rest.
//!
//! It runs on a thread and runtime of its own, so that it answers while the rest is busy.

mod routes;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

use arc_swap::ArcSwap;
use hyper_util::service::TowerToHyperService;
use tokio::sync::watch;

use crate::export::metrics::Exposition;
use crate::listen::{self, Limits};
use crate::state::Snapshot;

/// What scrapers, dashboards and people may take.
const LIMITS: Limits = Limits {
    connections: 256,
    head: Duration::from_secs(10),
    idle: Duration::from_secs(120),
    stall: Duration::from_secs(30),
    head_bytes: 16 * 1024,
    streams: 32,
    drain: Duration::from_secs(3),
};

/// What is published: replaced whole, read without a lock.
#[derive(Default)]
pub struct Published {
    /// What is true.
    pub snapshot: Snapshot,
    /// The same as finished metrics.
    pub exposition: Exposition,
}

/// Where the latest [`Published`] is found.
pub type Board = Arc<ArcSwap<Published>>;

/// What the routes know: where the latest is, and whether anybody still writes it.
#[derive(Clone)]
struct Sources {
    board: Board,
    writer: Weak<()>,
}

/// Why nothing is served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address cannot be listened on.
    #[error(
        "cannot listen on {address}: {source}; another program may hold it, \
         choose another with `listen` in the config or --listen"
    )]
    Bind {
        /// Which.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The thread or its runtime could not be started.
    #[error("cannot start the HTTP thread: {0}; the machine may be out of threads or memory")]
    Start(#[source] io::Error),
}

/// A running server. Dropping it stops it: open requests are drained for a few seconds.
pub struct Server {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Listens on `address` and serves what is on `board`. The writer of the board holds what
    /// `writer` points to: when that is gone, `/healthz` says so.
    pub fn start(address: SocketAddr, board: Board, writer: Weak<()>) -> Result<Self, ServeError> {
        let bind = |source| ServeError::Bind { address, source };
        let listener = listen::bind(address).map_err(bind)?;
        let address = listener.local_addr().map_err(bind)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(ServeError::Start)?;
        let (stop, stopped) = watch::channel(false);
        let sources = Sources { board, writer };
        let thread = std::thread::Builder::new()
            .name("serve".to_owned())
            .spawn(move || runtime.block_on(serve(listener, sources, stopped)))
            .map_err(ServeError::Start)?;
        Ok(Self { address, stop, thread: Some(thread) })
    }

    /// Listens on another address instead; on an error it is where it was.
    pub fn move_to(
        &mut self,
        address: SocketAddr,
        board: &Board,
        writer: &Weak<()>,
    ) -> Result<(), ServeError> {
        let start = |address| Self::start(address, Arc::clone(board), Weak::clone(writer));
        match start(address) {
            Ok(there) => *self = there,
            // The port may be taken by ourselves: `0.0.0.0` and `127.0.0.1` exclude each other.
            Err(_) if address.port() == self.address.port() => {
                self.stop();
                let moved = start(address);
                let back = || start(self.address);
                let (there, result) = match moved {
                    Ok(there) => (there, Ok(())),
                    Err(error) => (back()?, Err(error)),
                };
                *self = there;
                return result;
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn stop(&mut self) {
        let _all_ended = self.stop.send(true);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the HTTP thread had ended by a panic");
        }
    }

    /// The address listened on (with the port chosen, if it was 0).
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

async fn serve(listener: TcpListener, sources: Sources, stopped: watch::Receiver<bool>) {
    let service = TowerToHyperService::new(routes::router(sources));
    listen::serve(listener, LIMITS, service, |_| {}, stopped).await;
}
