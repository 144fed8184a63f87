//! A server with the rows of TPC-H, and primary keys alone.

use std::path::Path;
use std::pin::pin;
use std::process::Command;

use bytes::Bytes;
use erpscope::demo::cluster::{Cluster, Options};
use futures_util::SinkExt;
use tokio::io::AsyncReadExt;
use tokio_postgres::{Client, NoTls};

const TABLES: [&str; 8] =
    ["region", "nation", "part", "supplier", "partsupp", "customer", "orders", "lineitem"];

/// As the published figures were measured.
fn options() -> Options {
    Options::default()
        .set("shared_buffers", "2GB")
        .set("work_mem", "64MB")
        .set("effective_cache_size", "12GB")
        .set("maintenance_work_mem", "512MB")
        .set("random_page_cost", "1.1")
        .set("max_wal_size", "8GB")
        .set("jit", "off")
        .set("autovacuum", "off")
}

/// A server that is ready.
pub struct Stage {
    /// Where it listens on this machine.
    pub port: u16,
    /// A superuser's session.
    pub client: Client,
    _cluster: Cluster,
}

/// Makes the rows if they are not there, starts a server and loads them into the database `tpch`.
pub async fn set() -> Stage {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tpch");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/tpch/generate.sh");
    assert!(Command::new(script).arg(&folder).status().unwrap().success());
    let cluster = Cluster::start(&options()).await.unwrap();
    session(&cluster, "postgres").await.batch_execute("create database tpch").await.unwrap();
    let client = session(&cluster, "tpch").await;
    client.batch_execute("create extension hypopg").await.unwrap();
    let role = "create role erpscope login; grant pg_read_all_data to erpscope";
    client.batch_execute(role).await.unwrap();
    client.batch_execute(include_str!("schema.sql")).await.unwrap();
    for table in TABLES {
        copy(&client, table, &folder.join(table).with_extension("csv")).await;
    }
    for table in TABLES {
        client.batch_execute(&format!("vacuum analyze {table}")).await.unwrap();
    }
    Stage { port: cluster.port(), client, _cluster: cluster }
}

async fn session(cluster: &Cluster, datname: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(&cluster.url(datname), NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

async fn copy(client: &Client, table: &str, file: &Path) {
    let command = format!("copy {table} from stdin (format csv, header)");
    let mut sink = pin!(client.copy_in(&command).await.unwrap());
    let mut file = tokio::fs::File::open(file).await.unwrap();
    let mut chunk = vec![0; 1 << 20];
    loop {
        let read = file.read(&mut chunk).await.unwrap();
        if read == 0 {
            break;
        }
        sink.send(Bytes::copy_from_slice(&chunk[..read])).await.unwrap();
    }
    sink.finish().await.unwrap();
}
