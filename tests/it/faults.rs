//! Everything that can go wrong with a server while it is watched: seen, said, and recovered from
//! without a restart.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use erpscope::agent::{Agent, StartError};
use erpscope::config::{Password, Secret, Server, Statements, TlsMode};
use erpscope::demo::cluster::{Cluster, Options};
use erpscope::state::{Connection, ServerSnapshot};

use crate::rig::{Rig, admin, cluster, config, server, sum, value};

fn down(server: &ServerSnapshot, wanted: &str) -> bool {
    matches!(&*server.connection, Connection::Down { kind, .. } if *kind == wanted)
}

fn message(server: &ServerSnapshot) -> String {
    match &*server.connection {
        Connection::Down { message, .. } => message.clone(),
        other => format!("{other:?}"),
    }
}

fn lacking(server: &ServerSnapshot) -> Vec<String> {
    match &*server.connection {
        Connection::Up { lacking } => lacking.clone(),
        _ => Vec::new(),
    }
}

#[tokio::test]
async fn a_wrong_password_is_said_and_a_mended_one_taken_up() {
    let cluster = cluster(&Options::default().hba("host all erpscope all scram-sha-256")).await;
    let client = admin(&cluster).await;
    client
        .batch_execute(
            "set password_encryption = 'scram-sha-256'; alter role erpscope password 'right-one'",
        )
        .await
        .unwrap();
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"hunter2\n").unwrap();
    let watched = Server { password: Password::File(file.path().into()), ..server(&cluster) };
    let rig = Rig::start(config(vec![watched]));
    let seen = rig.until("refused", |s| down(s, "password")).await;
    assert!(message(&seen).contains("does not accept the password"), "{}", message(&seen));
    assert_eq!(value(&rig.metrics().await, "erpscope_up{server=\"erp\"}"), Some(0.0));
    assert_eq!(rig.get("/readyz").await.0, 503);
    std::fs::write(file.path(), "right-one\n").unwrap();
    rig.until_up().await;
    assert_eq!(value(&rig.metrics().await, "erpscope_up{server=\"erp\"}"), Some(1.0));
    rig.agent.stop().await;
}

#[tokio::test]
async fn an_unreadable_password_file_is_said_and_a_readable_one_taken_up() {
    let cluster = cluster(&Options::default()).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("password");
    let watched = Server { password: Password::File(path.clone()), ..server(&cluster) };
    let rig = Rig::start(config(vec![watched]));
    let seen = rig.until("no file", |s| down(s, "password_source")).await;
    assert!(message(&seen).contains(path.to_str().unwrap()), "{}", message(&seen));
    std::fs::write(&path, "any\n").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    rig.until_up().await;
    rig.agent.stop().await;
}

