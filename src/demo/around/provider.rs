//! The payment provider: takes its time, and may be away for some seconds every now and then.

use std::net::TcpListener;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::any;

use crate::demo::fault::{Fault, Faults};

/// From one outage to the next.
const PERIOD: Duration = Duration::from_secs(30);
/// How long one lasts.
const AWAY: Duration = Duration::from_secs(6);

struct Provider {
    since: Instant,
    dice: Mutex<fastrand::Rng>,
    /// It is away and slow at times.
    falters: bool,
}

impl Provider {
    /// At the end of each period.
    fn is_away(&self) -> bool {
        let within = self.since.elapsed().as_millis() % PERIOD.as_millis();
        self.falters && within + AWAY.as_millis() >= PERIOD.as_millis()
    }

    /// Mostly quick, sometimes not.
    fn thinks(&self) -> Duration {
        let mut dice = self.dice.lock().unwrap_or_else(PoisonError::into_inner);
        let ms = if self.falters && dice.u32(..20) == 0 {
            dice.u64(600..1_200)
        } else {
            dice.u64(100..280)
        };
        Duration::from_millis(ms)
    }
}

pub(super) async fn serve(listener: TcpListener, seed: u64, faults: Faults) {
    let dice = Mutex::new(fastrand::Rng::with_seed(seed));
    let provider = Arc::new(Provider {
        since: Instant::now(),
        dice,
        falters: faults.has(Fault::ProviderAway),
    });
    let router = Router::new().fallback(any(answer)).with_state(provider);
    let served = async {
        listener.set_nonblocking(true)?;
        axum::serve(tokio::net::TcpListener::from_std(listener)?, router).await
    };
    if let Err(error) = served.await {
        tracing::warn!(%error, "the payment provider of the demo ended");
    }
}

async fn answer(State(provider): State<Arc<Provider>>) -> StatusCode {
    if provider.is_away() {
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    tokio::time::sleep(provider.thinks()).await;
    StatusCode::OK
}
