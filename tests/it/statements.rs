//! From pg_stat_statements to series.

use std::io::Write;
use std::process::{Command, Stdio};

use erpscope::demo::cluster::Options;
use erpscope::state::Connection;

use crate::rig::{Rig, admin, cluster, config, http, server, session, sum, value};

async fn calls_on_server(client: &tokio_postgres::Client) -> f64 {
    let row = client
        .query_one("select sum(calls)::float8 from pg_stat_statements(false)", &[])
        .await
        .unwrap();
    row.get(0)
}

#[tokio::test]
async fn the_sum_over_all_series_is_what_the_server_counted() {
    let cluster = cluster(&Options::default()).await;
    let client = admin(&cluster).await;
    let rig = Rig::start(erpscope::config::Config {
        statements: erpscope::config::Statements { top: 5, ..config(vec![]).statements },
        ..config(vec![server(&cluster)])
    });
    rig.samples(1).await;
    let (ours, theirs) = (
        sum(&rig.metrics().await, "erpscope_statement_calls_total", ""),
        calls_on_server(&client).await,
    );
    for round in 0..20 {
        for column in 1..=30 {
            let columns = vec!["1"; column].join(" + ");
            for _ in 0..=(round * column) % 7 {
                client.simple_query(&format!("select {columns}")).await.unwrap();
            }
        }
    }
    rig.samples(2).await;
    // Between the agent's sample and ours the agent itself asks a few times.
    let (ours, theirs) = (
        sum(&rig.metrics().await, "erpscope_statement_calls_total", "") - ours,
        calls_on_server(&client).await - theirs,
    );
    assert!(ours > 1_000.0, "{ours}");
    assert!((ours - theirs).abs() <= 20.0, "{ours} of {theirs}");
    let shown = rig.server().unwrap().statements.shown.len();
    assert!(shown <= 10, "{shown}");
    rig.agent.stop().await;
}

#[tokio::test]
async fn counters_of_one_statement_are_exact_and_its_text_is_normalised() {
    let cluster = cluster(&Options::default()).await;
    let client = admin(&cluster).await;
    client
        .batch_execute(
            "create table t as select i, repeat('x', 100) as s from generate_series(1, 5000) i",
        )
        .await
        .unwrap();
    let rig = Rig::start(config(vec![server(&cluster)]));
    rig.samples(1).await;
    for i in 0..17 {
        client
            .simple_query(&format!("select count(*) from t where i > {i} and s <> 'hunter{i}'"))
            .await
            .unwrap();
    }
    rig.until("the statement with its text", |server| {
        server
            .statements
            .shown
            .iter()
            .any(|s| s.query.as_deref().is_some_and(|q| q.contains("from t where")))
    })
    .await;
    for _ in 0..10 {
        client.simple_query("select count(*) from t where i > 3 and s <> 'x'").await.unwrap();
    }
    let server = rig.samples(2).await;
    let shown = server
        .statements
        .shown
        .iter()
        .find(|s| s.query.as_deref().is_some_and(|q| q.contains("from t where")))
        .unwrap();
    assert_eq!(shown.query.as_deref(), Some("select count(*) from t where i > $1 and s <> $2"));
    assert_eq!(shown.total.calls, 27);
    assert_eq!(shown.total.rows, 27);
    assert!(shown.total.blocks_hit + shown.total.blocks_read > 100);
    assert!(shown.total.exec_seconds > 0.0);
    let metrics = rig.metrics().await;
    let series = format!(
        "erpscope_statement_calls_total{{server=\"erp\",datname=\"postgres\",usename=\"postgres\",queryid=\"{}\",module=\"other\"}}",
        shown.queryid
    );
    assert!(value(&metrics, &series).unwrap() >= 10.0);
    assert!(!metrics.contains("hunter"));
    rig.agent.stop().await;
}

