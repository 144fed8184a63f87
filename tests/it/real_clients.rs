//! Clients that others have written, against a running agent: Python's requests through the proxies,
//! psycopg2 with comments; and everything going wrong at once.

use std::net::TcpListener;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::{any, post};
use erpscope::demo::cluster::Options;
use erpscope::state::ServerSnapshot;
use futures_util::future::{join, join_all};
use serde_json::{Value, json};

use crate::clients::{Client, ODOO, count, events, until_sampling};
use crate::otlp::{python, script};
use crate::rig::{Rig, admin, cluster, config, declaring, http, server, server_of, sum};

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

async fn run(name: &'static str, args: Vec<String>) -> String {
    let run = move || Command::new(python()).arg(script(name)).args(args).output().unwrap();
    let output = tokio::task::spawn_blocking(run).await.unwrap();
    let words = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{words}");
    words.trim().to_owned()
}

/// Serves on a port of its own.
async fn serve(router: Router) -> u16 {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    port
}

async fn until_events(rig: &Rig, kind: &str) -> Vec<Value> {
    for _ in 0..200 {
        let found = events(rig, kind).await;
        if !found.is_empty() {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("not within 10 s: {kind}");
}

/// The ERP's API: takes an order, and says in its statement's comment for whom.
async fn take_order(State(erp): State<Arc<Client>>, headers: HeaderMap) -> &'static str {
    let trace = headers["traceparent"].to_str().unwrap();
    let sql = format!(
        "update stock_quant set n = n + 1 where id = 7 /*application='webshop',route='%2Forders',traceparent='{trace}'*/"
    );
    erp.run(&sql).await;
    "taken"
}

/// The same, when nothing says for which request.
async fn take_order_silently(State(erp): State<Arc<Client>>) -> &'static str {
    erp.run("update stock_quant set n = n + 1 where id = 7").await;
    "taken"
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_without_a_comment_is_explained_by_its_session_and_time() {
    let by_session = |api: u16, port: u16| {
        format!(
            "[[integration]]\nname='webshop'\ndirection='inbound'\napplication_names=['shop-*']\n{}",
            around_the_push(api, port)
        )
    };
    let call = pushed(post(take_order_silently), "shop-eu", by_session).await;
    assert_eq!(call["evidence"][0]["joined_by"], "time", "{call:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_that_requests_pushes_through_the_proxy_is_explained_by_the_reports_lock() {
    let by_comment = |api: u16, port: u16| {
        format!(
            "[[integration]]\nname='webshop'\ndirection='inbound'\ncomments=['application=webshop']\n{}",
            around_the_push(api, port)
        )
    };
    let call = pushed(post(take_order), "odoo-1", by_comment).await;
    assert_eq!(call["evidence"][0]["joined_by"], "trace", "{call:#}");
}

fn around_the_push(api: u16, port: u16) -> String {
    format!(
        "[[integration]]\nname='bi'\ndirection='inbound'\napplication_names=['bi-*']\n\
         [[proxy]]\nintegration='webshop'\nlisten='127.0.0.1:{port}'\nupstream='http://127.0.0.1:{api}'\n"
    )
}

/// Pushes an order while the report holds its row; returns what is told of the call.
async fn pushed(
    handler: axum::routing::MethodRouter<Arc<Client>>,
    application_name: &'static str,
    declared: impl Fn(u16, u16) -> String,
) -> Value {
    let cluster = cluster(&Options::default()).await;
    admin(&cluster).await.batch_execute(ODOO).await.unwrap();
    let erp = Arc::new(Client::connect(&cluster, application_name).await);
    let api = serve(Router::new().fallback(handler).with_state(erp)).await;
    let port = free_port();
    let rig = Rig::start(declaring(&declared(api, port), config(vec![server(&cluster)])));
    until_sampling(&rig).await;
    let report = Client::connect(&cluster, "bi-month-end").await;
    report.run("begin; update stock_quant set n = n + 1 where id = 7").await;
    let release = async {
        // Until the push waits; then as long as the sentence is to say.
        rig.until("the push waits", |s| !s.activity.waiters.is_empty()).await;
        tokio::time::sleep(Duration::from_millis(2_500)).await;
        report.run("commit").await
    };
    let push = run("push.py", vec![format!("http://127.0.0.1:{port}")]);
    let (answer, _) = join(push, release).await;
    assert_eq!(answer, "200 taken");
    let call = until_events(&rig, "integration_call").await.remove(0);
    let evidence = &call["evidence"][0];
    let (took, waited) =
        (call["seconds"].as_f64().unwrap(), evidence["waited_seconds"].as_f64().unwrap());
    assert_eq!(call["source"], "proxy");
    assert!(took >= 2.5 && (took - waited).abs() < 0.15, "{waited} of {took} s: {call:#}");
    let summary = call["summary"].as_str().unwrap();
    assert!(summary.starts_with("webshop POST /orders/{id} took "), "{summary}");
    let ending = "waiting for a row of public.stock_quant held by bi (idle in transaction)";
    assert!(summary.ends_with(ending), "{summary}");
    rig.agent.stop().await;
    call
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_proxy_moves_with_a_reload_and_an_address_that_is_taken_changes_nothing() {
    let there = serve(Router::new().fallback(any(|| async { "there" }))).await;
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let [first, second] = std::array::from_fn(|_| free_port());
    let unreachable = || {
        let mut server = server_of(free_port());
        server.connect_timeout = Duration::from_millis(200);
        config(vec![server])
    };
    let listening = |port: u16| {
        let declared = format!(
            "[[integration]]\nname='shop'\ndirection='inbound'\n[[proxy]]\nintegration='shop'\nlisten='127.0.0.1:{port}'\nupstream='http://127.0.0.1:{there}'\n"
        );
        declaring(&declared, unreachable())
    };
    let mut rig = Rig::start(listening(first));
    let ask = |port: u16| async move {
        let answer = http().get(format!("http://127.0.0.1:{port}/")).send().await;
        answer.is_ok_and(|answer| answer.status().is_success())
    };
    assert!(ask(first).await);
    let port = taken.local_addr().unwrap().port();
    let refused = rig.agent.reload(listening(port)).await.unwrap_err().to_string();
    assert!(refused.contains("the proxy cannot listen on"), "{refused}");
    assert!(ask(first).await, "the old way is there still");
    rig.agent.reload(listening(second)).await.unwrap();
    assert!(ask(second).await && !ask(first).await);
    rig.agent.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_tunnels_through_https_proxy_and_only_host_and_time_are_seen() {
    let cluster = cluster(&Options::default()).await;
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let [certificate, key] = ["cert.pem", "key.pem"].map(|name| folder.path().join(name));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let (proxy, bank) = (free_port(), free_port());
    let declared = format!(
        "[[integration]]\nname='bank'\ndirection='outbound'\nspans=['server.address=localhost']\n\
         [forward_proxy]\nlisten='127.0.0.1:{proxy}'\nports=['{bank}']\n"
    );
    let rig = Rig::start(declaring(&declared, config(vec![server(&cluster)])));
    let args = [
        format!("http://127.0.0.1:{proxy}"),
        certificate.display().to_string(),
        key.display().to_string(),
        bank.to_string(),
    ];
    assert_eq!(run("tunnel.py", args.into()).await, "200 via None");
    let calls = "erpscope_integration_calls_total";
    for _ in 0..200 {
        if count(&rig.metrics().await, calls, "bank") == 1 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let metrics = rig.metrics().await;
    let labels = r#"direction="outbound",operation="CONNECT localhost",outcome="ok""#;
    assert_eq!(count(&metrics, calls, labels), 1, "{metrics}");
    rig.agent.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_of_psycopg2_is_one_call_with_its_transaction_and_the_statement_it_sent() {
    let cluster = cluster(&Options::default()).await;
    let otlp = free_port();
    let declared = format!(
        "[[integration]]\nname='jobs'\ndirection='inbound'\nlatency='1s'\ncomments=['db_driver=psycopg2*']\n\
         spans=['peer.service=jobs']\n[otlp]\nhttp='127.0.0.1:{otlp}'\n"
    );
    let rig = Rig::start(declaring(&declared, config(vec![server(&cluster)])));
    until_sampling(&rig).await;
    let admin = admin(&cluster).await;
    admin.batch_execute("select pg_sleep(0.01)").await.unwrap();
    let is_known = |s: &ServerSnapshot| {
        let mut shown = s.statements.shown.iter();
        shown.any(|shown| shown.query.as_deref().is_some_and(|q| q.starts_with("select pg_sleep(")))
    };
    rig.until("the statement's text is known", is_known).await;
    let args = vec![cluster.url("postgres"), format!("http://127.0.0.1:{otlp}")];
    let (trace, jobs) = (Value::from(run("comments.py", args).await), Value::from("jobs"));
    let slow = until_events(&rig, "slow_transaction").await;
    assert_eq!((&slow[0]["trace_id"], &slow[0]["integration"]), (&trace, &jobs));
    let query = slow[0]["query"].as_str().unwrap();
    assert!(query.starts_with("select pg_sleep(?)") && !query.contains("traceparent"), "{query}");
    let call = until_events(&rig, "integration_call").await.remove(0);
    assert_eq!((&call["trace_id"], &call["operation"]), (&trace, &"POST /jobs/{name}".into()));
    let evidence = &call["evidence"][0];
    let executing = evidence["executing_seconds"].as_f64().unwrap();
    assert!((executing - 1.5).abs() < 0.15 && evidence["joined_by"] == "trace", "{call:#}");
    let sql =
        "select queryid::text from pg_stat_statements where query like 'select pg_sleep(%' limit 1";
    let queryid: String = admin.query_one(sql, &[]).await.unwrap().get(0);
    let sent = &call["statements"][0];
    assert_eq!((&sent["queryid"], &sent["count"]), (&queryid.into(), &1.into()), "{call:#}");
    rig.agent.stop().await;
}

/// Spans of one call each.
fn spans(request: usize) -> String {
    let span = |n: usize| {
        json!({
            "traceId": format!("{:032x}", request * 1_000 + n + 1), "spanId": format!("{:016x}", n + 1), "kind": 3, "name": "GET",
            "startTimeUnixNano": "1700000000000000000", "endTimeUnixNano": "1700000000250000000",
            "attributes": [{ "key": "peer.service", "value": { "stringValue": "shop" } }],
        })
    };
    let spans: Vec<Value> = (0..500).map(span).collect();
    json!({ "resourceSpans": [{ "scopeSpans": [{ "spans": spans }] }] }).to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_dead_upstream_a_flood_of_spans_and_no_database_calls_still_pass_and_counts_are_honest()
 {
    let cluster = cluster(&Options::default()).await;
    let there = serve(Router::new().fallback(any(|| async { "there" }))).await;
    let [alive, dead, otlp, nobody] = std::array::from_fn(|_| free_port());
    let route = |port: u16, upstream: u16| {
        format!(
            "[[proxy]]\nintegration='shop'\nlisten='127.0.0.1:{port}'\nupstream='http://127.0.0.1:{upstream}'\n"
        )
    };
    let declared = format!(
        "[otlp]\nhttp='127.0.0.1:{otlp}'\n[[integration]]\nname='shop'\ndirection='outbound'\nspans=['peer.service=shop']\n{}{}",
        route(alive, there),
        route(dead, nobody),
    );
    let rig = Rig::start(declaring(&declared, config(vec![server(&cluster)])));
    rig.until_up().await;
    drop(cluster);
    let client = http();
    let flood = join_all((0..200).map(|n| {
        let request = client.post(format!("http://127.0.0.1:{otlp}/v1/traces"));
        let sent = request.header("content-type", "application/json").body(spans(n)).send();
        async move { sent.await.unwrap().status().as_u16() }
    }));
    let passing = join_all((0..300).map(|n| {
        let port = if n % 3 == 0 { dead } else { alive };
        let sent = client.get(format!("http://127.0.0.1:{port}/x")).send();
        async move { sent.await.unwrap().status().as_u16() }
    }));
    let (flood, passing) = join(flood, passing).await;
    assert!(flood.iter().all(|status| [200, 503].contains(status)), "{flood:?}");
    let answered = |wanted: u16| passing.iter().filter(|status| **status == wanted).count();
    assert_eq!((answered(200), answered(502)), (200, 100));
    let taken = flood.iter().filter(|status| **status == 200).count();
    let calls = "erpscope_integration_calls_total";
    for _ in 0..400 {
        if count(&rig.metrics().await, calls, "shop") == 300 + taken * 500 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let metrics = rig.metrics().await;
    let of = |name: &str, part: &str| count(&metrics, name, part);
    assert_eq!(of(calls, r#"operation="GET /x",outcome="ok""#), 200);
    assert_eq!(of(calls, r#"operation="GET /x",outcome="failed""#), 100);
    assert_eq!(of("erpscope_otlp_received_spans_total", "http"), taken * 500);
    assert_eq!(of("erpscope_otlp_accepted_spans_total", "call"), taken * 500);
    assert_eq!(of(calls, r#"operation="GET""#), taken * 500);
    let lost = metrics
        .lines()
        .find_map(|line| line.strip_prefix("erpscope_integration_lost_calls_total "));
    assert_eq!(lost, Some("0"));
    assert!(sum(&metrics, "erpscope_up", "") < 0.5, "the server is down");
    rig.agent.stop().await;
}
