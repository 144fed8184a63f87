//! Integrations against a real server: whose a session is, what explains a call, who writes what it
//! does not own.

use std::time::{Duration, SystemTime};

use erpscope::config::Config;
use erpscope::demo::cluster::{Cluster, Options};
use erpscope::integration::{Call, Direction, Source, TraceId};
use erpscope::sample::Sampler;
use futures_util::future::join;
use serde_json::Value;

use crate::clients::{Client, ODOO, Ran, count, events, runs, until_sampling, until_settled};
use crate::rig::{Rig, admin, cluster, config, declaring, server, sum};

const DECLARED: &str = "
[[integration]]
name = 'bi'
direction = 'inbound'
application_names = ['bi-*']
[[integration]]
name = 'webshop'
direction = 'inbound'
latency = '2s'
application_names = ['shop-*']
comments = ['application=webshop']
[[integration]]
name = 'wms'
direction = 'inbound'
owns = ['stock_move']
roles = ['wms']
[[integration]]
name = 'bank'
direction = 'outbound'
";

async fn watched() -> (Cluster, Rig) {
    let cluster = cluster(&Options::default()).await;
    let admin = admin(&cluster).await;
    admin.batch_execute(ODOO).await.unwrap();
    admin
        .batch_execute(
            "create table stock_move (id int); create role wms login; \
             grant select, update, insert on all tables in schema public to wms",
        )
        .await
        .unwrap();
    let rig = Rig::start(declaring(DECLARED, config(vec![server(&cluster)])));
    until_sampling(&rig).await;
    (cluster, rig)
}

fn call(integration: &str, direction: Direction, ran: Ran, trace: Option<TraceId>) -> Call {
    Call {
        integration: integration.into(),
        direction,
        operation: "POST /orders".into(),
        began: ran.sent,
        length: ran.answered.duration_since(ran.sent).unwrap(),
        fault: None,
        trace,
        source: Source::Span,
    }
}

/// The report holds a row for so long, idle in transaction, while `push` runs; returns when that
/// ran and how long it had to wait at least.
async fn blocked_push(cluster: &Cluster, pusher: &Client, push: &str) -> Ran {
    let report = Client::connect(cluster, "bi-month-end").await;
    report.run("begin; update stock_quant set n = n + 1 where id = 7").await;
    let release = async {
        tokio::time::sleep(Duration::from_millis(2_600)).await;
        report.run("commit").await
    };
    join(pusher.run(push), release).await.0
}

