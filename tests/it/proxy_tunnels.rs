//! Tunnels of the forward proxy: to whom they lead, and how they end.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, SystemTime};

use erpscope::integration::Source;
use erpscope::integration::meter::proxy::Tally;

use crate::proxy::{Rig, raw, talk};

const PATIENT: Duration = Duration::from_secs(20);

/// One that sends back what it gets, and closes with the rest unread after `reset`; `None` where there is no such address.
fn echo(address: &str) -> Option<u16> {
    let listener = TcpListener::bind(address).ok()?;
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            std::thread::spawn(move || {
                let mut buffer = [0; 1_024];
                while let Ok(length @ 1..) = stream.read(&mut buffer) {
                    if buffer.starts_with(b"reset") {
                        return;
                    }
                    stream.write_all(&buffer[..length]).unwrap();
                }
            });
        }
    });
    Some(port)
}

fn forward(ports: &[u16]) -> Rig {
    let ports: Vec<String> = ports.iter().map(u16::to_string).collect();
    Rig::of(&format!("[forward_proxy]\nlisten = '127.0.0.1:0'\nports = {ports:?}\n"))
}

fn tunnel(proxy: SocketAddr, target: &str) -> TcpStream {
    let mut stream = TcpStream::connect(proxy).unwrap();
    stream.set_read_timeout(Some(PATIENT)).unwrap();
    stream
        .write_all(format!("CONNECT {target} HTTP/1.1\r\nhost: {target}\r\n\r\n").as_bytes())
        .unwrap();
    let (mut head, mut byte) = (Vec::new(), [0; 1]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        head.extend_from_slice(&byte);
    }
    assert!(head.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&head));
    stream
}

