//! The proxy between real clients and upstreams that behave, are dead, slow, or break off.

use crate::rig::http;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, Uri, Version};
use axum::routing::{any, post};
use bytes::Bytes;
use erpscope::config::{Config, Sources, load};
use erpscope::integration::meter::proxy::{Meter, Tally};
use erpscope::integration::{Call, CallQueue, Direction, Fault, Source, outlet};
use erpscope::listen::{Limits, bind, serve};
use erpscope::proxy::Proxy;
use futures_util::{StreamExt, stream};

/// A proxy with one or more routes, and what comes out of it.
pub struct Rig {
    pub proxy: Proxy,
    pub calls: CallQueue,
    pub meter: Arc<Meter>,
}

fn config(text: &str) -> Config {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let declared = "[[integration]]\nname = 'bank'\ndirection = 'outbound'\nspans = ['server.address=localhost']\n\
        [[integration]]\nname = 'shop'\ndirection = 'inbound'\n[[server]]\n";
    Write::write_all(&mut file, format!("{text}\n{declared}").as_bytes()).unwrap();
    load(&Sources { file: Some(file.path().into()), ..Sources::default() }).unwrap().config
}

impl Rig {
    pub fn of(text: &str) -> Self {
        Self::with_room(text, 1_000)
    }

    fn with_room(text: &str, batches: usize) -> Self {
        let config = config(text);
        let (calls, queue) = outlet(batches);
        let meter = Arc::new(Meter::default());
        let integrations = Arc::new(ArcSwap::from_pointee(config.integrations));
        let forward = config.forward_proxy.as_ref();
        let proxy = Proxy::start(&config.proxies, forward, integrations, calls, Arc::clone(&meter))
            .unwrap();
        Self { proxy, calls: queue, meter }
    }

    /// A route of the bank to this upstream, with more keys.
    pub fn to(upstream: SocketAddr, more: &str) -> Self {
        Self::of(&route("bank", &format!("http://{upstream}/"), more))
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address())
    }

    pub fn address(&self) -> SocketAddr {
        self.proxy.addresses()[0]
    }

    pub async fn call(&mut self) -> Call {
        let batch = tokio::time::timeout(Duration::from_secs(10), self.calls.batches.recv()).await;
        batch.expect("a call within 10 s").unwrap().calls.remove(0)
    }

    pub async fn until(&self, what: &str, wanted: impl Fn(&Tally) -> bool) {
        for _ in 0..500 {
            if wanted(&self.meter.read()) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("not within 10 s: {what}: {:?}", self.meter.read());
    }
}

pub fn route(integration: &str, upstream: &str, more: &str) -> String {
    format!(
        "[[proxy]]\nintegration = '{integration}'\nlisten = '127.0.0.1:0'\nupstream = '{upstream}'\n{more}\n"
    )
}

/// An upstream that tells what it got.
pub async fn upstream(router: Router) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    address
}

async fn echo(version: Version, uri: Uri, headers: HeaderMap, body: Bytes) -> String {
    let mut text = format!("{version:?} {uri}\n");
    for (name, value) in &headers {
        text.extend([name.as_str(), ": ", value.to_str().unwrap(), "\n"]);
    }
    text + &format!("{} bytes\n", body.len())
}

pub fn echoing() -> Router {
    Router::new().fallback(any(echo))
}

/// One that answers each connection with these bytes, and then does as told.
pub fn raw(answer: &'static [u8], then: fn(TcpStream)) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _head = stream.read(&mut [0; 4_096]).unwrap();
            stream.write_all(answer).unwrap();
            then(stream);
        }
    });
    address
}