#[tokio::test]
async fn promtool_has_no_complaint() {
    let cluster = cluster(&Options::default()).await;
    let rig = Rig::start(config(vec![server(&cluster)]));
    rig.samples(3).await;
    let metrics = rig.metrics().await;
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool is installed by `make test`");
    promtool.stdin.take().unwrap().write_all(metrics.as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    let words = [output.stdout, output.stderr].concat();
    assert!(output.status.success() && words.is_empty(), "{}", String::from_utf8_lossy(&words));
    rig.agent.stop().await;
}

#[tokio::test]
async fn the_pages_of_the_server_answer_from_the_snapshot() {
    let cluster = cluster(&Options::default()).await;
    let rig = Rig::start(config(vec![server(&cluster)]));
    rig.samples(2).await;
    assert_eq!(rig.get("/healthz").await, (200, "ok\n".to_owned()));
    let (status, ready) = rig.get("/readyz").await;
    assert_eq!(status, 200);
    let ready: serde_json::Value = serde_json::from_str(&ready).unwrap();
    assert_eq!(ready["servers"]["erp"]["connection"], "up");
    assert_eq!(ready["servers"]["erp"]["samplers"]["statements"], "ok");
    let (status, page) = rig.get("/").await;
    assert!(status == 200 && page.contains("/metrics") && page.contains("erp"), "{page}");
    let (status, list) = rig.get("/api/v1/statements?sort=calls&limit=3&server=erp").await;
    let list: serde_json::Value = serde_json::from_str(&list).unwrap();
    assert_eq!(status, 200);
    let calls: Vec<u64> = list["statements"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s["calls"].as_u64().unwrap())
        .collect();
    assert!(calls.len() == 3 && calls.is_sorted_by(|a, b| a >= b), "{calls:?}");
    for (path, part) in [
        ("/api/v1/statements?sort=nonsense", "mean_time"),
        ("/api/v1/statements?limit=0", "from 1 to 5000"),
        ("/api/v1/statements?server=other", "the servers are: erp"),
        ("/api/v1/statements?colour=red", "colour"),
    ] {
        let (status, body) = rig.get(path).await;
        assert!(status == 400 && body.contains(part), "{path}: {status} {body}");
    }
    assert_eq!(rig.get("/nowhere").await.0, 404);
    rig.agent.stop().await;
}

#[tokio::test]
async fn openmetrics_is_served_to_who_asks_for_it() {
    let cluster = cluster(&Options::default()).await;
    let rig = Rig::start(config(vec![server(&cluster)]));
    rig.samples(1).await;
    let url = format!("http://{}/metrics", rig.agent.address());
    let answer = http()
        .get(url)
        .header("accept", "application/openmetrics-text;version=1.0.0,text/plain;q=0.5")
        .send()
        .await
        .unwrap();
    assert!(
        answer.headers()["content-type"]
            .to_str()
            .unwrap()
            .starts_with("application/openmetrics-text")
    );
    assert!(answer.text().await.unwrap().ends_with("# EOF\n"));
    rig.agent.stop().await;
}

#[tokio::test]
async fn a_reset_while_running_is_counted_and_nothing_goes_back() {
    let cluster = cluster(&Options::default()).await;
    let client = admin(&cluster).await;
    let rig = Rig::start(config(vec![server(&cluster)]));
    rig.samples(1).await;
    for _ in 0..50 {
        client.simple_query("select 41 + 1").await.unwrap();
    }
    rig.samples(2).await;
    let before = sum(&rig.metrics().await, "erpscope_statement_calls_total", "");
    client.simple_query("select pg_stat_statements_reset()").await.unwrap();
    for _ in 0..30 {
        client.simple_query("select 41 + 1").await.unwrap();
    }
    let server = rig.samples(2).await;
    let after = sum(&rig.metrics().await, "erpscope_statement_calls_total", "");
    assert!(after >= before + 30.0, "{before} then {after}");
    let counts = server.statements.counts;
    assert!(counts.resets == 1 || counts.entry_resets > 0, "{counts:?}");
    rig.agent.stop().await;
}

#[tokio::test]
async fn a_text_of_600_kb_and_odd_bytes_are_no_trouble() {
    let cluster = cluster(
        &Options { encoding: Some("SQL_ASCII".into()), ..Options::default() }
            .set("pg_stat_statements.track", "all"),
    )
    .await;
    let client = admin(&cluster).await;
    client.batch_execute("create database \"we\"\"ird\nnäme\"").await.unwrap();
    client.batch_execute("create role \"rö\"\"le\n\" superuser login").await.unwrap();
    let weird = tokio_postgres::Config::new()
        .host("127.0.0.1")
        .port(cluster.port())
        .user("rö\"le\n")
        .dbname("we\"ird\nnäme")
        .connect(tokio_postgres::NoTls)
        .await
        .unwrap();
    tokio::spawn(weird.1);
    let weird = weird.0;
    let rig = Rig::start(config(vec![server(&cluster)]));
    rig.samples(1).await;
    let huge = format!("select {}", vec!["1"; 200_000].join("+ "));
    // Bytes that are no UTF-8 get in by way of dynamic SQL, counted with track = all.
    let invalid = |sql: &str| {
        let text = sql.replace("BYTE", "\u{ff}");
        let hex: Vec<String> = text.chars().map(|c| format!("{:02x}", c as u32)).collect();
        let hex = hex.concat();
        format!("do $$ begin execute convert_from('\\x{hex}'::bytea, 'SQL_ASCII'); end $$")
    };
    client.simple_query(&invalid("create role \"rBYTE\"")).await.unwrap();
    for _ in 0..3 {
        let _too_deep = client.simple_query(&huge).await;
        weird
            .simple_query("select \"näme\\\" from (select 1 as \"näme\\\") as \"quo\"\"te\"")
            .await
            .unwrap();
        weird.simple_query(&invalid("select 1 as \"columnBYTE\"")).await.unwrap();
    }
    let server = rig.samples(4).await;
    let records = &server.samplers.records;
    assert!(records.values().all(|record| record.failure.is_none()), "{records:#?}");
    assert!(server.statements.shown.iter().any(|s| &*s.datname == "we\"ird\nnäme"));
    let metrics = rig.metrics().await;
    assert!(metrics.contains("datname=\"we\\\"ird\\nnäme\",usename=\"rö\\\"le\\n\""));
    rig.until("the text with the odd byte", |s| {
        s.statements
            .shown
            .iter()
            .any(|s| s.query.as_deref().is_some_and(|q| q.contains("\"column\u{fffd}\"")))
    })
    .await;
    let longest = server
        .statements
        .shown
        .iter()
        .filter_map(|s| s.query.as_ref())
        .map(|q| q.chars().count())
        .max();
    assert!(longest <= Some(1_000));
    rig.agent.stop().await;
}

#[tokio::test]
async fn ten_thousand_statements_fit_and_the_cap_is_visible() {
    let cluster = cluster(&Options::default().set("pg_stat_statements.max", "12000")).await;
    let client = admin(&cluster).await;
    let rig = Rig::start(config(vec![server(&cluster)]));
    rig.samples(1).await;
    let all: Vec<String> = (0..10_000)
        .map(|i| {
            let bits: String = (0..14).map(|b| if i >> b & 1 == 1 { "+1" } else { "-1" }).collect();
            format!("select 1{bits}")
        })
        .collect();
    for chunk in all.chunks(500) {
        client.simple_query(&chunk.join(";")).await.unwrap();
    }
    let server = rig.until("all of them", |s| s.statements.counts.tracked >= 10_000).await;
    assert!(server.statements.shown.len() <= 400);
    let server = rig.samples(1).await;
    assert!(server.samplers.records.values().all(|record| record.failure.is_none()));
    let metrics = rig.metrics().await;
    assert!(value(&metrics, "erpscope_statements_tracked{server=\"erp\"}").unwrap() >= 10_000.0);
    assert_eq!(value(&metrics, "erpscope_statements_max{server=\"erp\"}"), Some(12_000.0));
    assert!(sum(&metrics, "erpscope_statement_calls_total", "queryid=\"other\"") >= 9_000.0);
    rig.agent.stop().await;
}

#[tokio::test]
async fn the_extension_is_found_in_another_schema_of_another_database() {
    let cluster = erpscope::demo::cluster::Cluster::start(&Options::default()).await.unwrap();
    let client = admin(&cluster).await;
    client.batch_execute("create role erpscope login; grant pg_monitor to erpscope").await.unwrap();
    client.batch_execute("create database tools").await.unwrap();
    let tools = session(&cluster.url("tools")).await;
    tools
        .batch_execute(
            "create schema \"mon itor\"; create extension pg_stat_statements schema \"mon itor\"",
        )
        .await
        .unwrap();
    let rig = Rig::start(config(vec![server(&cluster)]));
    let seen = rig
        .until(
            "forbidden",
            |s| matches!(&*s.connection, Connection::Up { lacking } if !lacking.is_empty()),
        )
        .await;
    let said = format!("{:?}", seen.connection);
    assert!(said.contains("permission denied for schema mon itor"), "{said}");
    tools.batch_execute("grant usage on schema \"mon itor\" to erpscope").await.unwrap();
    rig.until("statements and texts", |s| s.statements.shown.iter().any(|s| s.query.is_some()))
        .await;
    rig.agent.stop().await;
}
