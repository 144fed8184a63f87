//! What the proxy adds to a call, beside HAProxy: latency at a fixed rate, and throughput.
//!
//! Upstream, proxy and HAProxy are processes of their own; the load is sent at its due time, so a
//! stall counts for every request that it delayed. Rounds take turns; medians are printed.

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
use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use axum::Router;
use axum::routing::any;
use bytes::Bytes;
use erpscope::config::{Sources, load};
use erpscope::integration::outlet;
use erpscope::proxy::Proxy;
use hdrhistogram::Histogram;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use process::{Process, free_port};

const RATE: u64 = 2_000;
const CONNECTIONS: usize = 32;
const ROUNDS: usize = 5;
const LATENCY_FOR: Duration = Duration::from_secs(4);
const THROUGHPUT_FOR: Duration = Duration::from_secs(3);

fn main() {
    let args: Vec<String> = std::env::args().collect();
    match args.get(1).map(String::as_str) {
        Some("upstream") => upstream(args[2].parse().unwrap()),
        Some("proxy") => proxy(&args[2], &args[3]),
        _ => compare(),
    }
}

/// Answers everything with 200 bytes.
fn upstream(port: u16) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let router = Router::new().fallback(any(|| async { "x".repeat(200) }));
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        axum::serve(listener, router).await.unwrap();
    });
}

fn proxy(listen: &str, upstream: &str) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    write!(
        file,
        "[[integration]]\nname='bank'\ndirection='outbound'\n[[proxy]]\nintegration='bank'\nlisten='127.0.0.1:{listen}'\nupstream='http://127.0.0.1:{upstream}'\n[[server]]\n"
    )
    .unwrap();
    let sources = Sources { file: Some(file.path().into()), ..Sources::default() };
    let config = load(&sources).unwrap().config;
    let (calls, mut queue) = outlet(4_096);
    let integrations = Arc::new(ArcSwap::from_pointee(config.integrations));
    let _proxy = Proxy::start(&config.proxies, None, integrations, calls, Arc::default()).unwrap();
    while queue.batches.blocking_recv().is_some() {}
}

fn compare() {
    let [there, ours, theirs] = std::array::from_fn(|_| free_port());
    let (there_text, ours_text) = (there.to_string(), ours.to_string());
    let _upstream = Process::us(&["upstream", &there_text], there);
    let ours_process = Process::us(&["proxy", &ours_text, &there_text], ours);
    let mut config = tempfile::NamedTempFile::new().unwrap();
    write!(
        config,
        "global\n  nbthread 2\ndefaults\n  mode http\n  option http-keep-alive\n  http-reuse always\n  timeout connect 5s\n  timeout client 60s\n  timeout server 60s\n\
         frontend f\n  bind 127.0.0.1:{theirs}\n  default_backend b\nbackend b\n  server s 127.0.0.1:{there}\n"
    )
    .unwrap();
    let mut haproxy = Command::new("haproxy");
    haproxy.args(["-q", "-f"]).arg(config.path());
    let _haproxy = Process::start(haproxy, theirs);
    let targets = [("direct", there), ("erpscope", ours), ("haproxy", theirs)];
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut latency: [Vec<(u64, u64)>; 3] = Default::default();
        let mut throughput: [Vec<u64>; 3] = Default::default();
        for round in 0..=ROUNDS {
            for (index, (_, port)) in targets.iter().enumerate() {
                let seen = at_a_rate(*port).await;
                let most = as_fast_as_it_goes(*port).await;
                // The first round warms up.
                if round > 0 {
                    latency[index]
                        .push((seen.value_at_quantile(0.5), seen.value_at_quantile(0.99)));
                    throughput[index].push(most);
                }
            }
        }
        println!(
            "{RATE} requests a second over {CONNECTIONS} connections, medians of {ROUNDS} rounds"
        );
        println!("{:<10} {:>10} {:>10} {:>16}", "", "p50, us", "p99, us", "most, 1/s");
        let medians: Vec<(u64, u64, u64)> = (0..3)
            .map(|i| {
                let p50 = median(latency[i].iter().map(|l| l.0).collect());
                let p99 = median(latency[i].iter().map(|l| l.1).collect());
                (p50, p99, median(throughput[i].clone()))
            })
            .collect();
        for ((name, _), (p50, p99, most)) in targets.iter().zip(&medians) {
            println!("{name:<10} {p50:>10} {p99:>10} {most:>16}");
        }
        let (direct, ours, theirs) = (medians[0], medians[1], medians[2]);
        println!(
            "added: erpscope {} us p50, {} us p99; haproxy {} us p50, {} us p99",
            ours.0.saturating_sub(direct.0),
            ours.1.saturating_sub(direct.1),
            theirs.0.saturating_sub(direct.0),
            theirs.1.saturating_sub(direct.1),
        );
        println!("throughput: {:.2} of haproxy's", ours.2 as f64 / theirs.2 as f64);
        println!("the proxy had at most {} KiB in memory", ours_process.cost().2);
    });
}

fn median(mut values: Vec<u64>) -> u64 {
    values.sort_unstable();
    values[values.len() / 2]
}

async fn connect(port: u16) -> SendRequest<Empty<Bytes>> {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let (sender, connection) = handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender
}

async fn ask(sender: &mut SendRequest<Empty<Bytes>>) {
    let request = hyper::Request::get("/orders/1").header("host", "a").body(Empty::new()).unwrap();
    let answer = sender.send_request(request).await.unwrap();
    assert_eq!(answer.status(), 200);
    answer.into_body().collect().await.unwrap();
    sender.ready().await.unwrap();
}

/// Latencies in microseconds from when each was due.
async fn at_a_rate(port: u16) -> Histogram<u64> {
    let start = Instant::now() + Duration::from_millis(50);
    let next = Arc::new(AtomicU64::new(0));
    let total = RATE * LATENCY_FOR.as_secs();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..CONNECTIONS {
        let next = Arc::clone(&next);
        let mut sender = connect(port).await;
        tasks.spawn(async move {
            let mut seen = Histogram::<u64>::new_with_bounds(1, 60_000_000, 3).unwrap();
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                if n >= total {
                    return seen;
                }
                let due = start + Duration::from_micros(n * 1_000_000 / RATE);
                // The timer's steps are of a millisecond; the rest is waited for by yielding.
                let early = due.saturating_duration_since(Instant::now());
                tokio::time::sleep(early.saturating_sub(Duration::from_millis(2))).await;
                while Instant::now() < due {
                    tokio::task::yield_now().await;
                }
                ask(&mut sender).await;
                seen.record(u64::try_from(due.elapsed().as_micros()).unwrap().max(1)).unwrap();
            }
        });
    }
    let mut all = Histogram::<u64>::new_with_bounds(1, 60_000_000, 3).unwrap();
    while let Some(seen) = tasks.join_next().await {
        all.add(seen.unwrap()).unwrap();
    }
    all
}

/// Requests a second with all connections busy.
async fn as_fast_as_it_goes(port: u16) -> u64 {
    let end = Instant::now() + THROUGHPUT_FOR;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..CONNECTIONS {
        let mut sender = connect(port).await;
        tasks.spawn(async move {
            let mut count = 0_u64;
            while Instant::now() < end {
                ask(&mut sender).await;
                count += 1;
            }
            count
        });
    }
    let mut all = 0;
    while let Some(count) = tasks.join_next().await {
        all += count.unwrap();
    }
    all / THROUGHPUT_FOR.as_secs()
}
