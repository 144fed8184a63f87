//! Asks brokers of messages (RabbitMQ) for their queues, through the management API. Off unless the
//! config has some.

mod ask;
mod fold;

use std::sync::Arc;
use std::time::SystemTime;

use reqwest::Client;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};

use self::ask::Trouble;
use self::fold::{Fold, Times};
use crate::config;
use crate::integration::meter::broker::Meter;
use crate::trust::{self, TrustError};

/// Why brokers cannot be asked.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// Whom to trust is not known.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// No client for HTTP.
    #[error("cannot set up HTTP: {0}; this is a fault of erpscope, please report it")]
    Http(String),
}

/// Brokers that are asked. Dropping them stops that.
pub struct Brokers {
    _tasks: JoinSet<()>,
}

impl Brokers {
    /// Begins to ask; must be called within a runtime. Counters of a broker that the meter knows go on.
    ///
    /// # Errors
    /// When the authorities to trust cannot be read.
    pub fn start(config: &[config::Broker], meter: &Arc<Meter>) -> Result<Self, BrokerError> {
        let mut tasks = JoinSet::new();
        let clients = config.iter().map(client).collect::<Result<Vec<_>, _>>()?;
        let names: Vec<Arc<str>> = config.iter().map(|broker| Arc::clone(&broker.name)).collect();
        meter.keep(&names);
        let known = meter.read();
        for (broker, client) in config.iter().zip(clients) {
            let before = known.brokers.get(&broker.name).map(AsRef::as_ref);
            let fold = Fold::new(broker.clone(), before);
            tasks.spawn(keep_asking(broker.clone(), client, fold, Arc::clone(meter)));
        }
        Ok(Self { _tasks: tasks })
    }
}

/// Straight to it: the password is for nobody else, no proxy and nowhere that a redirect leads to.
fn client(config: &config::Broker) -> Result<Client, BrokerError> {
    let tls = trust::client(config.root_cert.as_deref())?;
    Client::builder()
        .tls_backend_preconfigured(tls)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .user_agent(concat!("erpscope/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| BrokerError::Http(error.without_url().to_string()))
}

async fn keep_asking(config: config::Broker, client: Client, mut fold: Fold, meter: Arc<Meter>) {
    // Not all at once, and not as soon as the agent starts everywhere.
    tokio::time::sleep(config.interval.mul_f64(fastrand::f64() * 0.1)).await;
    let mut ticks = tokio::time::interval(config.interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut trouble = None;
    loop {
        ticks.tick().await;
        let began = Instant::now();
        let found = match tokio::time::timeout(config.timeout, ask::queues(&client, &config)).await
        {
            Ok(found) => found,
            Err(_elapsed) => Err(Trouble::late(&config)),
        };
        let broker = &config.name;
        match &found {
            Err(Trouble { kind, message }) if trouble != Some(*kind) => {
                tracing::warn!(%broker, kind, "{message}");
                trouble = Some(*kind);
            }
            Ok(_) if trouble.is_some() => {
                tracing::info!(%broker, "the queues of this broker are seen again");
                trouble = None;
            }
            _ => {}
        }
        let times = Times { at: SystemTime::now(), took: began.elapsed() };
        meter.set(broker, fold.next(found, times));
    }
}