#[tokio::test]
async fn no_such_host_and_a_closed_port_are_told_apart_and_leave_other_servers_alone() {
    let cluster = cluster(&Options::default()).await;
    let nowhere =
        Server { name: "no-host".into(), host: "no-such-host.invalid".into(), ..server(&cluster) };
    let closed = Server { name: "shut".into(), port: 1, ..server(&cluster) };
    let rig = Rig::start(config(vec![server(&cluster), nowhere, closed]));
    let is_ready = |s: &ServerSnapshot| s.is_up() && !s.samplers.records.is_empty();
    rig.until("the good one", is_ready).await;
    for _ in 0..200 {
        let snapshot = rig.snapshot();
        let is = |name, kind| snapshot.server(name).is_some_and(|s| down(s, kind));
        if is("no-host", "host") && is("shut", "unreachable") {
            assert!(message(snapshot.server("shut").unwrap()).contains("127.0.0.1:1"));
            assert_eq!(rig.get("/readyz").await.0, 200);
            rig.agent.stop().await;
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{:#?}", rig.snapshot());
}

#[tokio::test]
async fn tls_that_the_server_does_not_speak_is_said() {
    let cluster = cluster(&Options::default()).await;
    let mut watched = server(&cluster);
    watched.tls.mode = TlsMode::Require;
    let rig = Rig::start(config(vec![watched]));
    let seen = rig.until("refused", |s| down(s, "tls")).await;
    assert!(message(&seen).contains("sslmode"), "{}", message(&seen));
    rig.agent.stop().await;
}

#[tokio::test]
async fn an_absent_extension_is_said_and_taken_up_once_created() {
    let cluster = Cluster::start(&Options::default()).await.unwrap();
    let client = admin(&cluster).await;
    client.batch_execute("create role erpscope login; grant pg_monitor to erpscope").await.unwrap();
    let rig = Rig::start(config(vec![server(&cluster)]));
    let seen = rig.until_up().await;
    assert!(
        lacking(&seen)[0].contains("create extension pg_stat_statements"),
        "{:?}",
        lacking(&seen)
    );
    rig.until("databases all the same", |s| s.databases.server.is_some()).await;
    client.batch_execute("create extension pg_stat_statements").await.unwrap();
    let seen = rig.until("statements", |s| s.statements.counts.tracked > 0).await;
    assert!(lacking(&seen).is_empty());
    client.batch_execute("drop extension pg_stat_statements").await.unwrap();
    rig.until("said again", |s| !lacking(s).is_empty()).await;
    rig.agent.stop().await;
}

#[tokio::test]
async fn a_library_that_is_not_loaded_is_said() {
    let cluster =
        Cluster::start(&Options::default().set("shared_preload_libraries", "")).await.unwrap();
    admin(&cluster)
        .await
        .batch_execute("create role erpscope login; grant pg_monitor to erpscope")
        .await
        .unwrap();
    let rig = Rig::start(config(vec![server(&cluster)]));
    let seen = rig.until_up().await;
    assert!(lacking(&seen)[0].contains("shared_preload_libraries"), "{:?}", lacking(&seen));
    rig.agent.stop().await;
}

#[tokio::test]
async fn without_pg_monitor_what_is_hidden_is_counted_and_a_grant_adds_no_false_growth() {
    let cluster = cluster(&Options::default()).await;
    let client = admin(&cluster).await;
    client.batch_execute("revoke pg_monitor from erpscope").await.unwrap();
    for _ in 0..500 {
        client.simple_query("select 1 + 1").await.unwrap();
    }
    let rig = Rig::start(config(vec![server(&cluster)]));
    let seen = rig.samples(1).await;
    assert!(lacking(&seen)[0].contains("pg_monitor"), "{:?}", lacking(&seen));
    assert!(seen.statements.counts.hidden > 0);
    client.batch_execute("grant pg_monitor to erpscope").await.unwrap();
    rig.until("seen", |s| s.statements.counts.hidden == 0 && s.statements.counts.tracked > 0).await;
    rig.samples(1).await;
    let calls = sum(&rig.metrics().await, "erpscope_statement_calls_total", "");
    assert!(calls < 400.0, "{calls}: what was counted before is no growth");
    rig.agent.stop().await;
}

#[tokio::test]
async fn a_server_that_stops_crashes_and_comes_back_is_followed() {
    let mut cluster = cluster(&Options::default()).await;
    let rig = Rig::start(config(vec![server(&cluster)]));
    rig.samples(1).await;
    cluster.stop().await.unwrap();
    rig.until("down", |s| !s.is_up()).await;
    assert_eq!(rig.get("/healthz").await.0, 200);
    cluster.start_again().await.unwrap();
    rig.until_up().await;
    rig.samples(1).await;
    cluster.crash();
    rig.until("down again", |s| !s.is_up()).await;
    cluster.start_again().await.unwrap();
    rig.until_up().await;
    let before = sum(&rig.metrics().await, "erpscope_statement_calls_total", "");
    let client = admin(&cluster).await;
    for _ in 0..100 {
        client.simple_query("select 2 + 2").await.unwrap();
    }
    rig.samples(2).await;
    let after = sum(&rig.metrics().await, "erpscope_statement_calls_total", "");
    assert!(after >= before + 100.0 && after < before + 400.0, "{before} then {after}");
    rig.agent.stop().await;
}

#[tokio::test]
async fn a_server_in_recovery_is_sampled_as_such() {
    let mut cluster = cluster(&Options::default()).await;
    cluster.stop().await.unwrap();
    cluster.append("standby.signal", "").unwrap();
    cluster.start_again().await.unwrap();
    let rig = Rig::start(config(vec![server(&cluster)]));
    rig.samples(2).await;
    let metrics = rig.metrics().await;
    assert_eq!(value(&metrics, "erpscope_server_in_recovery{server=\"erp\"}"), Some(1.0));
    assert_eq!(value(&metrics, "erpscope_up{server=\"erp\"}"), Some(1.0));
    rig.agent.stop().await;
}

#[tokio::test]
async fn a_connection_killed_by_an_administrator_is_made_anew() {
    let cluster = cluster(&Options::default()).await;
    let client = admin(&cluster).await;
    let rig = Rig::start(config(vec![server(&cluster)]));
    for _ in 0..3 {
        rig.samples(1).await;
        let killed = client
            .query_one("select count(*) filter (where pg_terminate_backend(pid)) from pg_stat_activity where application_name = 'erpscope'", &[])
            .await
            .unwrap();
        assert!(killed.get::<_, i64>(0) >= 1);
        rig.until("noticed", |s| !s.is_up()).await;
        rig.until_up().await;
    }
    rig.agent.stop().await;
}

#[tokio::test]
async fn when_all_slots_are_taken_it_says_so_and_comes_back_when_one_is_free() {
    let options =
        Options::default().set("max_connections", "8").set("superuser_reserved_connections", "2");
    let cluster = cluster(&options).await;
    let admin = admin(&cluster).await;
    admin.batch_execute("create role app login").await.unwrap();
    let mut sessions = Vec::new();
    for _ in 0..20 {
        let url = format!("postgres://app@127.0.0.1:{}/postgres", cluster.port());
        if let Ok((client, connection)) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await
        {
            tokio::spawn(connection);
            sessions.push(client);
        }
    }
    let rig = Rig::start(config(vec![server(&cluster)]));
    let seen = rig.until("no slot", |s| down(s, "slots")).await;
    assert!(message(&seen).contains("max_connections"), "{}", message(&seen));
    drop(sessions);
    rig.until_up().await;
    rig.agent.stop().await;
}

#[tokio::test]
async fn a_taken_port_is_a_clear_error_at_start() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut config = config(vec![]);
    config.listen = taken.local_addr().unwrap();
    match Agent::start(config) {
        Err(error @ StartError::Serve(_)) => {
            let error = error.to_string();
            assert!(
                error.contains("cannot listen on 127.0.0.1:") && error.contains("--listen"),
                "{error}"
            );
        }
        other => panic!("{:?}", other.err()),
    }
}

#[tokio::test]
async fn texts_that_take_too_long_are_asked_for_more_rarely_and_counters_go_on() {
    use erpscope::sample::{Outcome, Sampler};
    let cluster = cluster(&Options::default()).await;
    let client = admin(&cluster).await;
    // A view that sleeps in the extension's place: only the texts are read through it.
    client
        .batch_execute(
            "create schema slow; alter extension pg_stat_statements set schema slow; \
             alter view slow.pg_stat_statements rename to real_view; \
             create view slow.pg_stat_statements as select userid, dbid, queryid, query from slow.real_view, lateral (select pg_sleep(1)) s; \
             grant usage on schema slow to erpscope; grant select on all tables in schema slow to erpscope",
        )
        .await
        .unwrap();
    let rig = Rig::start(config(vec![Server {
        statement_timeout: Duration::from_millis(300),
        ..server(&cluster)
    }]));
    let runs = |s: &ServerSnapshot, sampler, outcome| {
        s.samplers.records.get(&sampler).and_then(|r| r.runs.get(&outcome)).copied().unwrap_or(0)
    };
    let seen =
        rig.until("counters go on", |s| runs(s, Sampler::Statements, Outcome::Ok) >= 6).await;
    let failed = runs(&seen, Sampler::Texts, Outcome::Timeout);
    assert!((1..=3).contains(&failed), "{failed}");
    assert!(
        seen.samplers.records[&Sampler::Texts].failure.as_ref().unwrap().contains("more rarely")
    );
    rig.agent.stop().await;
}

#[tokio::test]
async fn texts_that_nobody_asks_for_any_more_are_no_demand() {
    let cluster = cluster(&Options::default()).await;
    let client = admin(&cluster).await;
    client
        .batch_execute(
            "create schema slow; alter extension pg_stat_statements set schema slow; \
             alter view slow.pg_stat_statements rename to real_view; \
             create view slow.pg_stat_statements as select userid, dbid, queryid, query from (select pg_sleep(0.5) offset 0) s, slow.real_view; \
             grant usage on schema slow to erpscope; grant select on all tables in schema slow to erpscope",
        )
        .await
        .unwrap();
    let rig = Rig::start(config(vec![server(&cluster)]));
    rig.until("texts cost much", |s| s.spending.is_some_and(|spent| spent.demand > 0.4)).await;
    rig.until("all texts are known", |s| s.statements.wanted.is_empty()).await;
    rig.until("and no demand", |s| s.spending.is_some_and(|spent| spent.demand < 0.3)).await;
    rig.agent.stop().await;
}

#[tokio::test]
async fn a_reload_can_open_the_same_port_wider_and_narrower() {
    let mut rig = Rig::start(config(vec![]));
    let port = rig.agent.address().port();
    for listen in [[0, 0, 0, 0], [127, 0, 0, 1], [127, 0, 0, 2]] {
        let wider = erpscope::config::Config { listen: (listen, port).into(), ..config(vec![]) };
        rig.agent.reload(wider).await.unwrap();
        assert_eq!(rig.agent.address(), (listen, port).into());
        assert_eq!(rig.get("/healthz").await.0, 200);
    }
    let _taken = std::net::TcpListener::bind(("127.0.0.3", port)).unwrap();
    let all = erpscope::config::Config { listen: ([0, 0, 0, 0], port).into(), ..config(vec![]) };
    assert!(rig.agent.reload(all).await.is_err());
    assert_eq!(rig.get("/healthz").await.0, 200, "where it was");
    rig.agent.stop().await;
}

#[tokio::test]
async fn reload_adds_removes_and_keeps_servers() {
    let first = cluster(&Options::default()).await;
    let second = cluster(&Options::default()).await;
    let a = Server { name: "a".into(), ..server(&first) };
    let b = Server { name: "b".into(), ..server(&second) };
    let mut rig = Rig::start(config(vec![a.clone()]));
    let looked = |server: &ServerSnapshot| {
        let records = server.samplers.records.values();
        records.flat_map(|record| record.runs.values()).sum::<u64>()
    };
    let before = looked(&rig.samples(2).await);
    let address = rig.agent.address();
    rig.agent.reload(config(vec![a.clone(), b.clone()])).await.unwrap();
    for _ in 0..600 {
        if rig.snapshot().server("b").is_some_and(ServerSnapshot::is_up) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(rig.snapshot().server("b").is_some_and(ServerSnapshot::is_up));
    let after = looked(rig.snapshot().server("a").unwrap());
    assert!(after >= before, "what is known of it stays: {after} looks, {before} before");
    let mut elsewhere = config(vec![b]);
    elsewhere.listen = "127.0.0.1:0".parse().unwrap();
    elsewhere.statements = Statements { top: 3, ..elsewhere.statements };
    rig.agent.reload(elsewhere).await.unwrap();
    rig.until("only b", |s| &*s.name == "b").await;
    assert_eq!(rig.agent.address(), address, "the same `listen` is the same socket");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut bad = config(vec![a]);
    bad.listen = taken.local_addr().unwrap();
    assert!(rig.agent.reload(bad).await.is_err());
    assert!(rig.snapshot().server("b").is_some(), "a reload that fails changes nothing");
    rig.agent.stop().await;
}

#[tokio::test]
async fn when_nobody_writes_the_state_any_more_healthz_says_so() {
    let nobody = std::sync::Weak::new();
    let address = "127.0.0.1:0".parse().unwrap();
    let http =
        erpscope::serve::Server::start(address, erpscope::serve::Board::default(), nobody).unwrap();
    let (status, words) = crate::rig::get(&format!("http://{}/healthz", http.address())).await;
    assert!(status == 503 && words.contains("restart erpscope"), "{status} {words}");
}

#[tokio::test]
async fn guards_hold_in_every_session_of_ours() {
    let cluster = cluster(&Options::default()).await;
    let watched = Server { password: Password::Inline(Secret::new("unused")), ..server(&cluster) };
    let session = erpscope::pg::connect(&watched, "postgres").await.unwrap();
    let client = session.client();
    for (sql, sqlstate) in [("create table t (i int)", "25006"), ("select pg_sleep(20)", "57014")] {
        let error = client.batch_execute(sql).await.unwrap_err();
        assert_eq!(error.code().unwrap().code(), sqlstate, "{sql}");
    }
    let rows = client
        .query("select name, setting from pg_settings where name in ('jit', 'application_name', 'lock_timeout', 'idle_in_transaction_session_timeout')", &[])
        .await
        .unwrap();
    let settings: Vec<(String, String)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    for (name, value) in [
        ("application_name", "erpscope"),
        ("idle_in_transaction_session_timeout", "10000"),
        ("jit", "off"),
        ("lock_timeout", "100"),
    ] {
        assert!(settings.contains(&(name.into(), value.into())), "{name} in {settings:?}");
    }
}

#[tokio::test]
async fn the_agent_keeps_to_two_connections_a_server() {
    let cluster = cluster(&Options::default()).await;
    let client = admin(&cluster).await;
    let rig = Rig::start(config(vec![server(&cluster)]));
    rig.samples(3).await;
    let row = client
        .query_one("select count(*) from pg_stat_activity where application_name = 'erpscope'", &[])
        .await
        .unwrap();
    assert_eq!(row.get::<_, i64>(0), 2, "one for sessions, one for all else");
    rig.agent.stop().await;
}
