//! Spans on to another receiver, as they came. It never holds up who sends them: what has no room in
//! the queue is dropped and counted.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use reqwest::{Client, StatusCode, header};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::ReceiveError;
use super::read::Encoding;
use crate::integration::meter::otlp::Meter;
use crate::trust;

/// Bytes that may wait.
const WAITING: usize = 8 << 20;
/// Requests that may wait.
const REQUESTS: usize = 1_024;
/// For one try.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Tries of one request.
const TRIES: u32 = 5;
/// After the first failure; twice as long after each more.
const WAIT: Duration = Duration::from_secs(1);
/// What the other side may ask us to wait.
const LONGEST: Duration = Duration::from_secs(30);

/// The queue to the other receiver.
pub(super) struct Forward {
    queue: mpsc::Sender<Parcel>,
    room: Arc<Semaphore>,
    meter: Arc<Meter>,
}

struct Parcel {
    body: Bytes,
    encoding: Encoding,
    is_packed: bool,
    spans: u64,
    _room: OwnedSemaphorePermit,
}

impl Forward {
    /// Begins to pass on to this URL; must be called within a runtime.
    pub(super) fn start(url: &str, meter: &Arc<Meter>) -> Result<Self, ReceiveError> {
        let failed = |error: &dyn std::fmt::Display| ReceiveError::Forward(error.to_string());
        let tls = trust::client(None).map_err(|error| failed(&error))?;
        let client = Client::builder()
            .tls_backend_preconfigured(tls)
            .timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| failed(&error.without_url()))?;
        let (queue, parcels) = mpsc::channel(REQUESTS);
        tokio::spawn(run(client, url.to_owned(), parcels, Arc::clone(meter)));
        Ok(Self { queue, room: Arc::new(Semaphore::new(WAITING)), meter: Arc::clone(meter) })
    }

    /// Takes a body as it came, if there is room.
    pub(super) fn pass(&self, body: Bytes, encoding: Encoding, is_packed: bool, spans: u64) {
        let size = u32::try_from(body.len()).unwrap_or(u32::MAX);
        let Ok(room) = Arc::clone(&self.room).try_acquire_many_owned(size) else {
            return dropped(&self.meter, "queue_full", spans);
        };
        let parcel = Parcel { body, encoding, is_packed, spans, _room: room };
        if self.queue.try_send(parcel).is_err() {
            return dropped(&self.meter, "queue_full", spans);
        }
        let waiting = WAITING.saturating_sub(self.room.available_permits());
        let waiting = u64::try_from(waiting).unwrap_or(u64::MAX);
        self.meter.count(|tally| tally.forward_queue_bytes = waiting);
    }
}

fn dropped(meter: &Meter, reason: &'static str, spans: u64) {
    meter.count(|tally| *tally.forward_dropped.entry(reason).or_default() += spans);
}

async fn run(client: Client, url: String, mut parcels: mpsc::Receiver<Parcel>, meter: Arc<Meter>) {
    while let Some(parcel) = parcels.recv().await {
        match send(&client, &url, &parcel).await {
            Ok(()) => meter.count(|tally| tally.forwarded += parcel.spans),
            Err(reason) => dropped(&meter, reason, parcel.spans),
        }
        let size = u64::try_from(parcel.body.len()).unwrap_or(u64::MAX);
        meter.count(|tally| {
            tally.forward_queue_bytes = tally.forward_queue_bytes.saturating_sub(size);
        });
    }
}

/// Tries until it is taken, refused for good, or too often.
async fn send(client: &Client, url: &str, parcel: &Parcel) -> Result<(), &'static str> {
    let mut wait = WAIT;
    for _ in 0..TRIES {
        let content_type = match parcel.encoding {
            Encoding::Protobuf => "application/x-protobuf",
            Encoding::Json => "application/json",
        };
        let mut request = client.post(url).header(header::CONTENT_TYPE, content_type);
        if parcel.is_packed {
            request = request.header(header::CONTENT_ENCODING, "gzip");
        }
        let answer = request.body(parcel.body.clone()).send().await;
        let asked = match answer {
            Ok(answer) if answer.status().is_success() => return Ok(()),
            Ok(answer) if is_passing(answer.status()) => {
                let after = answer.headers().get(header::RETRY_AFTER);
                after.and_then(|after| after.to_str().ok()?.parse().ok()).map(Duration::from_secs)
            }
            Ok(_) => return Err("refused"),
            Err(_) => None,
        };
        tokio::time::sleep(asked.unwrap_or(wait).min(LONGEST)).await;
        wait *= 2;
    }
    Err("unreachable")
}

/// Statuses after which the specification wants another try.
fn is_passing(status: StatusCode) -> bool {
    matches!(status.as_u16(), 429 | 502 | 503 | 504)
}
