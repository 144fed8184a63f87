//! Spans a second that one core takes over HTTP, and the memory that a flood makes of it.
//!
//! The receiver is a process of its own; senders repeat requests of 512 spans made before.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a bench is a test with a report"
)]

#[path = "../beside/process.rs"]
mod process;

use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use erpscope::config::{Sources, load};
use erpscope::integration::outlet;
use erpscope::otlp::Receiver;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;

use process::{Process, free_port};

const BATCH: u64 = 512;
const ROUNDS: usize = 5;
const FOR: Duration = Duration::from_secs(3);

fn main() {
    let args: Vec<String> = std::env::args().collect();
    if args.get(1).is_some_and(|arg| arg == "receiver") {
        receive(&args[2]);
    } else {
        measure();
    }
}

fn receive(port: &str) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    write!(
        file,
        "[otlp]\nhttp='127.0.0.1:{port}'\n[[integration]]\nname='bank'\ndirection='outbound'\nspans=['server.address=*.bank.example']\n[[server]]\n"
    )
    .unwrap();
    let sources = Sources { file: Some(file.path().into()), ..Sources::default() };
    let config = load(&sources).unwrap().config;
    let (told, mut queue) = outlet(4_096);
    let integrations = Arc::new(ArcSwap::from_pointee(config.integrations));
    let _receiver = Receiver::start(&config.otlp, integrations, told, Arc::default()).unwrap();
    while queue.batches.blocking_recv().is_some() {}
}

/// A request as an ERP's SDK sends it: a quarter are calls of the bank.
fn request(salt: u64) -> Vec<u8> {
    let text = |key: &str, value: &str| KeyValue {
        key: key.into(),
        value: Some(AnyValue { value: Some(Value::StringValue(value.into())) }),
        ..KeyValue::default()
    };
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let now = u64::try_from(now.as_nanos()).unwrap();
    let spans = (0..BATCH).map(|n| {
        let address = if n % 4 == 0 { "api.bank.example" } else { "erp.example" };
        let mut trace_id = (salt + 1).to_be_bytes().to_vec();
        trace_id.extend(n.to_be_bytes());
        Span {
            trace_id,
            span_id: (salt * BATCH + n + 1).to_be_bytes().to_vec(),
            parent_span_id: 7_u64.to_be_bytes().to_vec(),
            name: "POST".into(),
            kind: 3,
            start_time_unix_nano: now - 250_000_000,
            end_time_unix_nano: now,
            attributes: vec![
                text("http.request.method", "POST"),
                text("url.full", "https://api.bank.example/v1/payments/4711"),
                text("server.address", address),
                text("network.protocol.version", "1.1"),
                text("user_agent.original", "python-requests/2.32"),
                text("http.response.status_code", "200"),
            ],
            ..Span::default()
        }
    });
    let batch = ResourceSpans {
        resource: Some(Resource {
            attributes: vec![text("service.name", "erp"), text("host.name", "erp-1")],
            ..Resource::default()
        }),
        scope_spans: vec![ScopeSpans { spans: spans.collect(), ..ScopeSpans::default() }],
        ..ResourceSpans::default()
    };
    ExportTraceServiceRequest { resource_spans: vec![batch] }.encode_to_vec()
}

fn measure() {
    let _installed = rustls::crypto::ring::default_provider().install_default();
    let port = free_port();
    let process = Process::us(&["receiver", &port.to_string()], port);
    let url = format!("http://127.0.0.1:{port}/v1/traces");
    // More calls than the receiver remembers, or it would know them again.
    let bodies: Vec<bytes::Bytes> = (0..600).map(|salt| request(salt).into()).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut rates = Vec::new();
        for round in 0..=ROUNDS {
            let before = process.cost().0;
            let (taken, _) = send(&url, &bodies, 2, FOR).await;
            let spent = process.cost().0 - before;
            if round > 0 {
                rates.push((taken * BATCH) as f64 / spent);
            }
        }
        rates.sort_by(f64::total_cmp);
        println!("{:.0} spans for each second of one core, median of {ROUNDS} rounds of batches of {BATCH}", rates[ROUNDS / 2]);
        println!("in memory after that: {} KiB", process.cost().1);
        let (taken, refused) = send(&url, &bodies, 400, FOR).await;
        println!("a flood over 400 connections: {taken} requests taken, {refused} told to come again, at most {} KiB in memory", process.cost().2);
    });
}

/// Sends over so many connections; returns requests that were taken and that were refused.
async fn send(
    url: &str,
    bodies: &[bytes::Bytes],
    connections: usize,
    time: Duration,
) -> (u64, u64) {
    let client = reqwest::Client::new();
    let end = Instant::now() + time;
    let mut tasks = tokio::task::JoinSet::new();
    for first in 0..connections {
        let (client, url) = (client.clone(), url.to_owned());
        let bodies: Vec<bytes::Bytes> = bodies.to_vec();
        tasks.spawn(async move {
            let (mut taken, mut refused) = (0, 0);
            for body in bodies.iter().cycle().skip(first) {
                if Instant::now() >= end {
                    break;
                }
                let request = client.post(&url).header("content-type", "application/x-protobuf");
                match request.body(body.clone()).send().await {
                    Ok(answer) if answer.status() == 200 => taken += 1,
                    _ => refused += 1,
                }
            }
            (taken, refused)
        });
    }
    let mut all = (0, 0);
    while let Some(one) = tasks.join_next().await {
        let one = one.unwrap();
        all = (all.0 + one.0, all.1 + one.1);
    }
    all
}
