//! OTLP over HTTP.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use axum::routing::post;
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};

use super::answer::{failure, partial, success};
use super::read::{Encoding, Unreadable, spans, unpack};
use super::{Shared, Taken};

/// Of a body that is too large so many times the limit are read, and nothing is kept.
const DISCARDED: usize = 8;
/// A body must be there within this time.
pub(super) const BODY: Duration = Duration::from_secs(10);

/// Metrics and logs are no business of ours: a sender of them is told so by 404.
pub(super) fn router(shared: &Arc<Shared>) -> Router {
    Router::new().route("/v1/traces", post(traces)).with_state(Arc::clone(shared))
}

/// Why a request is not taken: status, the label `result`, and words.
type Refusal = (StatusCode, &'static str, String);

async fn traces(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Some(encoding) = encoding(&parts.headers) else {
        shared.meter.request("http", "content_type");
        let words = "send application/x-protobuf or application/json";
        return failure(Encoding::Json, StatusCode::UNSUPPORTED_MEDIA_TYPE, words);
    };
    match take(&shared, &parts.headers, body, encoding).await {
        Ok((refused, reasons)) => {
            shared.meter.request("http", "ok");
            success(encoding, &partial(refused, &reasons))
        }
        Err((status, result, words)) => {
            shared.meter.request("http", result);
            failure(encoding, status, &words)
        }
    }
}

async fn take(
    shared: &Arc<Shared>,
    headers: &HeaderMap,
    body: Body,
    encoding: Encoding,
) -> Result<(u64, String), Refusal> {
    let is_packed = match headers.get(header::CONTENT_ENCODING).map(HeaderValue::as_bytes) {
        None | Some(b"identity") => false,
        Some(b"gzip") => true,
        Some(_) => {
            let words = "send it as it is or as gzip".to_owned();
            return Err((StatusCode::UNSUPPORTED_MEDIA_TYPE, "content_encoding", words));
        }
    };
    let length = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    let length = length.and_then(|length| length.parse::<usize>().ok());
    if length.is_some_and(|length| length > shared.max_body) {
        discard(body, shared.max_body.saturating_mul(DISCARDED)).await;
        return Err(too_large(shared));
    }
    // What is packed may become as large as any.
    let most = length.filter(|_| !is_packed).unwrap_or(shared.max_body);
    let full = || {
        let words = "there is no room now; come again".to_owned();
        (StatusCode::SERVICE_UNAVAILABLE, "full", words)
    };
    let room = shared.room.take(most).ok_or_else(full)?;
    let raw = collect(body, shared).await?;
    let shared = Arc::clone(shared);
    let decoder = Arc::clone(&shared.decoder).acquire_owned().await;
    let decoding = tokio::task::spawn_blocking(move || {
        let taken = decode(&shared, raw, encoding, is_packed);
        drop((room, decoder));
        taken
    });
    match decoding.await {
        Ok(Ok(Some(taken))) => Ok(taken),
        Ok(Ok(None)) => Err(full()),
        Ok(Err(refusal)) => Err(refusal),
        Err(ended) if ended.is_panic() => std::panic::resume_unwind(ended.into_panic()),
        Err(_we_stop) => Err(full()),
    }
}

/// How many spans of a whole body were refused, and why; `None` while the state has no room for them.
fn decode(
    shared: &Shared,
    raw: Bytes,
    encoding: Encoding,
    is_packed: bool,
) -> Result<Option<(u64, String)>, Refusal> {
    let unreadable = |error: Unreadable| match error {
        Unreadable::TooLarge(_) => too_large(shared),
        error => (StatusCode::BAD_REQUEST, "malformed", error.to_string()),
    };
    let unpacked =
        if is_packed { Some(unpack(&raw, shared.max_body).map_err(unreadable)?) } else { None };
    let request = spans(unpacked.as_deref().unwrap_or(&raw), encoding).map_err(unreadable)?;
    let Taken::All { refused, reasons } = shared.take("http", &request.resource_spans) else {
        return Ok(None);
    };
    if let Some(forward) = &shared.forward {
        forward.pass(raw, encoding, is_packed, count(&request));
    }
    Ok(Some((refused, reasons)))
}

fn count(
    request: &opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest,
) -> u64 {
    let scopes = request.resource_spans.iter().flat_map(|batch| &batch.scope_spans);
    scopes.map(|scope| u64::try_from(scope.spans.len()).unwrap_or(u64::MAX)).sum()
}

fn too_large(shared: &Shared) -> Refusal {
    let words = format!("a body may have {} bytes, also when unpacked", shared.max_body);
    (StatusCode::PAYLOAD_TOO_LARGE, "too_large", words)
}

/// Who still writes does not read: without this he would see a broken pipe instead of an answer.
async fn discard(mut body: Body, most: usize) {
    let reading = async {
        let mut read = 0;
        while let Some(Ok(frame)) = body.frame().await {
            read += frame.data_ref().map_or(0, Bytes::len);
            if read > most {
                break;
            }
        }
    };
    let _or_too_slow = tokio::time::timeout(BODY, reading).await;
}

async fn collect(body: Body, shared: &Shared) -> Result<Bytes, Refusal> {
    let collected = tokio::time::timeout(BODY, Limited::new(body, shared.max_body).collect()).await;
    match collected {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large(shared)),
        Ok(Err(_)) => Err((StatusCode::BAD_REQUEST, "broken", "the body broke off".to_owned())),
        Err(_elapsed) => {
            let words = format!("the body did not come within {BODY:?}");
            Err((StatusCode::REQUEST_TIMEOUT, "timeout", words))
        }
    }
}

fn encoding(headers: &HeaderMap) -> Option<Encoding> {
    let given = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    match given.split(';').next()?.trim() {
        "application/x-protobuf" => Some(Encoding::Protobuf),
        "application/json" => Some(Encoding::Json),
        _ => None,
    }
}
