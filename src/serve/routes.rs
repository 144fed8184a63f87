//! Route -> picture.

use std::convert::Infallible;

use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Json, Response};
use axum::routing::get;
use axum::{Router, http};
use bytes::Bytes;
use futures_util::stream;
use serde::{Deserialize, Serialize};

use super::Sources;
use crate::export::json::{
    BadQuery, EventsQuery, FindingsQuery, ServerQuery, StatementsQuery, SuggestionsQuery, events,
    findings, health, integration, integrations, locks, modules, statements, suggestions,
    transactions,
};
use crate::export::metrics::Format;
use crate::export::page::page;
use crate::export::report::{Writing, report};
use crate::state::Snapshot;

pub(super) fn router(sources: Sources) -> Router {
    Router::new()
        .route("/", get(index))
        .route("/metrics", get(metrics))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/api/v1/statements", get(api_statements))
        .route("/api/v1/locks", get(api_locks))
        .route("/api/v1/transactions", get(api_transactions))
        .route("/api/v1/suggestions", get(api_suggestions))
        .route("/api/v1/events", get(api_events))
        .route("/api/v1/findings", get(api_findings))
        .route("/api/v1/modules", get(api_modules))
        .route("/api/v1/report", get(api_report))
        .route("/api/v1/integrations", get(api_integrations))
        .route("/api/v1/integrations/{name}", get(api_integration))
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
    answer(&sources, query, |snapshot, query| statements(snapshot, query).map(json))
}

async fn api_locks(
    State(sources): State<Sources>,
    query: Result<Query<ServerQuery>, QueryRejection>,
) -> Response {
    answer(&sources, query, |snapshot, query| locks(snapshot, query).map(json))
}

async fn api_transactions(
    State(sources): State<Sources>,
    query: Result<Query<ServerQuery>, QueryRejection>,
) -> Response {
    answer(&sources, query, |snapshot, query| transactions(snapshot, query).map(json))
}

async fn api_suggestions(
    State(sources): State<Sources>,
    query: Result<Query<SuggestionsQuery>, QueryRejection>,
) -> Response {
    answer(&sources, query, |snapshot, query| suggestions(snapshot, query).map(json))
}

async fn api_events(
    State(sources): State<Sources>,
    query: Result<Query<EventsQuery>, QueryRejection>,
) -> Response {
    answer(&sources, query, |snapshot, query| events(snapshot, query).map(json))
}

async fn api_findings(
    State(sources): State<Sources>,
    query: Result<Query<FindingsQuery>, QueryRejection>,
) -> Response {
    answer(&sources, query, |snapshot, query| findings(snapshot, query).map(json))
}

async fn api_modules(
    State(sources): State<Sources>,
    query: Result<Query<ServerQuery>, QueryRejection>,
) -> Response {
    answer(&sources, query, |snapshot, query| modules(snapshot, query).map(json))
}

/// How a report is written.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ReportFormat {
    #[default]
    Markdown,
    Html,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ReportQuery {
    format: ReportFormat,
}

async fn api_report(
    State(sources): State<Sources>,
    query: Result<Query<ReportQuery>, QueryRejection>,
) -> Response {
    answer(&sources, query, |snapshot, query| match query.format {
        ReportFormat::Html => {
            report(snapshot, Writing::Html).map(|text| Html(text).into_response())
        }
        ReportFormat::Markdown => report(snapshot, Writing::Markdown).map(|text| {
            ([(header::CONTENT_TYPE, "text/markdown; charset=utf-8")], text).into_response()
        }),
    })
}

async fn api_integrations(State(sources): State<Sources>) -> Response {
    json(integrations(&sources.board.load().snapshot))
}

async fn api_integration(State(sources): State<Sources>, Path(name): Path<String>) -> Response {
    integration(&sources.board.load().snapshot, &name)
        .map_or_else(|error| refuse(&error.to_string()), json)
}

/// The picture that a query asks for.
fn answer<Q>(
    sources: &Sources,
    query: Result<Query<Q>, QueryRejection>,
    picture: impl FnOnce(&Snapshot, &Q) -> Result<Response, BadQuery>,
) -> Response {
    let query = match query {
        Ok(Query(query)) => query,
        Err(rejection) => return refuse(&rejection.body_text()),
    };
    picture(&sources.board.load().snapshot, &query)
        .unwrap_or_else(|error| refuse(&error.to_string()))
}

fn json(page: impl Serialize) -> Response {
    Json(page).into_response()
}

fn refuse(message: &str) -> Response {
    (StatusCode::BAD_REQUEST, Json(serde_json::json!({ "error": message }))).into_response()
}

async fn missing(uri: http::Uri) -> Response {
    let message = format!("nothing is at {}; `/` lists what there is", uri.path());
    (StatusCode::NOT_FOUND, Json(serde_json::json!({ "error": message }))).into_response()
}
