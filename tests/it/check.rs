//! `erpscope check` and `erpscope setup` on real servers.

use erpscope::check::{self, Report, Status, Target, setup_sql};
use erpscope::config::Server;
use erpscope::demo::cluster::{Cluster, Options};
use erpscope::erp::Profiles;

use crate::rig::{admin, cluster, server, session};

async fn check(server: &Server) -> Report {
    check::check(server, &Profiles::default()).await
}

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
    let preload = mend(&check(&watched).await, "pg_stat_statements");
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
async fn a_log_that_the_config_names_and_the_server_does_not_write_is_mended() {
    let mut cluster = Cluster::start(&Options::default()).await.unwrap();
    let client = admin(&cluster).await;
    client.batch_execute("create role erpscope login").await.unwrap();
    let silent = check(&server(&cluster)).await;
    assert!(silent.findings.iter().all(|f| f.capability != "log"), "{}", silent.text());
    let watched = Server { log: Some(cluster.data().join("log/*.csv")), ..server(&cluster) };
    let report = check(&watched).await;
    assert_eq!(status(&report, "log"), Status::Degraded, "{}", report.text());
    for sql in statements(&mend(&report, "log")) {
        client.batch_execute(&sql).await.unwrap();
    }
    cluster.stop().await.unwrap();
    cluster.start_again().await.unwrap();
    let report = check(&watched).await;
    assert_eq!(status(&report, "log"), Status::Ok, "{}", report.text());
    assert!(seen(&report, "log").ends_with("stderr, csvlog"), "{}", report.text());
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

fn seen(report: &Report, capability: &str) -> String {
    report.findings.iter().find(|f| f.capability == capability).unwrap().seen.clone()
}

#[tokio::test]
async fn libraries_that_the_role_may_not_see_stay_loaded() {
    let options = Options::default().set("shared_preload_libraries", "auto_explain");
    let mut cluster = Cluster::start(&options).await.unwrap();
    admin(&cluster).await.batch_execute("create role erpscope login").await.unwrap();
    let report = check(&server(&cluster)).await;
    for sql in statements(&mend(&report, "pg_stat_statements")) {
        if sql.starts_with("alter system") {
            admin(&cluster).await.batch_execute(&sql).await.unwrap();
        }
    }
    cluster.stop().await.unwrap();
    cluster.start_again().await.unwrap();
    let row = admin(&cluster).await.query_one("show shared_preload_libraries", &[]).await.unwrap();
    assert!(row.get::<_, &str>(0).contains("auto_explain"), "{}", report.text());
}

#[tokio::test]
async fn rights_that_were_taken_from_public_are_missed_and_mended() {
    let cluster = Cluster::start(&Options::default()).await.unwrap();
    let client = admin(&cluster).await;
    client
        .batch_execute(
            "create role erpscope login noinherit; create extension pg_stat_statements; \
             revoke connect on database postgres from public; \
             revoke execute on function pg_stat_statements(boolean) from public; \
             revoke select on pg_stat_statements from public",
        )
        .await
        .unwrap();
    let watched = server(&cluster);
    for capability in ["connection", "pg_monitor", "pg_stat_statements"] {
        let report = check(&watched).await;
        assert_eq!(status(&report, capability), Status::Missing, "{}", report.text());
        let mends = statements(&mend(&report, capability));
        assert!(!mends.is_empty(), "{}", report.text());
        for sql in mends {
            if !sql.starts_with('#') {
                client.batch_execute(&sql).await.unwrap();
            }
        }
        let report = check(&watched).await;
        assert_eq!(status(&report, capability), Status::Ok, "{}", report.text());
    }
    let report = check(&watched).await;
    assert!(report.is_sufficient(), "{}", report.text());
    let sql = "select query from pg_stat_statements limit 1";
    client.batch_execute("set role erpscope").await.unwrap();
    client.query(sql, &[]).await.unwrap();
}

#[tokio::test]
async fn what_keeps_statements_from_being_read_is_said_in_the_servers_words() {
    let cluster = Cluster::start(&Options::default()).await.unwrap();
    let client = admin(&cluster).await;
    client
        .batch_execute(
            "create role erpscope login; grant pg_monitor to erpscope; \
             create extension pg_stat_statements; \
             revoke execute on function pg_stat_statements(boolean) from public",
        )
        .await
        .unwrap();
    let report = check(&server(&cluster)).await;
    let words = seen(&report, "pg_stat_statements");
    assert!(words.contains("permission denied for function"), "{words}");
}

#[tokio::test]
async fn a_limit_of_the_role_and_one_of_the_database_have_mends_of_their_own() {
    let cluster = Cluster::start(&Options::default()).await.unwrap();
    let client = admin(&cluster).await;
    client.batch_execute("create role erpscope login").await.unwrap();
    for (limit, part) in [
        ("alter role erpscope connection limit 0", "alter role \"erpscope\" connection limit"),
        (
            "alter database postgres connection limit 0",
            "alter database \"postgres\" connection limit",
        ),
    ] {
        client.batch_execute(limit).await.unwrap();
        let report = check(&server(&cluster)).await;
        let mends = mend(&report, "connection");
        assert!(mends.iter().any(|line| line.starts_with(part)), "{}", report.text());
        for sql in statements(&mends) {
            client.batch_execute(&sql).await.unwrap();
        }
        assert_eq!(status(&check(&server(&cluster)).await, "connection"), Status::Ok);
    }
}

#[tokio::test]
async fn setup_is_enough_for_psql_whatever_the_names_and_whatever_public_may_not() {
    let cluster = Cluster::start(&Options::default()).await.unwrap();
    let client = admin(&cluster).await;
    for (role, datname) in [
        ("erp\"sc'ope", "the \"erp\""),
        ("röle :x $1", "a=b"),
        ("back\\slash", "back\\slash 'q' `id` :y"),
        ("two\nlines", "postgresql://x"),
    ] {
        let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
        let (name, database) = (quoted(role), quoted(datname));
        client.batch_execute(&format!("create role {name} noinherit")).await.unwrap();
        client.batch_execute(&format!("create database {database}")).await.unwrap();
        client
            .batch_execute(&format!("revoke connect on database {database} from public"))
            .await
            .unwrap();
        let major: i32 = client
            .query_one("select current_setting('server_version_num')::int / 10000", &[])
            .await
            .unwrap()
            .get(0);
        let sql = setup_sql(&Target {
            version_major: u32::try_from(major).unwrap(),
            role: role.into(),
            datname: datname.into(),
            preloaded: Some("pg_stat_statements".into()),
        });
        for _ in 0..2 {
            psql(&cluster, &sql);
        }
        let watched = Server { user: role.into(), dbname: datname.into(), ..server(&cluster) };
        let report = check(&watched).await;
        assert!(report.is_sufficient(), "{role:?} {datname:?}\n{sql}\n{}", report.text());
        assert!(seen(&report, "pg_stat_statements").contains(&format!("{datname:?}")));
    }
}

/// Runs a script as README.md says.
fn psql(cluster: &Cluster, script: &str) {
    use std::io::Write;
    let mut child = std::process::Command::new("psql")
        .args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", &cluster.url("postgres")])
        .env("PGCLIENTENCODING", "UTF8")
        .stdin(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("psql comes with the server");
    child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words}\n{script}");
}

#[tokio::test]
async fn sequences_that_the_role_may_not_read_are_counted_and_the_mend_opens_them() {
    let cluster = cluster(&Options::default()).await;
    let client = admin(&cluster).await;
    client.batch_execute("create database shop").await.unwrap();
    let shop = session(&cluster.url("shop")).await;
    // As Odoo's.
    shop.batch_execute(
        "create table ir_module_module (id serial); create table ir_model (id int);
         create table res_partner (id int); create schema \"Own\"; create sequence \"Own\".invoice",
    )
    .await
    .unwrap();
    let watched = server(&cluster);
    let report = check(&watched).await;
    let found: Vec<_> = report.findings.iter().filter(|f| f.capability == "sequences").collect();
    assert_eq!(found.len(), 1, "there is none in `postgres`: {report:#?}");
    assert_eq!(found[0].seen, "2 of 2 in database \"shop\" are hidden");
    assert_eq!((found[0].status, found[0].needed), (Status::Degraded, false));
    assert_eq!(found[0].mend[0], "\\connect \"shop\"");
    for sql in statements(&found[0].mend) {
        shop.batch_execute(&sql).await.unwrap();
    }
    shop.batch_execute("create sequence later").await.unwrap();
    let report = check(&watched).await;
    let found = report.findings.iter().find(|f| f.capability == "sequences").unwrap();
    assert_eq!((&*found.seen, found.status), ("3 in database \"shop\"", Status::Ok));
}

#[tokio::test]
async fn business_keys_that_the_role_may_not_read_are_told_and_the_mend_opens_them() {
    let cluster = cluster(&Options::default()).await;
    let client = admin(&cluster).await;
    client
        .batch_execute(
            "create schema shop;
             create table shop.res_partner (id int, email text, vat text, active bool, parent_id int);
             create table product_product (id int, barcode text, active bool);
             grant select on product_product to erpscope",
        )
        .await
        .unwrap();
    let watched = Server { erp: Some("odoo".to_owned()), ..server(&cluster) };
    let found = |report: &Report| {
        report.findings.iter().find(|f| f.capability == "business keys").cloned().unwrap()
    };
    let told = found(&check(&watched).await);
    assert_eq!(told.seen, "4 of 6 columns in database \"postgres\" are hidden");
    assert_eq!((told.status, told.needed), (Status::Degraded, false));
    for sql in statements(&told.mend) {
        client.batch_execute(&sql).await.unwrap();
    }
    let told = found(&check(&watched).await);
    assert_eq!((&*told.seen, told.status), ("6 columns in database \"postgres\"", Status::Ok));
}
