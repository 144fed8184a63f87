//! `erpscope check` and `erpscope setup` on real servers.

use erpscope::check::{Report, Status, Target, check, setup_sql};
use erpscope::config::Server;
use erpscope::demo::cluster::{Cluster, Options};

use crate::rig::{admin, server, session};

/// How to reach a cluster as its superuser.
fn as_superuser(cluster: &Cluster) -> Server {
    let host = cluster.folder().to_str().unwrap().to_owned();
    Server { host, user: "postgres".into(), ..server(cluster) }
}

fn status(report: &Report, capability: &str) -> Status {
    report
        .findings
        .iter()
        .find(|f| f.capability == capability)
        .unwrap_or_else(|| panic!("{capability}: {report:#?}"))
        .status
}

fn mend(report: &Report, capability: &str) -> Vec<String> {
    report.findings.iter().find(|f| f.capability == capability).unwrap().mend.clone()
}

/// What psql would send of these lines: no comments, no meta-commands.
fn statements(lines: &[String]) -> Vec<String> {
    lines
        .iter()
        .filter(|line| !line.starts_with("--") && !line.starts_with('\\'))
        .map(|line| line.split("   --").next().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn a_bare_server_lacks_what_the_mends_then_bring() {
    let options = Options::default()
        .set("shared_preload_libraries", "")
        .set("track_io_timing", "off")
        .set("log_lock_waits", "off");
    let mut cluster = Cluster::start(&options).await.unwrap();
    admin(&cluster).await.batch_execute("create role erpscope login").await.unwrap();
    let watched = server(&cluster);
    let report = check(&watched).await;
    assert!(!report.is_sufficient());
    assert_eq!(status(&report, "connection"), Status::Ok);
    assert_eq!(status(&report, "pg_stat_statements"), Status::Missing);
    assert_eq!(status(&report, "pg_monitor"), Status::Missing);
    assert_eq!(status(&report, "track_io_timing"), Status::Degraded);
    for capability in
        ["pg_monitor", "track_io_timing", "log_lock_waits", "track_activity_query_size"]
    {
        for sql in statements(&mend(&report, capability)) {
            admin(&cluster).await.batch_execute(&sql).await.unwrap();
        }
    }
    let preload = mend(&report, "pg_stat_statements");
    assert!(preload[1].contains("restart"), "{preload:?}");
    admin(&cluster).await.batch_execute(&preload[0]).await.unwrap();
    // The test's own settings stand in postgresql.conf; what `alter system` wrote outranks them.
    cluster.stop().await.unwrap();
    cluster.start_again().await.unwrap();
    admin(&cluster).await.batch_execute(&statements(&preload[2..])[0]).await.unwrap();
    let report = check(&watched).await;
    assert!(report.is_sufficient(), "{}", report.text());
    for capability in [
        "pg_monitor",
        "pg_stat_statements",
        "track_io_timing",
        "log_lock_waits",
        "track_activity_query_size",
    ] {
        assert_eq!(status(&report, capability), Status::Ok, "{}", report.text());
    }
}

#[tokio::test]
async fn setup_run_by_an_administrator_is_enough_and_running_it_twice_is_harmless() {
    let cluster = Cluster::start(&Options::default()).await.unwrap();
    let client = admin(&cluster).await;
    client.batch_execute("create database \"the erp\"").await.unwrap();
    let major: i32 = client
        .query_one("select current_setting('server_version_num')::int / 10000", &[])
        .await
        .unwrap()
        .get(0);
    let sql = setup_sql(&Target {
        version_major: u32::try_from(major).unwrap(),
        role: "erp\"scope".into(),
        datname: "the erp".into(),
        preloaded: Some("pg_stat_statements".into()),
    });
    for _ in 0..2 {
        run_as_psql_would(&cluster, &sql).await;
    }
    let watched =
        Server { user: "erp\"scope".into(), dbname: "the erp".into(), ..server(&cluster) };
    let report = check(&watched).await;
    assert!(report.is_sufficient(), "{}", report.text());
    assert_eq!(status(&report, "connections"), Status::Ok);
    let superuser: bool = client
        .query_one("select rolsuper from pg_roles where rolname = 'erp\"scope'", &[])
        .await
        .unwrap()
        .get(0);
    assert!(!superuser);
}

/// Understands `\connect` and `\gexec`, which is all that setup prints for psql.
async fn run_as_psql_would(cluster: &Cluster, sql: &str) {
    let mut client = admin(cluster).await;
    let lines: Vec<&str> =
        sql.lines().filter(|line| !line.starts_with("--") && !line.is_empty()).collect();
    let mut pending = String::new();
    for line in lines {
        if let Some(name) = line.strip_prefix("\\connect ") {
            client = session(&cluster.url(&name.trim_matches('"').replace(' ', "%20"))).await;
        } else if let Some(query) = line.strip_suffix(" \\gexec") {
            pending.push_str(query);
            for row in client.query(&std::mem::take(&mut pending), &[]).await.unwrap() {
                client.batch_execute(row.get(0)).await.unwrap();
            }
        } else if line.ends_with(';') {
            pending.push_str(line);
            client.batch_execute(&std::mem::take(&mut pending)).await.unwrap();
        } else {
            pending.push_str(line);
            pending.push('\n');
        }
    }
}

#[tokio::test]
async fn whatever_prevents_a_connection_is_a_finding_with_its_mend() {
    let cluster = Cluster::start(&Options::default().hba("host all erpscope all scram-sha-256"))
        .await
        .unwrap();
    admin(&cluster)
        .await
        .batch_execute("create role erpscope login password 'x'; create role nologin")
        .await
        .unwrap();
    for (server, part) in [
        (server(&cluster), "\\password \"erpscope\""),
        (Server { user: "nologin".into(), ..server(&cluster) }, "alter role \"nologin\" login;"),
        (Server { dbname: "none".into(), ..as_superuser(&cluster) }, "dbname"),
    ] {
        let report = check(&server).await;
        assert!(!report.is_sufficient());
        assert!(mend(&report, "connection").concat().contains(part), "{}", report.text());
    }
}

#[tokio::test]
async fn a_superuser_and_a_full_pg_stat_statements_are_degraded_and_the_report_is_json_too() {
    let cluster =
        Cluster::start(&Options::default().set("pg_stat_statements.max", "100")).await.unwrap();
    let client = admin(&cluster).await;
    client.batch_execute("create extension pg_stat_statements").await.unwrap();
    for i in 1..300 {
        client.simple_query(&format!("select {}", vec!["1"; i].join("+"))).await.unwrap();
    }
    let report = check(&as_superuser(&cluster)).await;
    assert!(report.is_sufficient());
    assert_eq!(status(&report, "pg_monitor"), Status::Degraded);
    assert_eq!(status(&report, "pg_stat_statements.max"), Status::Degraded);
    assert!(mend(&report, "pg_stat_statements.max")[0].contains("= 200;"));
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["findings"][0]["capability"], "connection");
    assert_eq!(json["findings"][0]["status"], "ok");
}
