//! Brokers of messages that are well, refuse, are slow, broken, huge, or not what they should be.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use erpscope::broker::Brokers;
use erpscope::config::{Config, Sources, load};
use erpscope::integration::meter::broker::{Broker, Meter};

use crate::rig::{Rig, config, declaring, server_of, value};

const SECRET: &str = "hunter2-secret";

/// Answers each request so; `None` closes the connection after a while.
fn there(answer: impl Fn(&str) -> Option<Vec<u8>> + Send + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = Vec::new();
            let mut piece = [0; 4_096];
            while !request.windows(4).any(|end| end == b"\r\n\r\n") {
                match stream.read(&mut piece) {
                    Ok(0) | Err(_) => break,
                    Ok(read) => request.extend_from_slice(&piece[..read]),
                }
            }
            match answer(&String::from_utf8_lossy(&request)) {
                Some(bytes) => drop(stream.write_all(&bytes)),
                None => std::thread::sleep(Duration::from_secs(2)),
            }
        }
    });
    port
}

fn http(status: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}")
        .into_bytes()
}

fn page(items: &str, pages: u32, all: u32) -> Vec<u8> {
    http("200 OK", &format!(r#"{{"items":[{items}],"page_count":{pages},"filtered_count":{all}}}"#))
}

fn broker_of(port: u16, more: &str) -> String {
    format!(
        "[[integration]]\nname='webshop'\ndirection='inbound'\n[[rabbitmq]]\nname='mq'\nurl='http://127.0.0.1:{port}'\n\
         interval='1s'\ntimeout='500ms'\nmodules=['orders*=sales']\nintegrations=['orders.shop=webshop']\n{more}\n"
    )
}

fn read(text: &str) -> Result<Config, String> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(format!("{text}[[server]]\n").as_bytes()).unwrap();
    let sources = Sources { file: Some(file.path().into()), ..Sources::default() };
    load(&sources).map(|loaded| loaded.config).map_err(|faults| faults.to_string())
}

/// What is known of the broker once `wanted` is true of it.
async fn until(meter: &Meter, wanted: impl Fn(&Broker) -> bool) -> Arc<Broker> {
    for _ in 0..500 {
        if let Some(broker) = meter.read().brokers.get("mq").filter(|broker| wanted(broker)) {
            return Arc::clone(broker);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("not within 10 s: {:?}", meter.read());
}

async fn found(text: &str) -> Arc<Broker> {
    let meter = Arc::new(Meter::default());
    let _brokers = Brokers::start(&read(text).unwrap().brokers, &meter).unwrap();
    until(&meter, |_| true).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_failure_of_a_broker_is_told_by_its_cause_and_no_secret_with_it() {
    let answers = |bytes: Vec<u8>| there(move |_| Some(bytes.clone()));
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let huge = http("200 OK", &"x".repeat(5 << 20));
    let half = b"HTTP/1.1 200 OK\r\ncontent-length: 2000\r\n\r\n{".to_vec();
    let moved = b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n"
        .to_vec();
    let cases = [
        (answers(http("401 Unauthorized", r#"{"error":"not_authorised"}"#)), "login", "monitoring"),
        (answers(http("404 Not Found", "{}")), "missing", "rabbitmq_management"),
        (answers(http("503 Busy", "")), "status", "HTTP 503"),
        (answers(moved), "status", "HTTP 302"),
        (answers(http("200 OK", "<html>")), "unreadable", "check that `url`"),
        (answers(http("200 OK", "[]")), "unreadable", "no page of queues"),
        (answers(huge), "too_large", "4 MiB"),
        (answers(half), "broken", "check `url`"),
        (there(|_| None), "timeout", "longer `timeout`"),
        (closed, "connect", "that the broker runs"),
    ];
    for (port, kind, part) in cases {
        let broker = found(&broker_of(port, &format!("password='{SECRET}'"))).await;
        let kinds: Vec<_> = broker.failures.keys().copied().collect();
        assert_eq!((broker.is_up, kinds.as_slice()), (false, &[kind][..]), "{broker:?}");
        let said = broker.failure.as_deref().unwrap();
        assert!(said.contains(part) && said.contains("RabbitMQ mq at 127.0.0.1"), "{said}");
        assert!(!said.contains(SECRET) && !said.contains("/api/"), "{said}");
    }
    let nowhere = found(&broker_of(closed, "password_file='/nowhere/secret'")).await;
    assert_eq!(nowhere.failures.keys().collect::<Vec<_>>(), [&"password"]);
    assert!(nowhere.failure.as_deref().unwrap().contains("/nowhere/secret"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn queues_are_read_page_by_page_with_the_login_and_only_the_columns_that_are_needed() {
    let (asked, requests) = std::sync::mpsc::channel();
    let port = there(move |request| {
        asked.send(request.to_owned()).ok()?;
        let first = request.contains("page=1&");
        Some(if first {
            page(
                r#"{"name":"orders.shop","vhost":"/","messages_ready":7,"messages_unacknowledged":2,"consumers":1,"type":"classic",
                    "message_stats":{"publish":20,"deliver_get":15,"ack":11,"get_no_ack":2,"redeliver":1}},
                   {"name":"new","vhost":"/"}"#,
                2,
                3,
            )
        } else {
            page(r#"{"name":"amq.gen-x1","vhost":"/","messages_ready":1,"auto_delete":true}"#, 2, 3)
        })
    });
    let more = format!("password='{SECRET}'\nvhosts=['/']");
    let broker = found(&broker_of(port, &more)).await;
    assert_eq!((broker.is_up, broker.there, broker.in_other, broker.unmeasured), (true, 3, 1, 1));
    let names: Vec<&str> = broker.queues.iter().map(|queue| &*queue.name).collect();
    assert_eq!(names, ["new", "orders.shop", "other"]);
    let orders = &broker.queues[1];
    let depth = orders.depth.unwrap();
    assert_eq!((depth.ready, depth.unacked, depth.consumers), (7, 2, Some(1)));
    assert_eq!((&*orders.module, orders.integration.as_deref()), ("sales", Some("webshop")));
    assert_eq!(broker.queues[0].depth, None);
    let requests: Vec<String> = requests.try_iter().take(2).collect();
    // erpscope:hunter2-secret
    let login = "basic zxjwc2nvcgu6ahvudgvymi1zzwnyzxq=";
    for (number, request) in requests.iter().enumerate() {
        let line = format!(
            "GET /api/queues/%2F?page={}&page_size=500&columns=name,vhost,type,",
            number + 1
        );
        assert!(request.starts_with(&line), "{request}");
        assert!(request.to_lowercase().contains(login), "{request}");
    }
    assert_eq!(requests.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_has_series_that_stay_while_it_is_away_and_gauges_that_do_not() {
    let (switch, is_off) = std::sync::mpsc::channel::<()>();
    let turn = std::sync::atomic::AtomicU64::new(0);
    let port = there(move |_| {
        if is_off.try_recv().is_ok() || turn.load(std::sync::atomic::Ordering::Relaxed) > 1_000 {
            turn.store(2_000, std::sync::atomic::Ordering::Relaxed);
            return Some(http("500 Oops", ""));
        }
        let published = 10 * turn.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let item = format!(
            r#"{{"name":"orders","vhost":"erp","messages_ready":5,"consumers":0,"message_stats":{{"publish":{published}}}}}"#
        );
        Some(page(&item, 1, 1))
    });
    let config = declaring(&broker_of(port, ""), config(vec![server_of(1)]));
    let rig = Rig::start(config);
    let labels = r#"{broker="mq",vhost="erp",queue="orders",module="sales",integration=""}"#;
    let ready = format!("erpscope_broker_queue_ready{labels}");
    let published = format!("erpscope_broker_queue_published_total{labels}");
    let up = r#"erpscope_broker_up{broker="mq"}"#;
    let text = wait(&rig, |text| value(text, &published).is_some_and(|count| count >= 10.0)).await;
    assert_eq!((value(&text, &ready), value(&text, up)), (Some(5.0), Some(1.0)));
    switch.send(()).unwrap();
    let text = wait(&rig, |text| value(text, up) == Some(0.0)).await;
    assert_eq!(value(&text, &ready), None, "nobody knows now");
    assert!(value(&text, &published).is_some_and(|count| count >= 10.0));
    let failures = r#"erpscope_broker_failures_total{broker="mq",kind="status"}"#;
    assert!(value(&text, failures).is_some_and(|count| count >= 1.0));
    rig.agent.stop().await;
}

async fn wait(rig: &Rig, wanted: impl Fn(&str) -> bool) -> String {
    let mut text = String::new();
    for _ in 0..600 {
        text = rig.metrics().await;
        if wanted(&text) {
            return text;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let of_brokers: Vec<&str> = text.lines().filter(|line| line.contains("broker")).collect();
    panic!("not within 30 s: {of_brokers:#?}");
}

#[test]
fn faults_of_the_config_are_all_told_and_repeat_no_secret() {
    let text = format!(
        "[[rabbitmq]]\nname='My MQ'\nurl='http://u:{SECRET}@mq/'\npassword='{SECRET}'\npassword_env='X'\n\
         modules=['orders', 'a=Sales']\nintegrations=['a=crm']\ntop=0\n"
    );
    let told = read(&text).unwrap_err();
    for part in [
        "rabbitmq[0].name: is no short word",
        "rabbitmq[0].url: is not http:// or https://",
        "give the password in one way",
        "\"orders\" is not a pattern of queues",
        "no [[integration]] is called \"crm\"",
        "rabbitmq[0].top",
    ] {
        assert!(told.contains(part), "{part}\nnot in\n{told}");
    }
    assert!(!told.contains(SECRET), "{told}");
    let shown = format!("{:?}", read(&broker_of(1, &format!("password='{SECRET}'"))).unwrap());
    assert!(shown.contains("***") && !shown.contains(SECRET), "{shown}");
}