pub fn curl(args: &[&str]) -> String {
    let output =
        Command::new("curl").args(["-sS", "--max-time", "20"]).args(args).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    String::from_utf8(output.stdout).unwrap() + &error
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn curl_gets_the_upstreams_answer_by_both_versions_of_http_and_each_is_a_call() {
    let there = upstream(echoing()).await;
    let mut rig = Rig::of(&route("bank", &format!("http://{there}/v1"), "path = '/bank'"));
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    for version in ["--http1.1", "--http2-prior-knowledge"] {
        let header = format!("traceparent: {trace}");
        let url = rig.url("/bank/payments/4711?full=1");
        let answer = tokio::task::spawn_blocking(move || {
            curl(&[
                version,
                "-i",
                "-H",
                &header,
                "-H",
                "x-own: 1",
                "-H",
                "connection: x-gone",
                "-H",
                "x-gone: 1",
                "-d",
                "abc",
                &url,
            ])
        });
        let answer = answer.await.unwrap().to_lowercase();
        assert!(answer.contains("http/1.1 /v1/payments/4711?full=1\n"), "{answer}");
        for part in [
            &format!("host: {there}\n"),
            "x-own: 1\n",
            "3 bytes",
            &format!("traceparent: {trace}\n"),
            "via: ",
        ] {
            assert!(answer.contains(part), "{part} in {answer}");
        }
        let head = answer.split("\r\n\r\n").next().unwrap();
        assert!(
            head.contains("via: ") && (version != "--http1.1" || !answer.contains("x-gone")),
            "{answer}"
        );
        let call = rig.call().await;
        assert_eq!(&*call.operation, "POST /payments/{id}");
        assert_eq!((&*call.integration, call.direction), ("bank", Direction::Outbound));
        assert_eq!((call.fault, call.source), (None, Source::Proxy));
        assert_eq!(call.trace.unwrap().to_string(), trace[3..35]);
    }
    rig.until("nothing goes on", |tally| tally.in_flight.values().all(|count| *count == 0)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uploads_that_wait_for_leave_heads_and_empty_answers_pass() {
    let router = echoing().route("/empty", any(|| async { StatusCode::NO_CONTENT }));
    let there = upstream(router).await;
    let mut rig = Rig::to(there, "");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("upload");
    std::fs::write(&file, vec![b'x'; 1_500_000]).unwrap();
    let data = format!("@{}", file.display());
    for version in ["--http1.1", "--http2-prior-knowledge"] {
        let (url, data) = (rig.url("/upload"), data.clone());
        let upload = tokio::task::spawn_blocking(move || {
            curl(&[version, "-H", "expect: 100-continue", "--data-binary", &data, &url])
        });
        let answer = upload.await.unwrap();
        assert!(answer.ends_with("1500000 bytes\n"), "{version}: {answer}");
        let urls = [rig.url("/head"), rig.url("/empty")];
        let bodiless = tokio::task::spawn_blocking(move || {
            [curl(&[version, "-I", &urls[0]]), curl(&[version, "-i", &urls[1]])]
        });
        let [head, empty] = bodiless.await.unwrap();
        assert!(
            head.contains(" 200") && head.to_lowercase().contains("content-length: "),
            "{head}"
        );
        assert!(empty.contains(" 204"), "{empty}");
        let mut operations = Vec::new();
        for _ in 0..3 {
            let call = rig.call().await;
            assert_eq!(call.fault, None, "{version}: {call:?}");
            operations.push(call.operation.to_string());
        }
        assert_eq!(operations, ["POST /upload", "HEAD /head", "GET /empty"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_inbound_route_keeps_the_host_and_adds_a_trace_id_and_the_longest_prefix_wins() {
    let there = upstream(echoing()).await;
    let both = route("shop", &format!("http://{there}/all"), "")
        + &route("shop", &format!("http://{there}/api"), "path = '/api'");
    let listen = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut rig = Rig::of(&both.replace("127.0.0.1:0", &listen.to_string()));
    let client = http();
    let ask = |path: &str| client.get(rig.url(path)).header("host", "erp.example").send();
    let api = ask("/api/orders").await.unwrap().text().await.unwrap();
    assert!(
        api.starts_with("HTTP/1.1 /api/orders\n") && api.contains("host: erp.example\n"),
        "{api}"
    );
    let all = ask("/apiary").await.unwrap().text().await.unwrap();
    assert!(all.starts_with("HTTP/1.1 /all/apiary\n"), "{all}");
    for text in [api, all] {
        let given = text.lines().find_map(|line| line.strip_prefix("traceparent: 00-")).unwrap();
        assert_eq!(rig.call().await.trace.unwrap().to_string(), given[..32]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn upstreams_that_are_dead_slow_or_break_off_are_told_apart() {
    let dead = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let silent = raw(b"", |stream| {
        std::thread::sleep(Duration::from_secs(3));
        drop(stream);
    });
    let broken = raw(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf", drop);
    let junk = raw(b"this is no HTTP\r\n\r\n", drop);
    let busy = raw(b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n", drop);
    let cases = [
        (format!("http://{dead}/"), 502, Fault::Connect),
        ("http://no-such-host.invalid/".to_owned(), 502, Fault::Dns),
        (format!("http://{silent}/"), 504, Fault::Timeout),
        (format!("http://{broken}/"), 200, Fault::Broken),
        (format!("http://{junk}/"), 502, Fault::Broken),
        (format!("http://{busy}/"), 503, Fault::Server),
        (format!("https://{busy}/"), 502, Fault::Tls),
    ];
    for (upstream, status, fault) in cases {
        let mut rig = Rig::of(&route("bank", &upstream, "first_byte_timeout = '500ms'"));
        let answer = http().get(rig.url("/x")).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), status, "{upstream}");
        let whole = answer.bytes().await;
        assert_eq!(whole.is_err(), status == 200, "{upstream}");
        assert_eq!(rig.call().await.fault, Some(fault), "{upstream}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_who_goes_away_and_a_body_that_stalls_end_their_calls() {
    let slow = Router::new().fallback(any(|| async {
        Body::from_stream(
            stream::once(async { Ok::<_, std::io::Error>("first") }).chain(stream::pending()),
        )
    }));
    let there = upstream(slow).await;
    let mut rig = Rig::to(there, "idle_timeout = '1s'");
    let answer = http().get(rig.url("/gone")).send().await.unwrap();
    rig.until("one goes on", |tally| tally.in_flight.values().sum::<u64>() == 1).await;
    drop(answer);
    assert_eq!(rig.call().await.fault, Some(Fault::Cancelled));
    let stalled = http().get(rig.url("/stalled")).send().await.unwrap();
    assert!(stalled.bytes().await.is_err());
    assert_eq!(rig.call().await.fault, Some(Fault::Timeout));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_of_100_mb_pass_both_ways_and_memory_does_not_grow_with_them() {
    async fn back(body: Body) -> Body {
        body
    }
    let there = upstream(Router::new().fallback(post(back))).await;
    let rig = Rig::to(there, "");
    let megabyte = Bytes::from(vec![7; 1 << 20]);
    let sent = stream::iter((0..100).map(move |_| Ok::<_, std::io::Error>(megabyte.clone())));
    let before = resident();
    let client = http();
    let request = client.post(rig.url("/big")).body(reqwest::Body::wrap_stream(sent));
    let mut answer = request.send().await.unwrap();
    let mut received = 0;
    let mut most = 0;
    while let Some(chunk) = answer.chunk().await.unwrap() {
        received += chunk.len();
        most = most.max(resident().saturating_sub(before));
    }
    assert_eq!(received, 100 << 20);
    assert!(most < 50_000, "{most} KiB");
}

/// KiB of this process.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// What the proxy answers to raw bytes, until it closes or nothing comes for a while.
pub fn talk(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(1_500))).unwrap();
    stream.write_all(bytes).unwrap();
    let (mut answer, mut buffer) = (Vec::new(), [0; 4_096]);
    while let Ok(length @ 1..) = stream.read(&mut buffer) {
        answer.extend_from_slice(&buffer[..length]);
    }
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_could_be_two_requests_is_refused_or_passes_as_one() {
    let count = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&count);
    let router = Router::new().fallback(any(move |uri: Uri| {
        counted.fetch_add(1, Ordering::Relaxed);
        async move { uri.to_string() }
    }));
    let there = upstream(router).await;
    let rig = Rig::to(there, "");
    let address = rig.address();
    let hidden = "GET /hidden HTTP/1.1\r\nhost: a\r\n\r\n";
    let cases = [
        format!(
            "POST /x HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n{hidden}",
            hidden.len() + 5
        ),
        format!(
            "POST /x HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\ncontent-length: 5\r\n\r\n{hidden}"
        ),
        format!("POST /x HTTP/1.1\r\nhost: a\r\ntransfer-encoding: xchunked\r\n\r\n{hidden}"),
        format!(
            "POST /x HTTP/1.1\r\nhost: a\r\ntransfer-encoding : chunked\r\n\r\n0\r\n\r\n{hidden}"
        ),
        format!(
            "GET /x HTTP/1.1\r\nhost: a\r\nx: 1\r\n\tcontent-length: {}\r\n\r\n{hidden}",
            hidden.len()
        ),
        format!("GET /x HTTP/1.1\r\nhost: a\r\nx: a\rb\r\n\r\n{hidden}"),
        format!("GET /x HTTP/1.1\nhost: a\ncontent-length: +5\n\n{hidden}"),
        format!("GET /x HTTP/1.1\r\nhost: a\r\nbad header: 1\r\n\r\n{hidden}"),
    ];
    for bytes in cases {
        let sent = bytes.clone();
        let answer =
            tokio::task::spawn_blocking(move || talk(address, sent.as_bytes())).await.unwrap();
        assert!(!answer.contains("/hidden"), "{bytes:?}\n{answer}");
    }
    // Sent one after the other over one connection they are two, to whom they belong.
    let two = "GET /a HTTP/1.1\r\nhost: a\r\n\r\nGET /b HTTP/1.1\r\nhost: a\r\n\r\n";
    let answer = tokio::task::spawn_blocking(move || talk(address, two.as_bytes())).await.unwrap();
    assert!(answer.contains("/a") && answer.contains("/b"), "{answer}");
    assert!(count.load(Ordering::Relaxed) >= 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_many_calls_a_loop_and_what_has_no_route_are_refused_and_counted() {
    let slow = Router::new().fallback(any(|| async {
        tokio::time::sleep(Duration::from_millis(800)).await;
        StatusCode::NO_CONTENT
    }));
    let there = upstream(slow).await;
    let rig = Rig::to(there, "max_in_flight = 2\npath = '/in'");
    let ask = |path: &str| http().get(rig.url(path)).send();
    let (a, b, c) = tokio::join!(ask("/in"), ask("/in"), async {
        rig.until("two go on", |tally| tally.in_flight.values().sum::<u64>() == 2).await;
        ask("/in").await
    });
    assert_eq!([a, b].map(|answer| answer.unwrap().status().as_u16()), [204, 204]);
    let refused = c.unwrap();
    assert_eq!(
        (refused.status().as_u16(), &refused.headers()["retry-after"]),
        (503, &"1".parse().unwrap())
    );
    assert_eq!(ask("/out").await.unwrap().status().as_u16(), 404);
    let listen = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let text = route("bank", &format!("http://{listen}/"), "");
    let looped = Rig::of(&text.replace("127.0.0.1:0", &listen.to_string()));
    assert_eq!(http().get(looped.url("/")).send().await.unwrap().status().as_u16(), 508);
    let tally = rig.meter.read();
    assert_eq!((tally.refused["too_many"], tally.refused["no_route"]), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_queue_of_calls_lets_calls_pass_and_counts_what_is_lost() {
    let there = upstream(echoing()).await;
    let text = route("bank", &format!("http://{there}/"), "");
    let rig = Rig::with_room(&text, 1);
    for _ in 0..5 {
        assert_eq!(http().get(rig.url("/")).send().await.unwrap().status().as_u16(), 200);
    }
    for _ in 0..100 {
        if rig.calls.lost() == 4 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{} are lost", rig.calls.lost());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_head_is_cut_off_and_a_stop_lets_what_runs_end() {
    let slow = Router::new().fallback(any(|| async {
        tokio::time::sleep(Duration::from_millis(700)).await;
        "done"
    }));
    let there = upstream(slow).await;
    let rig = Rig::to(there, "");
    let address = rig.address();
    let url = rig.url("/");
    let running =
        tokio::spawn(async move { http().get(url).send().await.unwrap().text().await.unwrap() });
    rig.until("one goes on", |tally| tally.in_flight.values().sum::<u64>() == 1).await;
    let stopping = tokio::task::spawn_blocking(move || drop(rig.proxy));
    assert_eq!(running.await.unwrap(), "done");
    stopping.await.unwrap();
    assert!(TcpStream::connect(address).is_err());
    let rig = Rig::to(there, "");
    let mut stream = TcpStream::connect(rig.address()).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: a\r\nx-slow: ").unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let closed = tokio::task::spawn_blocking(move || stream.read(&mut [0; 512]).is_ok());
    assert!(closed.await.unwrap(), "the proxy ends the connection by itself");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_forward_proxy_tunnels_and_passes_plain_requests_to_allowed_ports_alone() {
    let there = upstream(echoing()).await;
    let port = there.port();
    let text = format!("[forward_proxy]\nlisten = '127.0.0.1:0'\nports = ['{port}']\n");
    let mut rig = Rig::of(&text);
    let proxy = rig.url("");
    let run = move |args: Vec<String>| {
        let proxy = proxy.clone();
        tokio::task::spawn_blocking(move || {
            let mut all = vec!["--proxy", &proxy];
            all.extend(args.iter().map(String::as_str));
            curl(&all)
        })
    };
    let plain = run(vec![format!("http://localhost:{port}/orders/1")]).await.unwrap();
    assert!(plain.starts_with("HTTP/1.1 /orders/1\n") && plain.contains("via: "), "{plain}");
    let call = rig.call().await;
    assert_eq!((&*call.operation, call.source), ("GET /orders/{id}", Source::Proxy));
    let tunnel =
        run(vec!["--proxytunnel".into(), format!("http://localhost:{port}/x")]).await.unwrap();
    assert!(tunnel.starts_with("HTTP/1.1 /x\n") && !tunnel.contains("via: "), "{tunnel}");
    let call = rig.call().await;
    assert_eq!(
        (&*call.operation, call.source, call.fault),
        ("CONNECT localhost", Source::Tunnel, None)
    );
    let unmatched = run(vec![format!("http://127.0.0.1:{port}/")]).await.unwrap();
    assert!(unmatched.starts_with("HTTP/1.1 /\n"), "{unmatched}");
    let refused = run(vec!["http://localhost:1/".into()]).await.unwrap();
    assert!(refused.contains("this port is not in `ports`"), "{refused}");
    let tally = rig.meter.read();
    assert_eq!((tally.unmatched, tally.refused["port"]), (1, 1));
    assert!(rig.calls.batches.try_recv().is_err(), "what is of no integration is no call");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upstream_of_http2_and_trailers_behind_a_body_are_passed() {
    let listener = bind(([127, 0, 0, 1], 0).into()).unwrap();
    let there = listener.local_addr().unwrap();
    let limits = Limits {
        connections: 10,
        head: Duration::from_secs(5),
        idle: Duration::from_secs(5),
        stall: Duration::from_secs(5),
        head_bytes: 16_384,
        streams: 10,
        drain: Duration::from_secs(1),
    };
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let service = hyper_util::service::TowerToHyperService::new(echoing());
    let serving = tokio::spawn(serve(listener, limits, service, |_| {}, stopped));
    let rig = Rig::to(there, "upstream_http2 = 'prior-knowledge'");
    let asked = http().get(rig.url("/x")).header("host", "shop.example");
    let answer = asked.send().await.unwrap().text().await.unwrap();
    assert!(answer.starts_with("HTTP/2.0 ") && answer.contains("via: 1.1 "), "{answer}");
    assert!(!answer.contains("shop.example"), "another host than the one called: {answer}");
    drop((rig, stop));
    serving.await.unwrap();
    let with_trailers = raw(
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n3\r\nabc\r\n0\r\nx-sum: 7\r\n\r\n",
        drop,
    );
    let rig = Rig::to(with_trailers, "");
    let address = rig.address();
    let bytes = b"GET / HTTP/1.1\r\nhost: a\r\nte: trailers\r\n\r\n";
    let answer = tokio::task::spawn_blocking(move || talk(address, bytes)).await.unwrap();
    assert!(answer.contains("abc\r\n") && answer.ends_with("x-sum: 7\r\n\r\n"), "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_protocol_passes_after_an_upgrade() {
    // HTTP/2 knows none: that is not spoken for it.
    for spoken in ["", "upstream_http2 = 'prior-knowledge'"] {
        let (echoed, call) = upgraded(spoken).await;
        assert_eq!((&*echoed, call.fault), ("hello", None));
    }
}

async fn upgraded(more: &str) -> (String, Call) {
    let there = raw(
        b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n",
        |mut stream| {
            let mut buffer = [0; 16];
            while let Ok(length @ 1..) = stream.read(&mut buffer) {
                stream.write_all(&buffer[..length]).unwrap();
            }
        },
    );
    let mut rig = Rig::to(there, more);
    let address = rig.address();
    let echoed = tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream
            .write_all(
                b"GET /ws HTTP/1.1\r\nhost: a\r\nconnection: Upgrade\r\nupgrade: echo\r\n\r\n",
            )
            .unwrap();
        let mut buffer = [0; 1_024];
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            let length = stream.read(&mut buffer).unwrap();
            head += std::str::from_utf8(&buffer[..length]).unwrap();
        }
        assert!(head.starts_with("HTTP/1.1 101"), "{head}");
        stream.write_all(b"hello").unwrap();
        let length = stream.read(&mut buffer).unwrap();
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    });
    (echoed.await.unwrap(), rig.call().await)
}
