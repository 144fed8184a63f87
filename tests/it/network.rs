//! Networks that let nothing through any more, without a word.

use std::net::SocketAddr;
use std::time::Duration;

use erpscope::config::{Config, Database, Server};
use erpscope::demo::cluster::{Cluster, Options};
use erpscope::state::ServerSnapshot;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::rig::{Rig, admin, config, server};

/// Passes everything on to a server until it is told to be silent; connections stay open then.
struct Wire {
    address: SocketAddr,
    silent: watch::Sender<bool>,
}

impl Wire {
    async fn to(cluster: &Cluster) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (silent, told) = watch::channel(false);
        let port = cluster.port();
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let far = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                let ((near_in, near_out), (far_in, far_out)) =
                    (near.into_split(), far.into_split());
                tokio::spawn(pass(near_in, far_out, told.clone()));
                tokio::spawn(pass(far_in, near_out, told.clone()));
            }
        });
        Self { address, silent }
    }
}

async fn pass(
    mut from: impl AsyncReadExt + Unpin,
    mut to: impl AsyncWriteExt + Unpin,
    mut silent: watch::Receiver<bool>,
) {
    let mut bytes = [0; 4096];
    loop {
        tokio::select! {
            biased;
            () = told(&mut silent) => std::future::pending().await,
            read = from.read(&mut bytes) => match read {
                Ok(0) | Err(_) => return,
                Ok(count) => if to.write_all(&bytes[..count]).await.is_err() { return },
            }
        }
    }
}

async fn told(silent: &mut watch::Receiver<bool>) {
    let _sender_gone = silent.wait_for(|silent| *silent).await.is_err();
}

#[tokio::test]
async fn silence_while_it_probes_again_is_noticed() {
    let cluster = Cluster::start(&Options::default()).await.unwrap();
    // Without the extension it looks again and again whether it is there.
    admin(&cluster)
        .await
        .batch_execute("create role erpscope login; grant pg_monitor to erpscope")
        .await
        .unwrap();
    let wire = Wire::to(&cluster).await;
    let watched = Server {
        port: wire.address.port(),
        connect_timeout: Duration::from_millis(500),
        statement_timeout: Duration::from_millis(100),
        ..server(&cluster)
    };
    let rig = Rig::start(Config {
        database: Database { interval: Duration::from_secs(12), top: 100 },
        ..config(vec![watched])
    });
    rig.until("sampled", |s| s.databases.server.is_some()).await;
    wire.silent.send(true).unwrap();
    rig.until("noticed", |s: &ServerSnapshot| !s.is_up()).await;
    rig.agent.stop().await;
}
