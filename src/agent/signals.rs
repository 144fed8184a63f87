//! Running until a signal says otherwise.

use std::io;

use tokio::signal::unix::{SignalKind, signal};

use super::Agent;
use crate::config::{Config, Log};

/// Keeps the agent running: SIGINT and SIGTERM stop it, SIGHUP takes up what `load` returns.
/// A reload that fails, or a config that is refused, changes nothing and is said in the log. The
/// log is not the agent's own: `set_log` is told how it is to be after a reload.
///
/// # Errors
/// When signals cannot be received.
pub async fn run<E: std::fmt::Display>(
    mut agent: Agent,
    mut load: impl FnMut() -> Result<Config, E>,
    set_log: impl Fn(&Log),
) -> io::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    loop {
        tokio::select! {
            _ = interrupt.recv() => break,
            _ = terminate.recv() => break,
            _ = hangup.recv() => match load() {
                Ok(config) => match agent.reload(config).await {
                    Ok(()) => {
                        set_log(&agent.config.log);
                        tracing::info!(listen = %agent.address(), "the config was reloaded");
                    }
                    Err(error) => tracing::error!("the config was not reloaded, the old one stays: {error}"),
                },
                Err(error) => tracing::error!("the config was not reloaded, the old one stays: {error}"),
            },
        }
    }
    tracing::info!("stopping");
    agent.stop().await;
    Ok(())
}
