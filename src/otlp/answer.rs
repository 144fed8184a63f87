//! Answers over HTTP, in the way the request was written.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceResponse,
};
use prost::Message;

use super::read::Encoding;

/// A sender that is asked to come again waits so many seconds.
const AGAIN: u32 = 1;

/// `google.rpc.Status`, which the specification asks for in answers that are no success.
#[derive(Clone, PartialEq, Message)]
struct Status {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
}

/// What is said of spans that were refused.
pub(super) fn partial(refused: u64, reasons: &str) -> ExportTraceServiceResponse {
    let partial_success = (refused > 0).then(|| ExportTracePartialSuccess {
        rejected_spans: i64::try_from(refused).unwrap_or(i64::MAX),
        error_message: reasons.to_owned(),
    });
    ExportTraceServiceResponse { partial_success }
}

pub(super) fn success(encoding: Encoding, answer: &ExportTraceServiceResponse) -> Response {
    let body = match encoding {
        Encoding::Protobuf => answer.encode_to_vec(),
        Encoding::Json => serde_json::to_vec(answer).unwrap_or_else(|_| b"{}".to_vec()),
    };
    (StatusCode::OK, [content_type(encoding)], body).into_response()
}

pub(super) fn failure(encoding: Encoding, status: StatusCode, message: &str) -> Response {
    let error = Status { code: 0, message: message.to_owned() };
    let body = match encoding {
        Encoding::Protobuf => error.encode_to_vec(),
        Encoding::Json => serde_json::json!({ "message": message }).to_string().into_bytes(),
    };
    let mut response = (status, [content_type(encoding)], body).into_response();
    if status == StatusCode::SERVICE_UNAVAILABLE || status == StatusCode::TOO_MANY_REQUESTS {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(AGAIN));
    }
    response
}

fn content_type(encoding: Encoding) -> (header::HeaderName, &'static str) {
    let text = match encoding {
        Encoding::Protobuf => "application/x-protobuf",
        Encoding::Json => "application/json",
    };
    (header::CONTENT_TYPE, text)
}
