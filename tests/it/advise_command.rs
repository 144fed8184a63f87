//! `erpscope advise` as it is used: on a server with and without what it needs.

use std::process::{Command, Output};

use erpscope::demo::cluster::{Cluster, Options};
use serde_json::Value;

use crate::rig::{admin, cluster, session};

const TABLE: &str = "
    create table sale_order_line (id int primary key, order_id int not null, name text);
    insert into sale_order_line select i, i % 20000, repeat('n', 60) from generate_series(1, 100000) i;
    vacuum analyze sale_order_line";

/// A database with a statement that wants an index.
async fn shop() -> Cluster {
    let options = Options::default().set("shared_preload_libraries", "pg_stat_statements");
    let cluster = cluster(&options).await;
    admin(&cluster).await.batch_execute("create database shop").await.unwrap();
    let shop = session(&cluster.url("shop")).await;
    for statement in TABLE.split(';') {
        shop.batch_execute(statement).await.unwrap();
    }
    // What was loaded is not what is written in an hour.
    admin(&cluster).await.batch_execute("select pg_stat_statements_reset()").await.unwrap();
    for order in 0..300_i32 {
        let sql = "select id, name from sale_order_line where order_id = $1";
        shop.query(sql, &[&order]).await.unwrap();
    }
    cluster
}

fn advise(cluster: &Cluster, args: &[&str]) -> Output {
    let url = format!("postgres://erpscope@127.0.0.1:{}/postgres", cluster.port());
    Command::new(env!("CARGO_BIN_EXE_erpscope"))
        .args(["advise", "--url", &url])
        .args(args)
        .env_remove("ERPSCOPE_CONFIG")
        .output()
        .unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[tokio::test]
async fn what_is_missing_is_said_and_what_is_there_is_used() {
    let cluster = shop().await;
    let told = text(&advise(&cluster, &["--datname", "shop"]));
    assert!(told.contains("grant it `select` on them (SQLSTATE 42501)"), "{told}");
    assert!(told.contains("HypoPG is not installed"), "{told}");
    assert!(told.contains("only reasoned"), "{told}");

    admin(&cluster).await.batch_execute("grant pg_read_all_data to erpscope").await.unwrap();
    let shop = session(&cluster.url("shop")).await;
    shop.batch_execute("create extension hypopg").await.unwrap();
    // Without a name of a database the busiest are looked at, and `postgres` is none of them.
    let output = advise(&cluster, &[]);
    let told = text(&output);
    assert!(output.status.success() && told.contains("/shop: "), "{told}");
    let ddl = "create index concurrently sale_order_line_order_id_idx on public.sale_order_line (order_id)";
    assert!(told.contains(ddl), "{told}");

    let json = text(&advise(&cluster, &["--format", "json"]));
    let answers: Value = serde_json::from_str(&json).unwrap();
    let suggestion = &answers[0]["suggestions"][0];
    assert_eq!(suggestion["ddl"][0], ddl);
    assert_eq!(
        suggestion["helps"][0]["query"],
        "select id, name from sale_order_line where order_id = $1"
    );
    let id = suggestion["id"].as_str().unwrap();
    let explained = text(&advise(&cluster, &["--explain", id]));
    assert!(explained.contains("drop index concurrently public.sale_order_line_order_id_idx"));

    // What is printed as SQL can be run as it is, and is not suggested twice.
    let sql = text(&advise(&cluster, &["--format", "sql"]));
    for line in sql.lines().filter(|line| !line.starts_with("--") && !line.is_empty()) {
        shop.batch_execute(line).await.unwrap();
    }
    let told = text(&advise(&cluster, &["--format", "markdown"]));
    assert!(!told.contains("create index"), "{told}");
}

#[tokio::test]
async fn what_cannot_be_asked_is_an_error_that_says_what_to_do() {
    let cluster = cluster(&Options::default()).await;
    let output = advise(&cluster, &["--datname", "nothing"]);
    let told = text(&output);
    assert!(!output.status.success() && told.contains("nothing"), "{told}");
    let output = advise(&cluster, &["--server", "other"]);
    let fault = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && fault.contains("no server is called `other`"), "{fault}");
    let output = advise(&cluster, &["--explain", "create-0"]);
    let fault = String::from_utf8(output.stderr).unwrap();
    assert!(fault.contains("nothing is suggested now under `create-0`"), "{fault}");
}
