//! Route -> picture.

use std::convert::Infallible;

use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Json, Response};
use axum::routing::get;
use axum::{Router, http};
use bytes::Bytes;
use futures_util::stream;
use serde_json::json;

use super::Sources;
use crate::export::json::{StatementsQuery, health, statements};
use crate::export::metrics::Format;
use crate::export::page::page;

pub(super) fn router(sources: Sources) -> Router {
    Router::new()
        .route("/", get(index))
        .route("/metrics", get(metrics))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/api/v1/statements", get(api_statements))
        .fallback(missing)
        .with_state(sources)
}

async fn index(State(sources): State<Sources>) -> Html<String> {
    Html(page(&sources.board.load().snapshot))
}

async fn metrics(State(sources): State<Sources>, headers: HeaderMap) -> Response {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    let format = Format::accepted(accept.unwrap_or_default());
    let pieces = sources.board.load().exposition.pieces(format);
    let length: usize = pieces.iter().map(Bytes::len).sum();
    let headers = [
        (header::CONTENT_TYPE, format.content_type()),
        (header::CONTENT_LENGTH, &length.to_string()),
    ];
    let body = Body::from_stream(stream::iter(pieces.into_iter().map(Ok::<_, Infallible>)));
    (headers, body).into_response()
}

/// Alive while the state is still written; a server that is down is no reason to restart the agent.
async fn healthz(State(sources): State<Sources>) -> (StatusCode, &'static str) {
    if sources.writer.strong_count() > 0 {
        (StatusCode::OK, "ok\n")
    } else {
        (
            StatusCode::SERVICE_UNAVAILABLE,
            "the thread that keeps the state has ended: restart erpscope\n",
        )
    }
}

async fn readyz(State(sources): State<Sources>) -> Response {
    let health = health(&sources.board.load().snapshot);
    let status = if health.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(health)).into_response()
}

async fn api_statements(
    State(sources): State<Sources>,
    query: Result<Query<StatementsQuery>, QueryRejection>,
) -> Response {
    let query = match query {
        Ok(Query(query)) => query,
        Err(rejection) => return refuse(&rejection.body_text()),
    };
    match statements(&sources.board.load().snapshot, &query) {
        Ok(page) => Json(page).into_response(),
        Err(error) => refuse(&error.to_string()),
    }
}

fn refuse(message: &str) -> Response {
    (StatusCode::BAD_REQUEST, Json(json!({ "error": message }))).into_response()
}

async fn missing(uri: http::Uri) -> Response {
    let message = format!("nothing is at {}; `/` lists what there is", uri.path());
    (StatusCode::NOT_FOUND, Json(json!({ "error": message }))).into_response()
}
