//! OTLP over gRPC.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::HeaderValue;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use prost::Message;
use tonic::Status;
use tonic::codec::CompressionEncoding;
use tonic::service::Routes;

use super::answer::partial;
use super::http::BODY;
use super::read::Encoding;
use super::{Shared, Taken};

struct Service(Arc<Shared>);

/// A sender may come again after UNAVAILABLE, as the specification says.
pub(super) fn router(shared: &Arc<Shared>) -> Router {
    let service = TraceServiceServer::new(Service(Arc::clone(shared)))
        .accept_compressed(CompressionEncoding::Gzip)
        .max_decoding_message_size(shared.max_body);
    Routes::new(service)
        .into_axum_router()
        .layer(middleware::from_fn_with_state(Arc::clone(shared), if_there_is_room))
}

/// Nothing of a request is read while there is no room for the largest.
async fn if_there_is_room(
    State(shared): State<Arc<Shared>>,
    request: Request,
    next: Next,
) -> Response {
    let Some(_room) = shared.room.take(shared.max_body) else {
        shared.meter.request("grpc", "full");
        return full().into_http::<axum::body::Body>().into_response();
    };
    // Reading the message is all that takes time in it.
    let Ok(answer) = tokio::time::timeout(BODY, next.run(request)).await else {
        shared.meter.request("grpc", "timeout");
        let late = Status::deadline_exceeded(format!("the message did not come within {BODY:?}"));
        return late.into_http::<axum::body::Body>().into_response();
    };
    // An answer that is a success has its status behind its body.
    match answer.headers().get("grpc-status").map(HeaderValue::as_bytes) {
        None => {}
        Some(b"14") => shared.meter.request("grpc", "full"),
        Some(b"11") => shared.meter.request("grpc", "too_large"),
        Some(b"12") => shared.meter.request("grpc", "unimplemented"),
        Some(_) => shared.meter.request("grpc", "malformed"),
    }
    answer
}

fn full() -> Status {
    Status::unavailable("there is no room now; come again")
}

#[tonic::async_trait]
impl TraceService for Service {
    async fn export(
        &self,
        request: tonic::Request<ExportTraceServiceRequest>,
    ) -> Result<tonic::Response<ExportTraceServiceResponse>, Status> {
        let shared = &self.0;
        let request = request.into_inner();
        match shared.take("grpc", &request.resource_spans) {
            Taken::Full => Err(full()),
            Taken::All { refused, reasons } => {
                shared.meter.request("grpc", "ok");
                if let Some(forward) = &shared.forward {
                    let scopes = request.resource_spans.iter().flat_map(|batch| &batch.scope_spans);
                    let spans = scopes.map(|scope| scope.spans.len()).sum::<usize>();
                    let spans = u64::try_from(spans).unwrap_or(u64::MAX);
                    forward.pass(request.encode_to_vec().into(), Encoding::Protobuf, false, spans);
                }
                Ok(tonic::Response::new(partial(refused, &reasons)))
            }
        }
    }
}