fn ping(stream: &mut TcpStream) {
    stream.write_all(b"ping").unwrap();
    let mut back = [0; 4];
    stream.read_exact(&mut back).unwrap();
    assert_eq!(&back, b"ping");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_is_known_however_it_is_written_and_ipv6_is_reached() {
    let port = echo("127.0.0.1:0").unwrap();
    let mut rig = forward(&[port]);
    let address = rig.address();
    for host in ["localhost", "LocalHost", "localhost."] {
        let there = tokio::task::spawn_blocking(move || tunnel(address, &format!("{host}:{port}")));
        let there = there.await.unwrap();
        there.shutdown(Shutdown::Write).unwrap();
        let call = rig.call().await;
        assert_eq!((&*call.operation, call.source), ("CONNECT localhost", Source::Tunnel));
        assert_eq!(call.fault, None);
    }
    if let Some(port) = echo("[::1]:0") {
        let rig = forward(&[port]);
        let address = rig.address();
        let reached = tokio::task::spawn_blocking(move || {
            ping(&mut tunnel(address, &format!("[::1]:{port}")));
        });
        reached.await.unwrap();
        let tally = rig.meter.read();
        assert_eq!((tally.unmatched, tally.tunnels.len()), (1, 0));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_of_tunnels_are_counted_in_both_directions() {
    let port = echo("127.0.0.1:0").unwrap();
    let rig = forward(&[port]);
    let address = rig.address();
    let worker = tokio::task::spawn_blocking(move || {
        let mut stream = tunnel(address, &format!("localhost:{port}"));
        ping(&mut stream);
        stream.write_all(b"more").unwrap();
        stream.read_exact(&mut [0; 2]).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        stream.read_to_end(&mut Vec::new()).unwrap();
    });
    worker.await.unwrap();
    let bank = |tally: &Tally| tally.tunnels.values().next().cloned().unwrap_or_default();
    rig.until("eight bytes have come back", |tally| bank(tally).received_bytes == 8).await;
    rig.until("it has ended", |tally| bank(tally).ended == [("closed", 1)].into()).await;
    let tunnels = bank(&rig.meter.read());
    assert_eq!((tunnels.opened, tunnels.sent_bytes), (1, 8));
    assert!(tunnels.connecting > Duration::ZERO && tunnels.lasted > Duration::ZERO);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_is_over_when_its_tunnel_stands_and_what_moves_is_told_while_it_does() {
    let port = echo("127.0.0.1:0").unwrap();
    let mut rig = forward(&[port]);
    let address = rig.address();
    let began = SystemTime::now();
    let opened = tokio::task::spawn_blocking(move || tunnel(address, &format!("localhost:{port}")));
    let stream = opened.await.unwrap();
    let call = rig.call().await;
    assert_eq!((&*call.operation, call.fault), ("CONNECT localhost", None));
    assert!(call.length <= began.elapsed().unwrap(), "{call:?}");
    rig.until("none goes on", |tally| tally.in_flight.values().sum::<u64>() == 0).await;
    let bank = |tally: &Tally| tally.tunnels.values().next().cloned().unwrap_or_default();
    let mut stream = stream;
    let mut before = None;
    for pings in 1..=2 {
        let pinged = tokio::task::spawn_blocking(move || {
            ping(&mut stream);
            stream
        });
        stream = pinged.await.unwrap();
        rig.until("it is told", |tally| bank(tally).received_bytes == 4 * pings).await;
        let tunnels = bank(&rig.meter.read());
        assert!(tunnels.moved > before && tunnels.ended.is_empty(), "{tunnels:?}");
        before = tunnels.moved;
    }
    drop(stream);
    rig.until("it has ended", |tally| bank(tally).ended == [("closed", 1)].into()).await;
    assert!(rig.calls.batches.try_recv().is_err(), "a tunnel that ends is no second call");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upgraded_connection_is_a_call_until_it_stands_and_holds_its_place() {
    let answer =
        b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n";
    let there = raw(answer, |mut stream| while stream.read(&mut [0; 16]).is_ok_and(|n| n > 0) {});
    let mut rig = Rig::to(there, "max_in_flight = 1");
    let address = rig.address();
    let ask = b"GET /ws HTTP/1.1\r\nhost: a\r\nconnection: Upgrade\r\nupgrade: echo\r\n\r\n";
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(ask).unwrap();
    let call = rig.call().await;
    assert_eq!((&*call.operation, call.fault), ("GET /ws", None));
    let bank = |tally: &Tally| tally.tunnels.values().next().cloned().unwrap_or_default();
    stream.write_all(b"hello").unwrap();
    rig.until("five bytes have passed", |tally| bank(tally).sent_bytes == 5).await;
    let tally = rig.meter.read();
    assert_eq!((bank(&tally).opened, tally.in_flight.values().sum::<u64>()), (1, 0));
    let second = tokio::task::spawn_blocking(move || talk(address, ask)).await.unwrap();
    assert!(second.starts_with("HTTP/1.1 503"), "{second}");
    drop(stream);
    rig.until("it has ended", |tally| bank(tally).ended.values().sum::<u64>() == 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn urls_that_lead_elsewhere_than_they_look_are_refused() {
    let rig = forward(&[80]);
    let address = rig.address();
    let long = "a".repeat(300);
    for (target, status) in [
        ("https://localhost/", 403),
        ("http://user:secret@localhost/", 400),
        ("ftp://localhost/", 400),
        (&*format!("http://{long}/"), 400),
    ] {
        let ask = format!("GET {target} HTTP/1.1\r\nhost: localhost\r\n\r\n");
        let answer = tokio::task::spawn_blocking(move || talk(address, ask.as_bytes()));
        let answer = answer.await.unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{target}: {answer}");
        assert!(!answer.contains("secret"), "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_lets_a_tunnel_that_works_end_and_closes_one_that_is_quiet() {
    let port = echo("127.0.0.1:0").unwrap();
    let Rig { proxy, mut calls, .. } = forward(&[port]);
    let address = proxy.addresses()[0];
    let target = format!("localhost:{port}");
    let worker = tokio::task::spawn_blocking(move || {
        let mut quiet = tunnel(address, &target);
        let mut busy = tunnel(address, &target);
        ping(&mut busy);
        let stopping = std::thread::spawn(move || drop(proxy));
        // It works on until the quiet one is closed, which only a stop does.
        quiet.set_nonblocking(true).unwrap();
        let mut pings = 0;
        while quiet.read(&mut [0; 1]).is_err() {
            ping(&mut busy);
            pings += 1;
            assert!(pings < 2_000, "the quiet tunnel is still open");
            std::thread::sleep(Duration::from_millis(20));
        }
        ping(&mut busy);
        busy.shutdown(Shutdown::Write).unwrap();
        stopping.join().unwrap();
    });
    worker.await.unwrap();
    let mut ended = Vec::new();
    while let Ok(batch) = calls.batches.try_recv() {
        ended.extend(batch.calls.into_iter().map(|call| call.fault));
    }
    assert_eq!(ended, [None, None]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_breaks_a_tunnel_is_told_apart() {
    let port = echo("127.0.0.1:0").unwrap();
    let mut rig = forward(&[port]);
    let address = rig.address();
    let target = format!("localhost:{port}");
    let upstream_breaks = target.clone();
    let broken = tokio::task::spawn_blocking(move || {
        let mut stream = tunnel(address, &upstream_breaks);
        // More than it reads: it closes with something unread.
        let _sent = stream.write_all(("reset".to_owned() + &" ".repeat(100_000)).as_bytes());
        let mut rest = Vec::new();
        let _end = stream.read_to_end(&mut rest);
    });
    broken.await.unwrap();
    let ended = |reason: &'static str| {
        move |tally: &Tally| tally.tunnels.values().any(|of| of.ended.contains_key(reason))
    };
    rig.until("the other side broke it", ended("broken")).await;
    let gone = tokio::task::spawn_blocking(move || {
        let mut stream = tunnel(address, &target);
        stream.write_all(b"ping").unwrap();
        // Closed with the echo unread.
        stream.peek(&mut [0; 4]).unwrap();
    });
    gone.await.unwrap();
    let (cancelled, closed) = (ended("cancelled"), ended("closed"));
    rig.until("the caller ended it", move |tally| cancelled(tally) || closed(tally)).await;
    // Both stood: no call has failed.
    assert_eq!([rig.call().await.fault, rig.call().await.fault], [None, None]);
}
