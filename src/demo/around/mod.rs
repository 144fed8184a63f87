//! The systems around the made-up ERP: a webshop that pushes orders, the ERP's API that takes them, a
//! payment provider that it calls, and a warehouse system that writes on its own.

mod api;
mod provider;
mod warehouse;
mod webshop;

use std::collections::BTreeMap;
use std::io::Write;
use std::net::TcpListener;

use tokio::task::JoinSet;

use super::stage::{DemoError, Stage};
use crate::config::{Config, Flags, Sources, load};

/// Their addresses, taken before the agent is told of them.
pub struct Around {
    api: TcpListener,
    provider: TcpListener,
    ports: BTreeMap<&'static str, u16>,
}

/// Running systems. Dropping them stops them.
pub struct Running {
    _tasks: JoinSet<()>,
}

impl Around {
    /// Takes ports of the loopback address.
    ///
    /// # Errors
    /// When there are none.
    pub fn prepare() -> Result<Self, DemoError> {
        let take = || TcpListener::bind("127.0.0.1:0").map_err(DemoError::Ports);
        let (api, provider) = (take()?, take()?);
        // Those of the agent are free again when it comes to take them.
        let agents = [("otlp", take()?), ("shop_door", take()?), ("payment_door", take()?)];
        let mut ports = BTreeMap::new();
        for (name, listener) in agents
            .iter()
            .map(|(name, l)| (*name, l))
            .chain([("api", &api), ("provider", &provider)])
        {
            ports.insert(name, listener.local_addr().map_err(DemoError::Ports)?.port());
        }
        Ok(Self { api, provider, ports })
    }

    /// What the agent is told of them and of the stage.
    ///
    /// # Errors
    /// When the config of the demo is none, which a test rules out.
    pub fn config(&self, stage: &Stage) -> Result<Config, DemoError> {
        let mut text =
            include_str!("../demo.toml").replace("{server}", &stage.cluster.port().to_string());
        for (name, port) in &self.ports {
            text = text.replace(&format!("{{{name}}}"), &port.to_string());
        }
        let mut file = tempfile::NamedTempFile::new().map_err(DemoError::Ports)?;
        file.write_all(text.as_bytes()).map_err(DemoError::Ports)?;
        let sources = Sources {
            file: Some(file.path().to_owned()),
            flags: Flags { log_level: Some("warn".to_owned()), ..Flags::default() },
            ..Sources::default()
        };
        Ok(load(&sources)?.config)
    }

    /// Lets them work: the agent must run, as calls go through it.
    ///
    /// # Errors
    /// When the ERP lets one of them in no more.
    pub async fn start(self, stage: &Stage, seed: u64) -> Result<Running, DemoError> {
        // Another part of this process may have been first.
        let _installed = rustls::crypto::ring::default_provider().install_default();
        let refused = |source| DemoError::Erp { step: "session", source };
        let url = |name: &str| {
            format!("http://127.0.0.1:{}", self.ports.get(name).copied().unwrap_or_default())
        };
        let door = stage.door();
        let mut tasks = JoinSet::new();
        let payments = url("payment_door");
        let erp = api::Erp::connect(stage, payments).await.map_err(refused)?;
        tasks.spawn(api::serve(self.api, erp));
        tasks.spawn(provider::serve(self.provider, seed, stage.faults));
        tasks.spawn(webshop::push(url("shop_door"), url("otlp"), seed));
        let session = door.enter_as("wms", "wms-sync").await.map_err(refused)?;
        tasks.spawn(warehouse::synchronise(session, door, seed, stage.faults));
        Ok(Running { _tasks: tasks })
    }
}