/// The events of calls, once there are so many.
async fn until_explained(rig: &Rig, wanted: usize) -> Vec<Value> {
    for _ in 0..200 {
        let calls = events(rig, "integration_call").await;
        if calls.len() >= wanted {
            return calls;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("not within 10 s: {wanted} calls are explained");
}

fn assert_blamed_on_the_report(call: &Value, ran: Ran, joined_by: &str) {
    let evidence = &call["evidence"][0];
    assert_eq!(evidence["joined_by"], joined_by, "{call:#}");
    assert_eq!((&evidence["server"], &evidence["among"]), (&"erp".into(), &1.into()));
    let (told, waited) = (call["seconds"].as_f64(), evidence["waited_seconds"].as_f64().unwrap());
    assert!((told.unwrap() - ran.seconds()).abs() < 0.01, "{call:#}");
    assert!((waited - ran.seconds()).abs() < 0.15, "{waited} of {} s", ran.seconds());
    let root = &evidence["lock_waits"][0]["roots"][0];
    assert_eq!(
        (&root["integration"], &root["state"]),
        (&"bi".into(), &"idle in transaction".into())
    );
    let summary = call["summary"].as_str().unwrap();
    assert!(summary.starts_with("webshop POST /orders took 2."), "{summary}");
    let ending = "waiting for a row of public.stock_quant held by bi (idle in transaction)";
    assert!(summary.ends_with(ending), "{summary}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_push_is_explained_by_the_lock_that_the_report_held_with_its_trace_id() {
    let (cluster, rig) = watched().await;
    let erp = Client::connect(&cluster, "odoo-4711").await;
    let id = "4bf92f3577b34da6a3ce929d0e0e4736";
    let push = format!(
        "update stock_quant set n = n + 1 where id = 7 /*application='webshop',route='%2Forders',traceparent='00-{id}-00f067aa0ba902b7-01'*/"
    );
    let ran = blocked_push(&cluster, &erp, &push).await;
    let trace = TraceId::new(&u128::from_str_radix(id, 16).unwrap().to_be_bytes());
    rig.agent.outlet().put(vec![call("webshop", Direction::Inbound, ran, trace)]);
    let calls = until_explained(&rig, 1).await;
    assert_eq!((calls.len(), &calls[0]["trace_id"]), (1, &id.into()));
    assert_blamed_on_the_report(&calls[0], ran, "trace");
    let waits = events(&rig, "lock_wait").await;
    assert_eq!(waits[0]["waiter"]["integration"], "webshop");
    assert_eq!(waits[0]["waiter"]["trace_id"], id);
    assert_eq!(waits[0]["waiter"]["route"], "/orders");
    until_settled(&rig).await;
    let metrics = rig.metrics().await;
    let blocked = sum(&metrics, "erpscope_integration_blocked_seconds_total", "webshop");
    let blocking = sum(&metrics, "erpscope_integration_blocking_seconds_total", "bi");
    assert!((blocked - ran.seconds()).abs() < 0.2 && (blocking - blocked).abs() < 1e-6);
    let calls = "erpscope_integration_calls_total";
    assert_eq!(count(&metrics, calls, r#"operation="POST /orders",outcome="ok""#), 1);
    assert_eq!(count(&metrics, "erpscope_integration_slow_calls_total", "webshop"), 1);
    let (status, page) = rig.get("/api/v1/integrations/webshop").await;
    let page: Value = serde_json::from_str(&page).unwrap();
    assert_eq!((status, &page["calls"], &page["mode"]), (200, &1.into(), &"realtime".into()));
    assert_eq!(page["notable"][0]["trace_id"], id);
    let (status, page) = rig.get("/api/v1/integrations/web").await;
    assert!(
        status == 400 && page.contains("the integrations are: bi, webshop, wms, bank"),
        "{page}"
    );
    rig.agent.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_trace_id_it_is_joined_by_session_and_time_and_a_lock_of_others_is_not() {
    let (cluster, rig) = watched().await;
    let shop = Client::connect(&cluster, "shop-eu").await;
    let push = "update stock_quant set n = n + 1 where id = 7";
    let ran = blocked_push(&cluster, &shop, push).await;
    // The same lock, when the shop had nothing to do with it.
    let other = Client::connect(&cluster, "odoo-1").await;
    let of_other = blocked_push(&cluster, &other, push).await;
    let calls = [ran, of_other].map(|ran| call("webshop", Direction::Inbound, ran, None));
    rig.agent.outlet().put(calls.into());
    let calls = until_explained(&rig, 2).await;
    assert_eq!(calls.len(), 2, "both are slower than the objective");
    assert_blamed_on_the_report(&calls[0], ran, "time");
    assert_eq!(calls[1]["evidence"].as_array().unwrap().len(), 0, "{:#}", calls[1]);
    rig.agent.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_made_in_an_open_transaction_is_told_and_one_outside_is_not() {
    let (cluster, rig) = watched().await;
    let erp = Client::connect(&cluster, "odoo-1").await;
    erp.run("begin; update stock_quant set n = n + 1 where id = 3").await;
    let sent = SystemTime::now();
    tokio::time::sleep(Duration::from_millis(900)).await;
    let inside = Ran { sent, answered: SystemTime::now() };
    erp.run("commit").await;
    let sent = SystemTime::now();
    tokio::time::sleep(Duration::from_millis(700)).await;
    let outside = Ran { sent, answered: SystemTime::now() };
    let calls = [inside, outside].map(|ran| call("bank", Direction::Outbound, ran, None));
    rig.agent.outlet().put(calls.into());
    let told = until_explained(&rig, 1).await;
    assert_eq!(told.len(), 1, "{told:#?}");
    let open = &told[0]["evidence"][0]["held_open"];
    assert_eq!((&open["pid"], &open["wrote"]), (&erp.pid.into(), &true.into()));
    let metrics = rig.metrics().await;
    assert_eq!(count(&metrics, "erpscope_integration_idle_in_transaction_calls_total", "bank"), 1);
    rig.agent.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_of_what_is_not_owned_are_counted_by_role_and_told_with_table_and_statement() {
    let (cluster, rig) = watched().await;
    let url = cluster.url("postgres").replacen("postgres@", "wms@", 1);
    let wms = Client::connect_to(&url, "sync").await;
    rig.until("statements are sampled", |s| runs(s, Sampler::Statements) > 1).await;
    for _ in 0..5 {
        wms.run("update stock_quant set n = n - 1 where id = 9").await;
        wms.run("insert into stock_move values (1)").await;
    }
    rig.until("the breaches are counted", |server| {
        let mut breaches = server.activity.footprints.breaches.iter();
        breaches.any(|(key, count)| *key.integration == *"wms" && *count == 5)
    })
    .await;
    let told = events(&rig, "boundary_breach").await;
    let tables: Vec<&str> = told.iter().map(|breach| breach["table"].as_str().unwrap()).collect();
    assert_eq!(tables, ["stock_quant"]);
    assert!(told[0]["query"].as_str().unwrap().starts_with("update stock_quant set n = n - "));
    assert_eq!((&told[0]["integration"], &told[0]["usename"]), (&"wms".into(), &"wms".into()));
    until_settled(&rig).await;
    let metrics = rig.metrics().await;
    assert_eq!(count(&metrics, "erpscope_boundary_breaches_total", "wms"), 5);
    assert_eq!(count(&metrics, "erpscope_integration_rows_written_total", "wms"), 10);
    rig.agent.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_integrations_are_taken_up_by_a_reload() {
    let (cluster, mut rig) = watched().await;
    let idle = Client::connect(&cluster, "crm-1").await;
    idle.run("begin; select 1").await;
    let declared = "[[integration]]\nname='crm'\ndirection='inbound'\napplication_names=['crm*']\n";
    let with_crm = || declaring(declared, config(vec![server(&cluster)]));
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let refused = Config { listen: taken.local_addr().unwrap(), ..with_crm() };
    assert!(rig.agent.reload(refused).await.is_err());
    let metrics = rig.metrics().await;
    assert!(metrics.contains(r#"integration="webshop""#), "nothing was taken up: {metrics}");
    rig.agent.reload(with_crm()).await.unwrap();
    let info = r#"erpscope_integration_info{integration="crm",kind="other",direction="inbound",mode="realtime"} 1"#;
    for _ in 0..200 {
        if rig.metrics().await.contains(info) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let metrics = rig.metrics().await;
    assert!(metrics.contains(info) && !metrics.contains(r#"integration="webshop""#), "{metrics}");
    idle.run("select pg_sleep(0.5)").await;
    rig.until("its time counts for the CRM", |server| {
        server.activity.footprints.active.iter().any(|(key, _)| *key.integration == *"crm")
    })
    .await;
    rig.agent.stop().await;
}
