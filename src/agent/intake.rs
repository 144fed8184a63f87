//! Calls of integrations, and what is known of brokers, on their way into the state: who sees them, the
//! queue, and the beat by which they are joined.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

use super::clock::Clock;
use crate::broker::{BrokerError, Brokers};
use crate::config::Config;
use crate::integration::meter::{Meters, Tallies};
use crate::integration::{CallQueue, Integrations, Outlet, outlet};
use crate::otlp::{ReceiveError, Receiver};
use crate::probe::Probes;
use crate::proxy::{Proxy, ProxyError};
use crate::state::Event;
use crate::trust::TrustError;

/// Batches of calls that may wait; who brings one never waits.
const BATCHES: usize = 4_096;
/// How often calls are joined and drawn.
const BEAT: Duration = Duration::from_millis(500);

/// Why calls cannot be seen as the config says.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    /// No receiver of spans.
    #[error(transparent)]
    Otlp(#[from] ReceiveError),
    /// No probes.
    #[error("a [[probe]] cannot be asked: {0}")]
    Probes(#[from] TrustError),
    /// No brokers.
    #[error("a [[rabbitmq]] cannot be asked: {0}")]
    Brokers(#[from] BrokerError),
    /// No proxy.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
}

/// Who sees calls, and the task that hands them on.
pub(super) struct Intake {
    outlet: Outlet,
    integrations: Arc<ArcSwap<Integrations>>,
    meters: Meters,
    otlp: Option<Receiver>,
    proxy: Option<Proxy>,
    probes: Probes,
    brokers: Brokers,
    events: mpsc::Sender<Event>,
    task: JoinHandle<()>,
}

impl Intake {
    pub(super) fn start(
        config: &Config,
        events: mpsc::Sender<Event>,
        clock: Clock,
    ) -> Result<Self, IntakeError> {
        let (outlet, queue) = outlet(BATCHES);
        let meters = Meters::default();
        let integrations = Arc::new(config.integrations.clone());
        // The queue is new and empty.
        let _has_room = events.try_send(Event::Declared(Arc::clone(&integrations)));
        let integrations = Arc::new(ArcSwap::new(integrations));
        let otlp = otlp(config, &integrations, &outlet, &meters)?;
        let proxy = proxy(config, &integrations, &outlet, &meters)?;
        let probes = Probes::start(&config.probes, &meters.probe)?;
        let brokers = Brokers::start(&config.brokers, &meters.broker)?;
        let task = tokio::spawn(hand_on(queue, events.clone(), meters.clone(), clock));
        Ok(Self { outlet, integrations, meters, otlp, proxy, probes, brokers, events, task })
    }

    /// Where whoever sees calls puts them.
    pub(super) fn outlet(&self) -> &Outlet {
        &self.outlet
    }

    /// Takes up what has changed; on an error all is as before.
    pub(super) async fn reload(
        &mut self,
        before: &Config,
        config: &Config,
    ) -> Result<(), IntakeError> {
        let taken_up = self.take_up(before, config).await;
        if taken_up.is_err() {
            self.go_back(config, before).await;
        }
        taken_up
    }

    /// Leaves a config of which all or a part was taken up, for the one before.
    pub(super) async fn go_back(&mut self, config: &Config, before: &Config) {
        if let Err(error) = self.take_up(config, before).await {
            tracing::error!(%error, "cannot go back to the config before; restart the agent");
        }
    }

    /// Takes up what has changed, up to the first that cannot be.
    async fn take_up(&mut self, before: &Config, config: &Config) -> Result<(), IntakeError> {
        let ways = |config: &Config| (config.proxies.clone(), config.forward_proxy.clone());
        if ways(before) != ways(config) {
            // The old one may hold the addresses.
            stop(self.proxy.take()).await;
            self.proxy = proxy(config, &self.integrations, &self.outlet, &self.meters)?;
        }
        if before.probes != config.probes {
            self.probes = Probes::start(&config.probes, &self.meters.probe)?;
        }
        if before.brokers != config.brokers {
            self.brokers = Brokers::start(&config.brokers, &self.meters.broker)?;
        }
        if before.otlp != config.otlp {
            stop(self.otlp.take()).await;
            self.otlp = otlp(config, &self.integrations, &self.outlet, &self.meters)?;
        }
        if before.integrations != config.integrations {
            let integrations = Arc::new(config.integrations.clone());
            self.integrations.store(Arc::clone(&integrations));
            let _fold_ended = self.events.send(Event::Declared(integrations)).await;
        }
        Ok(())
    }

    /// Lets calls that run end. What is in the queue after that is lost.
    pub(super) async fn stop(self) {
        stop(self.otlp).await;
        stop(self.proxy).await;
        self.task.abort();
        // It holds a sender of events until it has ended.
        let _aborted = self.task.await;
    }
}

fn otlp(
    config: &Config,
    integrations: &Arc<ArcSwap<Integrations>>,
    outlet: &Outlet,
    meters: &Meters,
) -> Result<Option<Receiver>, IntakeError> {
    let integrations = Arc::clone(integrations);
    let meter = Arc::clone(&meters.otlp);
    Ok(Receiver::start(&config.otlp, integrations, outlet.clone(), meter)?)
}

fn proxy(
    config: &Config,
    integrations: &Arc<ArcSwap<Integrations>>,
    outlet: &Outlet,
    meters: &Meters,
) -> Result<Option<Proxy>, IntakeError> {
    let forward = config.forward_proxy.as_ref();
    if config.proxies.is_empty() && forward.is_none() {
        return Ok(None);
    }
    let integrations = Arc::clone(integrations);
    let meter = Arc::clone(&meters.proxy);
    Ok(Some(Proxy::start(&config.proxies, forward, integrations, outlet.clone(), meter)?))
}

/// Its end is waited for, but by nobody else.
async fn stop<T: Send + 'static>(part: Option<T>) {
    let _panicked = tokio::task::spawn_blocking(move || drop(part)).await;
}

async fn hand_on(mut queue: CallQueue, events: mpsc::Sender<Event>, meters: Meters, clock: Clock) {
    let mut beats = tokio::time::interval(BEAT);
    beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let event = tokio::select! {
            batch = queue.batches.recv() => match batch {
                Some(told) => Event::Told { at: clock.now(), told },
                None => return,
            },
            _ = beats.tick() => {
                let tallies = Tallies { lost_calls: queue.lost(), ..meters.read() };
                Event::Tick { at: clock.now(), tallies: Box::new(tallies) }
            }
        };
        if events.send(event).await.is_err() {
            return;
        }
    }
}
