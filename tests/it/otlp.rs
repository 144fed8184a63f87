//! Spans from a real SDK, and from senders that mean no good.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use crate::rig::http;
use arc_swap::ArcSwap;
use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use erpscope::config::{Sources, load};
use erpscope::integration::meter::otlp::{Meter, Tally};
use erpscope::integration::{Call, CallQueue, Direction, Fault, Told, outlet};
use erpscope::otlp::Receiver;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::future::join_all;
use http_body_util::StreamBody;
use hyper::body::Frame;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use serde_json::{Value, json};
use tonic::Code;

/// A receiver, and what comes out of it.
struct Rig {
    receiver: Receiver,
    told: CallQueue,
    meter: Arc<Meter>,
}

impl Rig {
    fn of(more: &str, batches: usize) -> Self {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let text = format!(
            "[otlp]\nhttp = '127.0.0.1:0'\ngrpc = '127.0.0.1:0'\n{more}\n\
             [[integration]]\nname = 'webshop'\ndirection = 'inbound'\nspans = ['peer.service=webshop', 'service.name=webshop']\n\
             [[integration]]\nname = 'bank'\ndirection = 'outbound'\nspans = ['net.peer.name=*.bank.example', 'server.address=*.bank.example']\n\
             [[integration]]\nname = 'queue'\ndirection = 'outbound'\nspans = ['messaging.system=rabbitmq']\n[[server]]\n"
        );
        file.write_all(text.as_bytes()).unwrap();
        let sources = Sources { file: Some(file.path().into()), ..Sources::default() };
        let config = load(&sources).unwrap().config;
        let (told, queue) = outlet(batches);
        let meter = Arc::new(Meter::default());
        let integrations = Arc::new(ArcSwap::from_pointee(config.integrations));
        let receiver = Receiver::start(&config.otlp, integrations, told, Arc::clone(&meter));
        Self { receiver: receiver.unwrap().unwrap(), told: queue, meter }
    }

    fn url(&self) -> String {
        format!("http://{}", self.receiver.http().unwrap())
    }

    async fn post(&self, content_type: &str, body: impl Into<reqwest::Body>) -> reqwest::Response {
        let request = http().post(format!("{}/v1/traces", self.url()));
        request.header("content-type", content_type).body(body).send().await.unwrap()
    }

