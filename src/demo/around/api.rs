//! The ERP's API: takes orders of the webshop, and pays for them, may be while the order's transaction is open.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use reqwest::Client as Http;
use tokio::sync::{Mutex, Semaphore};
use tokio_postgres::{Client, Error};

use crate::demo::fault::{Fault, Faults};
use crate::demo::stage::{Door, Sizes, Stage};

/// Orders at once.
const SESSIONS: usize = 3;
/// For one payment.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the API works with.
pub(super) struct Erp {
    door: Door,
    sizes: Sizes,
    faults: Faults,
    /// Idle sessions.
    sessions: Mutex<Vec<Client>>,
    room: Semaphore,
    payments: String,
    http: Http,
}

impl Erp {
    pub(super) async fn connect(stage: &Stage, payments: String) -> Result<Self, Error> {
        let door = stage.door();
        let mut sessions = Vec::new();
        for _ in 0..SESSIONS {
            sessions.push(door.enter("distro-api").await?);
        }
        let sessions = Mutex::new(sessions);
        let room = Semaphore::new(SESSIONS);
        let (sizes, faults) = (stage.sizes, stage.faults);
        Ok(Self { door, sizes, faults, sessions, room, payments, http: Http::new() })
    }

    /// One order of some product, paid before or in its transaction.
    async fn order(&self, session: &Client, trace: &str) -> Result<(), Refused> {
        // As a library writes it: whose the statement is, and for which request.
        let said = |sql: &str| {
            format!("{sql} /*application='webshop',route='%2Fapi%2Forders',traceparent='{trace}'*/")
        };
        let product = fastrand::i64(1..=self.sizes.products.min(40));
        let party = fastrand::i64(1..=self.sizes.parties);
        let paid_inside = self.faults.has(Fault::PaidInside);
        if !paid_inside {
            self.pay(party, trace).await?;
        }
        session.batch_execute("begin").await?;
        session
            .batch_execute(&said(&format!(
                "insert into sale_order (number, party_id, user_id, company_id, state, ordered_at) values ('WEB', {party}, 1, 1, 'draft', now())"
            )))
            .await?;
        let reserve = if self.faults.has(Fault::HotStock) {
            format!(
                "update stock_quant set reserved = reserved + 1, updated_at = now() where id = (select id from stock_quant where product_id = {product} order by id limit 1)"
            )
        } else {
            format!(
                "insert into stock_move (product_id, source_id, target_id, quantity, state, origin, planned_at) values ({product}, 1, 2, 1, 'assigned', 'WEB', now())"
            )
        };
        session.batch_execute(&said(&reserve)).await?;
        if paid_inside {
            self.pay(party, trace).await?;
        }
        session
            .batch_execute(&said("insert into job_queue (kind, payload, state, priority) values ('mail', '{}', 'pending', 1)"))
            .await?;
        Ok(session.batch_execute("commit").await?)
    }

    async fn pay(&self, party: i64, trace: &str) -> Result<(), Refused> {
        let payment = self.http.post(format!("{}/v1/payments/{party}", self.payments));
        let answer = payment.header("traceparent", trace).timeout(PATIENCE).send().await;
        let is_paid = answer.is_ok_and(|answer| answer.status().is_success());
        is_paid.then_some(()).ok_or(Refused)
    }
}

/// The order was not taken.
struct Refused;

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        tracing::debug!(%error, "an order failed");
        Self
    }
}

pub(super) async fn serve(listener: TcpListener, erp: Erp) {
    let router = Router::new().route("/api/orders/{number}", post(take)).with_state(Arc::new(erp));
    let served = async {
        listener.set_nonblocking(true)?;
        axum::serve(tokio::net::TcpListener::from_std(listener)?, router).await
    };
    if let Err(error) = served.await {
        tracing::warn!(%error, "the API of the demo's ERP ended");
    }
}

async fn take(State(erp): State<Arc<Erp>>, headers: HeaderMap) -> StatusCode {
    let trace =
        headers.get("traceparent").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let Ok(_place) = erp.room.acquire().await else { return StatusCode::SERVICE_UNAVAILABLE };
    let idle = erp.sessions.lock().await.pop();
    let session = match idle.filter(|session| !session.is_closed()) {
        Some(session) => session,
        None => match erp.door.enter("distro-api").await {
            Ok(session) => session,
            Err(_) => return StatusCode::SERVICE_UNAVAILABLE,
        },
    };
    let result = erp.order(&session, trace).await;
    if result.is_err() {
        let _closed = session.batch_execute("rollback").await;
    }
    erp.sessions.lock().await.push(session);
    if result.is_ok() { StatusCode::CREATED } else { StatusCode::BAD_GATEWAY }
}
