//! Callers and upstreams who would take more of the proxy than they should, or get past it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::http::StatusCode;
use axum::routing::{any, get};
use bytes::Bytes;
use erpscope::integration::Fault;
use erpscope::listen::{Limits, bind, serve};
use futures_util::{StreamExt, stream};
use tokio::sync::watch;

use crate::proxy::{Rig, curl, echoing, raw, route, talk, upstream};
use crate::rig::http;

const PATIENT: Duration = Duration::from_secs(20);

async fn apart<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}

/// A listener with little patience; it goes on until the sender is dropped.
fn impatient(router: Router) -> (SocketAddr, watch::Sender<bool>) {
    let listener = bind(([127, 0, 0, 1], 0).into()).unwrap();
    let address = listener.local_addr().unwrap();
    let short = Duration::from_millis(400);
    let limits = Limits {
        connections: 10,
        head: short,
        idle: 10 * short,
        stall: short,
        head_bytes: 16_384,
        streams: 10,
        drain: short,
    };
    let (stop, stopped) = watch::channel(false);
    let service = hyper_util::service::TowerToHyperService::new(router);
    tokio::spawn(serve(listener, limits, service, |_| {}, stopped));
    (address, stop)
}

/// Sends these bytes and reads until the other side closes.
fn until_closed(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENT)).unwrap();
    stream.write_all(bytes).unwrap();
    let mut answer = Vec::new();
    let closed = stream.read_to_end(&mut answer);
    assert!(closed.is_ok(), "still open: {:?}", String::from_utf8_lossy(&answer));
    String::from_utf8(answer).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_says_nothing_or_half_of_a_version_is_cut_off_and_a_slow_answer_is_not() {
    let slow = Router::new().fallback(any(|| async {
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        "done"
    }));
    let (address, _stop) = impatient(slow);
    for begun in [&b""[..], b"PRI * HTTP", b"P"] {
        assert_eq!(apart(move || until_closed(address, begun)).await, "");
    }
    let answer = apart(move || until_closed(address, b"GET / HTTP/1.0\r\n\r\n")).await;
    assert!(answer.starts_with("HTTP/1.0 200") && answer.ends_with("done"), "{answer}");
    let url = format!("http://{address}/");
    assert_eq!(apart(move || curl(&["--http2-prior-knowledge", &url])).await, "done");
}

/// A connection over which one request was answered.
fn kept(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENT)).unwrap();
    ask(&mut stream);
    stream
}