    async fn send(&self, spans: Value) -> (u16, Value) {
        let answer = self.post("application/json", request(&spans).to_string()).await;
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    /// All that has come out by now.
    fn told(&mut self) -> Told {
        let mut all = Told::default();
        while let Ok(mut told) = self.told.batches.try_recv() {
            all.calls.append(&mut told.calls);
            all.database.append(&mut told.database);
        }
        all
    }
}

/// A request of one resource.
fn request(spans: &Value) -> Value {
    json!({ "resourceSpans": [{ "scopeSpans": [{ "spans": spans }] }] })
}

/// A span of a call of the bank, begun so many milliseconds ago.
fn span(id: u64, ago_ms: i64) -> Value {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis();
    let start = i64::try_from(now).unwrap() - ago_ms;
    let nanos = |ms: i64| (ms * 1_000_000).to_string();
    json!({
        "traceId": format!("{:032x}", id + 1), "spanId": format!("{:016x}", id + 1), "kind": 3, "name": "GET",
        "startTimeUnixNano": nanos(start), "endTimeUnixNano": nanos(start + 250),
        "attributes": [{ "key": "server.address", "value": { "stringValue": "api.bank.example" } }],
    })
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// The interpreter that `deploy/install-deps.sh test` has made.
pub fn python() -> PathBuf {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let python = root.join("target/python/bin/python");
    assert!(python.exists(), "run deploy/install-deps.sh test");
    python
}

pub fn script(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/python").join(name)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pythons_sdk_is_understood_over_http_and_grpc() {
    for protocol in ["http", "grpc"] {
        let mut rig = Rig::of("", 100);
        let endpoint = match protocol {
            "http" => rig.url(),
            _ => format!("http://{}", rig.receiver.grpc().unwrap()),
        };
        let run = move || {
            Command::new(python()).arg(script("spans.py")).args([protocol, &endpoint]).output()
        };
        let output = tokio::task::spawn_blocking(run).await.unwrap().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let told = rig.told();
        let mut calls: Vec<(&str, Direction, &str, Option<Fault>)> = told
            .calls
            .iter()
            .map(|c| (&*c.integration, c.direction, &*c.operation, c.fault))
            .collect();
        calls.sort_unstable_by_key(|call| call.0);
        assert_eq!(
            calls,
            [
                ("bank", Direction::Outbound, "POST /payments/{id}", Some(Fault::Server)),
                ("queue", Direction::Outbound, "publish {id}", Some(Fault::Connect)),
                ("webshop", Direction::Inbound, "POST /orders/{id}", None),
            ],
            "{protocol}"
        );
        let query = told.database[0].query.as_deref();
        assert_eq!(query, Some("update stock_quant set n = n - ? where name = ?"));
        assert!(told.calls.iter().all(|call| call.trace == Some(told.database[0].trace)));
        let tally = rig.meter.read();
        assert_eq!(
            (tally.received[protocol], tally.told_twice, tally.accepted["unmatched"]),
            (6, 1, 1)
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_request_is_refused_with_the_status_of_the_specification() {
    let mut rig = Rig::of("", 100);
    let client = http();
    let url = format!("{}/v1/traces", rig.url());
    let post = |content_type: &'static str, body: Vec<u8>| {
        client.post(&url).header("content-type", content_type).body(body)
    };
    let protobuf = "application/x-protobuf";
    let gzip = |body: Vec<u8>| post(protobuf, body).header("content-encoding", "gzip");
    let cases = [
        ("junk", post(protobuf, vec![0xff; 100]), 400),
        ("half", post("application/json", b"{\"resourceSpans\":[".to_vec()), 400),
        ("type", post("text/plain", vec![]), 415),
        ("no type", client.post(&url).body("x"), 415),
        ("packing", post(protobuf, vec![]).header("content-encoding", "br"), 415),
        ("no gzip", gzip(b"junk".to_vec()), 400),
        ("bomb", gzip(packed(&vec![0; 60 << 20])), 413),
        ("large", post(protobuf, vec![0; 5 << 20]), 413),
        ("get", client.get(&url), 405),
        ("logs", client.post(format!("{}/v1/logs", rig.url())), 404),
        ("empty", post(protobuf, vec![]), 200),
    ];
    for (what, request, status) in cases {
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status().as_u16(), status, "{what}");
    }
    // A body that says nothing of its length, and has no end.
    let endless = futures_util::stream::repeat_with(|| Ok::<_, std::io::Error>(vec![0; 1 << 16]));
    let endless = client
        .post(&url)
        .header("content-type", protobuf)
        .body(reqwest::Body::wrap_stream(endless));
    if let Ok(answer) = endless.send().await {
        assert_eq!(answer.status().as_u16(), 413);
    }
    assert_eq!(rig.told(), Told::default());
    let tally = rig.meter.read();
    assert_eq!(tally.requests[&("http", "malformed")], 3);
    assert_eq!((tally.received.values().sum::<u64>(), tally.requests[&("http", "ok")]), (0, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn spans_that_cannot_be_right_are_refused_one_by_one_and_those_that_come_again_count_once() {
    let mut rig = Rig::of("", 100);
    let with = |id, key: &str, value: Value| {
        let mut span = span(id, 1_000);
        span[key] = value;
        span
    };
    let spans = json!([
        span(0, 1_000),
        with(1, "traceId", json!("")),
        with(2, "startTimeUnixNano", json!("0")),
        with(3, "endTimeUnixNano", json!("0")),
        with(4, "endTimeUnixNano", json!("17")),
        span(5, -3_600_000),
        span(0, 1_000),
        with(6, "unknown", json!({"any": ["thing"]})),
    ]);
    let (status, answer) = rig.send(spans).await;
    assert_eq!(status, 200);
    assert_eq!(answer["partialSuccess"]["rejectedSpans"].to_string().trim_matches('"'), "5");
    let words = answer["partialSuccess"]["errorMessage"].as_str().unwrap();
    assert_eq!(words, "1 ends_before_it_starts, 1 in_the_future, 1 no_end, 1 no_id, 1 no_start");
    let calls: Vec<Call> = rig.told().calls;
    assert_eq!(calls.len(), 2);
    assert_eq!(calls[0].length.as_millis(), 250);
    let statement = with(
        9,
        "attributes",
        json!([{ "key": "db.system", "value": { "stringValue": "postgresql" } }]),
    );
    for sent in [json!([span(0, 1_000), statement]), json!([span(0, 1_000), statement])] {
        let (status, answer) = rig.send(sent).await;
        assert!(status == 200 && answer["partialSuccess"].is_null(), "{answer}");
    }
    let told = rig.told();
    assert_eq!((told.calls.len(), told.database.len()), (0, 1));
    assert_eq!(sums(&rig.meter.read()), (12, 2 + 5 + 1 + 1 + 3));
}

/// Spans received, and what became of them.
fn sums(tally: &Tally) -> (u64, u64) {
    let accepted: u64 = tally.accepted.values().sum();
    let refused: u64 = tally.refused.values().sum();
    (tally.received.values().sum(), accepted + refused + tally.told_twice)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_is_told_to_come_again_and_every_span_is_accounted_for() {
    let mut rig = Rig::of("max_body_bytes = 262144\nmax_waiting_bytes = 1048576", 20);
    let client = http();
    let url = format!("{}/v1/traces", rig.url());
    let answers = join_all((0..400_u64).map(|n| {
        let spans: Vec<Value> = (0..50).map(|i| span(n * 50 + i, 2_000)).collect();
        let request = client.post(&url).header("content-type", "application/json");
        let sent = request.body(request_of(spans)).send();
        async move {
            let answer = sent.await.unwrap();
            let again = answer.headers().get("retry-after").cloned();
            (answer.status(), again)
        }
    }))
    .await;
    let taken = answers.iter().filter(|(status, _)| *status == StatusCode::OK).count();
    let refused = answers.iter().filter(|(status, _)| *status == StatusCode::SERVICE_UNAVAILABLE);
    assert!(refused.clone().all(|(_, again)| again.as_ref().unwrap() == "1"));
    assert_eq!(taken + refused.count(), 400);
    // The queue has room for twenty, and nobody took anything out.
    assert_eq!((taken, rig.told().calls.len()), (20, 20 * 50));
    let tally = rig.meter.read();
    assert_eq!(sums(&tally), (1_000, 1_000));
    let requests: u64 = tally.requests.values().sum();
    assert_eq!((requests, tally.requests[&("http", "full")]), (400, 380));
    // What was told to come again can come again.
    let mut late = 0;
    for n in 0..400_u64 {
        let (status, _) = rig.send(json!([span(n * 50, 2_000)])).await;
        assert_eq!(status, 200);
        late += rig.told().calls.len();
    }
    assert_eq!(late, 380, "only what was taken before is known");
}

fn request_of(spans: Vec<Value>) -> String {
    request(&Value::Array(spans)).to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn spans_are_passed_on_as_they_came_and_what_cannot_be_is_counted() {
    let seen = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&seen);
    let router = Router::new().route(
        "/v1/traces",
        post(move |headers: HeaderMap, body: Bytes| {
            // The first time it is busy.
            let first = counted.fetch_add(1, Ordering::Relaxed) == 0;
            let good = headers["content-type"] == "application/json" && body.starts_with(b"{");
            let status = if first {
                503
            } else if good {
                200
            } else {
                400
            };
            async move { (StatusCode::from_u16(status).unwrap(), [("retry-after", "0")]) }
        }),
    );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let there = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    let rig = Rig::of(&format!("forward = 'http://{there}/v1/traces'"), 100);
    rig.send(json!([span(1, 1_000), span(2, 1_000)])).await;
    let answer = rig.post("application/x-protobuf", vec![]).await;
    assert_eq!(answer.status().as_u16(), 200);
    for _ in 0..200 {
        if rig.meter.read().forwarded == 2 && seen.load(Ordering::Relaxed) == 3 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let tally = rig.meter.read();
    assert_eq!((tally.forwarded, seen.load(Ordering::Relaxed)), (2, 3), "{tally:?}");
}

/// A request over gRPC.
fn exported(spans: usize, name: &str) -> ExportTraceServiceRequest {
    let span = Span { name: name.to_owned(), ..Span::default() };
    let scope_spans = vec![ScopeSpans { spans: vec![span; spans], ..ScopeSpans::default() }];
    let batch = ResourceSpans { scope_spans, ..ResourceSpans::default() };
    ExportTraceServiceRequest { resource_spans: vec![batch] }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_grpc_refusals_have_the_codes_of_the_specification() {
    let rig = Rig::of("", 1);
    let endpoint = format!("http://{}", rig.receiver.grpc().unwrap());
    let mut client = TraceServiceClient::connect(endpoint).await.unwrap();
    let answer = client.export(exported(3, "GET")).await.unwrap().into_inner();
    let partial = answer.partial_success.unwrap();
    assert_eq!((partial.rejected_spans, &*partial.error_message), (3, "3 no_id"));
    let too_large = client.export(exported(1, &"x".repeat(5 << 20))).await.unwrap_err();
    assert_eq!(too_large.code(), Code::OutOfRange);
    // The queue has room for one, and nobody takes it out.
    assert_eq!(rig.send(json!([span(0, 1_000)])).await.0, 200);
    let full = client.export(exported(1, "GET")).await.unwrap_err();
    assert_eq!(full.code(), Code::Unavailable);
    let tally = rig.meter.read();
    let of = |result| tally.requests.get(&("grpc", result)).copied();
    assert_eq!((of("ok"), of("too_large"), of("full")), (Some(1), Some(1), Some(1)), "{tally:?}");
    assert_eq!(sums(&tally), (4, 4));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_does_not_come_over_grpc_takes_room_for_seconds_alone() {
    let rig = Rig::of("", 10);
    let client = Client::builder(TokioExecutor::new()).http2_only(true).build_http();
    let never = futures_util::stream::pending::<Result<Frame<Bytes>, std::convert::Infallible>>();
    let path = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
    let url = format!("http://{}{path}", rig.receiver.grpc().unwrap());
    let request = http::Request::post(url)
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(StreamBody::new(never))
        .unwrap();
    let answer = client.request(request).await.unwrap();
    assert_eq!(answer.headers()["grpc-status"], (Code::DeadlineExceeded as i32).to_string());
    assert_eq!(rig.meter.read().requests[&("grpc", "timeout")], 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_does_not_come_is_waited_for_in_vain_and_not_for_ever() {
    let rig = Rig::of("", 10);
    let mut stream = TcpStream::connect(rig.receiver.http().unwrap()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let head = "POST /v1/traces HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{";
    stream.write_all(head.as_bytes()).unwrap();
    let read = move || {
        let mut answer = [0; 512];
        let length = stream.read(&mut answer).unwrap();
        String::from_utf8_lossy(&answer[..length]).into_owned()
    };
    let answer = tokio::task::spawn_blocking(read).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert_eq!(rig.meter.read().requests[&("http", "timeout")], 1);
}
