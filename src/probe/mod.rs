//! Probes: asks the other side of an integration over HTTP, phase by phase, to tell whether it is up, and
//! whether it is them or us. Off unless the config has some.

mod run;

use std::io;
use std::sync::Arc;
use std::time::SystemTime;

use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use self::run::{Found, Tls};
use crate::config;
use crate::integration::meter::probe::{Meter, Probe};

/// Running probes. Dropping them stops them.
pub struct Probes {
    _tasks: JoinSet<()>,
}

impl Probes {
    /// Begins to ask; must be called within a runtime.
    ///
    /// # Errors
    /// When TLS cannot be used at all.
    pub fn start(config: &[config::Probe], meter: &Arc<Meter>) -> io::Result<Self> {
        let mut tasks = JoinSet::new();
        let names: Vec<Arc<str>> = config.iter().map(|probe| Arc::clone(&probe.name)).collect();
        meter.keep(&names);
        if config.is_empty() {
            return Ok(Self { _tasks: tasks });
        }
        let tls = run::tls()?;
        for probe in config {
            tasks.spawn(keep_asking(probe.clone(), tls.clone(), Arc::clone(meter)));
        }
        Ok(Self { _tasks: tasks })
    }
}

async fn keep_asking(config: config::Probe, tls: Tls, meter: Arc<Meter>) {
    // Not all at once, and not as soon as the agent starts everywhere.
    tokio::time::sleep(config.interval.mul_f64(fastrand::f64() * 0.1)).await;
    let mut ticks = tokio::time::interval(config.interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut was_up = true;
    loop {
        ticks.tick().await;
        let found = run::run(&config, &tls).await;
        if let Some((phase, fault)) = found.failure.filter(|_| was_up) {
            let name = &config.name;
            tracing::warn!(probe = %name, phase, cause = fault.name(), "the other side does not answer as it should");
        } else if found.failure.is_none() && !was_up {
            tracing::info!(probe = %config.name, "the other side answers again");
        }
        was_up = found.failure.is_none();
        meter.ran(&config.name, |before| note(before, &config, found));
    }
}

fn note(before: Option<Probe>, config: &config::Probe, found: Found) -> Probe {
    let (runs, mut failures) = before.map(|b| (b.runs, b.failures)).unwrap_or_default();
    if let Some((phase, fault)) = found.failure {
        *failures.entry((phase, fault.name())).or_default() += 1;
    }
    Probe {
        integration: Arc::clone(&config.integration),
        is_up: found.failure.is_none(),
        phases: found.phases,
        runs: runs + 1,
        failures,
        at: SystemTime::now(),
        certificate_expires: found.certificate_expires,
    }
}