/// Asks over a kept connection, and reads the answer up to its last word.
fn ask(stream: &mut TcpStream) {
    stream.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
    let (mut answer, mut byte) = (Vec::new(), [0; 1]);
    while !answer.ends_with(b"done") {
        stream.read_exact(&mut byte).unwrap();
        answer.extend_from_slice(&byte);
    }
    assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_connection_is_kept_for_longer_than_a_head_may_take() {
    // A head may take 400 ms, a kept connection be idle for 4 s.
    let (address, _stop) = impatient(Router::new().fallback(any(|| async { "done" })));
    let (idle, begun) = apart(move || {
        let mut stream = kept(address);
        std::thread::sleep(Duration::from_secs(1));
        ask(&mut stream);
        let since = Instant::now();
        assert_eq!(stream.read(&mut [0; 16]).unwrap(), 0, "it ends at last");
        let idle = since.elapsed();
        let mut stream = kept(address);
        stream.write_all(b"GET / HTTP/1.1\r\nhost: ").unwrap();
        let since = Instant::now();
        let _answer = stream.read_to_end(&mut Vec::new());
        (idle, since.elapsed())
    })
    .await;
    assert!(idle > Duration::from_secs(3), "{idle:?}");
    assert!(begun < Duration::from_secs(3), "{begun:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_first_head_that_has_begun_with_its_version_is_not_taken_for_idleness() {
    let (address, _stop) = impatient(Router::new().fallback(any(|| async { "done" })));
    let since = Instant::now();
    apart(move || until_closed(address, b"GET /")).await;
    assert!(since.elapsed() < Duration::from_secs(3), "{:?}", since.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_takes_nothing_of_an_answer_is_cut_off() {
    // Held by the body; the other end hears when it is dropped.
    let (held, mut dropped) = tokio::sync::mpsc::channel::<()>(1);
    let held = Mutex::new(Some(held));
    let held = Arc::new(held);
    let endless = Router::new().fallback(any(move || {
        let held = held.lock().unwrap().take();
        let chunk = Bytes::from(vec![7; 65_536]);
        let body = stream::repeat(chunk).map(move |chunk| {
            let _held = &held;
            Ok::<_, std::io::Error>(chunk)
        });
        async { Body::from_stream(body) }
    }));
    let (address, _stop) = impatient(endless);
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
    let gone = tokio::time::timeout(PATIENT, dropped.recv()).await;
    assert_eq!(gone, Ok(None), "the answer is still being sent");
    drop(stream);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_upload_is_not_cut_off_and_the_answer_is_awaited_from_its_end_on() {
    let there = upstream(echoing()).await;
    let mut rig = Rig::to(there, "first_byte_timeout = '500ms'");
    let parts = |count| {
        stream::iter(0..count).then(|_| async {
            tokio::time::sleep(Duration::from_millis(200)).await;
            Ok::<_, std::io::Error>(Bytes::from_static(b"part"))
        })
    };
    let long = reqwest::Body::wrap_stream(parts(8));
    let answer = http().post(rig.url("/long")).body(long).send().await.unwrap();
    assert!(answer.text().await.unwrap().ends_with("32 bytes\n"));
    assert_eq!(rig.call().await.fault, None);
    let never = |_body: Bytes| std::future::pending::<StatusCode>();
    let silent = upstream(Router::new().fallback(any(never))).await;
    let mut rig = Rig::to(silent, "first_byte_timeout = '500ms'");
    let answer = http().post(rig.url("/")).body(reqwest::Body::wrap_stream(parts(4))).send();
    assert_eq!(answer.await.unwrap().status().as_u16(), 504);
    assert_eq!(rig.call().await.fault, Some(Fault::Timeout));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_who_stalls_in_his_upload_is_not_the_upstreams_fault() {
    let there = upstream(echoing()).await;
    let mut rig = Rig::to(there, "first_byte_timeout = '200ms'\nidle_timeout = '1s'");
    let address = rig.address();
    let begun = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\nhalf";
    let answer = apart(move || until_closed(address, begun)).await;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert_eq!(rig.call().await.fault, Some(Fault::Cancelled));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_comes_before_the_upload_has_ended_passes() {
    let early = raw(
        b"HTTP/1.1 413 Too Large\r\ncontent-length: 4\r\nconnection: close\r\n\r\nlong",
        |mut stream| while stream.read(&mut [0; 4_096]).is_ok_and(|length| length > 0) {},
    );
    let mut rig = Rig::to(early, "");
    let endless = stream::repeat(Bytes::from(vec![7; 16_384]));
    let endless = endless.take(10_000).map(Ok::<_, std::io::Error>);
    let answer = http().post(rig.url("/")).body(reqwest::Body::wrap_stream(endless)).send().await;
    let answer = answer.unwrap();
    assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(answer.text().await.unwrap(), "long");
    assert_eq!(rig.call().await.fault, Some(Fault::Client));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_way_leads_past_the_routes_by_connect_or_a_change_to_another_http() {
    let there = upstream(echoing()).await;
    let rig = Rig::to(there, "");
    let address = rig.address();
    let connect = b"CONNECT a:443 HTTP/1.1\r\nhost: a:443\r\n\r\n";
    let answer = apart(move || talk(address, connect)).await;
    assert!(answer.starts_with("HTTP/1.1 405"), "{answer}");
    assert_eq!(rig.meter.read().refused["method"], 1);
    for other in ["h2c", "websocket, H2C", "TLS/1.0", "HTTP/3"] {
        let ask = format!(
            "GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade, http2-settings\r\nupgrade: {other}\r\nhttp2-settings: AAMAAABk\r\n\r\n"
        );
        let answer = apart(move || talk(address, ask.as_bytes())).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(!answer.contains("upgrade") && !answer.contains("http2-settings"), "{answer}");
    }
    let eager = raw(b"HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n", drop);
    let mut rig = Rig::to(eager, "");
    let answer = http().get(rig.url("/")).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::BAD_GATEWAY);
    assert_eq!(rig.call().await.fault, Some(Fault::Broken));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_way_leads_past_the_prefix_of_a_route() {
    let there = upstream(echoing()).await;
    let rig = Rig::of(&route("shop", &format!("http://{there}/api"), "path = '/api'"));
    let address = rig.address();
    for path in ["/api/../admin", "/api/%2e%2E/admin", "/api/..%2fadmin", "/api/x/..%5cadmin"] {
        let ask = format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n");
        let answer = apart(move || talk(address, ask.as_bytes())).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{path}: {answer}");
    }
    assert_eq!(rig.meter.read().refused["bad_target"], 4);
    let answer = http().get(rig.url("/api/v1.2/a..b")).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cookies_in_parts_become_one_header_and_a_whole_url_outranks_the_host() {
    let there = upstream(echoing()).await;
    let rig = Rig::of(&route("shop", &format!("http://{there}/"), ""));
    let address = rig.address();
    let ask = b"GET http://user@erp.example/x HTTP/1.1\r\nhost: other.example\r\ncookie: a=1\r\ncookie: b=2\r\n\r\n";
    let answer = apart(move || talk(address, ask)).await;
    assert!(answer.contains("host: erp.example\n"), "{answer}");
    assert!(answer.contains("cookie: a=1; b=2\n"), "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_with_a_body_is_never_sent_twice() {
    // Answered once; every later request is read and then left without an answer, on the same
    // connection or a new one.
    let hits = Arc::new(AtomicU64::new(0));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let there = listener.local_addr().unwrap();
    let counted = Arc::clone(&hits);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let counted = Arc::clone(&counted);
            std::thread::spawn(move || {
                loop {
                    let mut head = Vec::new();
                    let mut byte = [0; 1];
                    while !head.ends_with(b"paid!") {
                        if stream.read(&mut byte).is_ok_and(|n| n > 0) {
                            head.extend_from_slice(&byte);
                        } else {
                            return;
                        }
                    }
                    if counted.fetch_add(1, Ordering::Relaxed) > 0 {
                        return;
                    }
                    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
                    stream.write_all(answer).unwrap();
                }
            });
        }
    });
    let mut rig = Rig::to(there, "");
    let post = || http().post(rig.url("/pay")).body("paid!").send();
    assert_eq!(post().await.unwrap().status(), StatusCode::OK);
    assert_eq!(post().await.unwrap().status(), StatusCode::BAD_GATEWAY);
    assert_eq!(hits.load(Ordering::Relaxed), 2);
    assert_eq!(rig.call().await.fault, None);
    assert_eq!(rig.call().await.fault, Some(Fault::Broken));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upstreams_connection_is_not_used_again_when_it_may_be_about_to_close_it() {
    // It answers one request of a connection, and closes at a second that comes after 4.5 s.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let there = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            std::thread::spawn(move || {
                let mut last = Instant::now();
                while stream.read(&mut [0; 4_096]).is_ok_and(|length| length > 0) {
                    if last.elapsed() > Duration::from_millis(4_500) {
                        return;
                    }
                    last = Instant::now();
                    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap();
                }
            });
        }
    });
    let rig = Rig::to(there, "");
    for pause in [0, 100, 4_700] {
        tokio::time::sleep(Duration::from_millis(pause)).await;
        let answer = http().post(rig.url("/pay")).body("paid!").send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "after {pause} ms");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heads_that_are_too_long_or_have_too_many_headers_are_refused_and_reach_nobody() {
    let there = upstream(Router::new().route("/", get(|| async { "reached" }))).await;
    let rig = Rig::to(there, "");
    let address = rig.address();
    let long = format!("GET / HTTP/1.1\r\nhost: a\r\nx: {}\r\n\r\n", "y".repeat(80_000));
    let many = format!("GET / HTTP/1.1\r\nhost: a\r\n{}\r\n", "x: 1\r\n".repeat(200));
    for ask in [long, many] {
        let answer = apart(move || {
            let mut stream = TcpStream::connect(address).unwrap();
            // The proxy may have closed before all of it was sent.
            let _sent = stream.write_all(ask.as_bytes());
            let mut answer = Vec::new();
            let _closed = stream.read_to_end(&mut answer);
            String::from_utf8(answer).unwrap()
        });
        let answer = answer.await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431"), "{answer}");
    }
}
