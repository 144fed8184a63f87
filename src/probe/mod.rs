//! Probes: asks the other side of an integration over HTTP, phase by phase, to tell whether it is up, and
//! whether it is them or us. Off unless the config has some.

mod run;

use std::sync::Arc;
use std::time::SystemTime;

use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use self::run::{Found, Tls};
use crate::config;
use crate::integration::meter::probe::{Failure, Meter, Probe};
use crate::trust::{self, TrustError};

/// Running probes. Dropping them stops them.
pub struct Probes {
    _tasks: JoinSet<()>,
}

impl Probes {
    /// Begins to ask; must be called within a runtime.
    ///
    /// # Errors
    /// When the authorities to trust cannot be read.
    pub fn start(config: &[config::Probe], meter: &Arc<Meter>) -> Result<Self, TrustError> {
        let mut tasks = JoinSet::new();
        let names: Vec<Arc<str>> = config.iter().map(|probe| Arc::clone(&probe.name)).collect();
        meter.keep(&names);
        let tls = |probe: &config::Probe| trust::client(probe.root_cert.as_deref()).map(Tls::from);
        let all = config.iter().map(|probe| Ok((probe.clone(), tls(probe)?)));
        for (probe, tls) in all.collect::<Result<Vec<_>, TrustError>>()? {
            tasks.spawn(keep_asking(probe, tls, Arc::clone(meter)));
        }
        Ok(Self { _tasks: tasks })
    }
}

async fn keep_asking(config: config::Probe, tls: Tls, meter: Arc<Meter>) {
    // Not all at once, and not as soon as the agent starts everywhere.
    tokio::time::sleep(config.interval.mul_f64(fastrand::f64() * 0.1)).await;
    let mut ticks = tokio::time::interval(config.interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut before = None;
    loop {
        ticks.tick().await;
        let found = run::run(&config, &tls).await;
        let now = found.failure.as_ref().map(|failure| (failure.phase, failure.fault));
        match &found.failure {
            Some(Failure { phase, fault, detail }) if now != before => {
                let (probe, cause) = (&config.name, fault.name());
                tracing::warn!(%probe, phase, cause, detail, "the other side does not answer as it should");
            }
            None if before.is_some() => {
                tracing::info!(probe = %config.name, "the other side answers again");
            }
            _ => {}
        }
        before = now;
        meter.ran(&config.name, |before| note(before, &config, found));
    }
}

fn note(before: Option<Probe>, config: &config::Probe, found: Found) -> Probe {
    let (runs, mut failures, expires) =
        before.map(|b| (b.runs, b.failures, b.certificate_expires)).unwrap_or_default();
    if let Some(failure) = &found.failure {
        *failures.entry((failure.phase, failure.fault.name())).or_default() += 1;
    }
    Probe {
        integration: Arc::clone(&config.integration),
        is_up: found.failure.is_none(),
        phases: found.phases,
        runs: runs + 1,
        failures,
        failure: found.failure,
        at: SystemTime::now(),
        certificate_expires: found.certificate_expires.or(expires),
    }
}
