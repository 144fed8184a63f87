//! The demo from its first line to its last.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use tokio::signal::unix::{SignalKind, signal};

use super::apply;
use super::around::Around;
use super::events::Events;
use super::fault::Faults;
use super::load::Load;
use super::stage::{DemoError, Stage, StageOptions};
use super::summary::Summary;
use crate::agent::Agent;

/// How often it says what the agent sees.
const EVERY: Duration = Duration::from_secs(5);

/// How the demo is to be.
#[derive(Clone, Debug)]
pub struct DemoOptions {
    /// It ends by itself after so many seconds of load.
    pub seconds: Option<u64>,
    /// Data and load are reproducible by it.
    pub seed: u64,
    /// 1 is about a million rows.
    pub scale: f64,
    /// Whether workers run.
    pub load: bool,
    /// Folder of PostgreSQL's programs; searched for if not given.
    pub pg_bin: Option<PathBuf>,
    /// Where the agent serves.
    pub listen: SocketAddr,
    /// What is wrong on purpose.
    pub faults: Faults,
    /// Whether what the advisor suggests is created, and its effect measured.
    pub apply: bool,
}

impl DemoOptions {
    /// How its stage is set.
    pub(super) fn stage(&self) -> StageOptions {
        StageOptions {
            pg_bin: self.pg_bin.clone(),
            seed: self.seed,
            scale: self.scale,
            faults: self.faults,
        }
    }
}

/// Runs the demo; `say` gets its lines. It ends by itself or by SIGINT, SIGTERM or SIGHUP (its
/// terminal was closed), and in every case, errors included, leaves nothing behind.
pub async fn run(options: DemoOptions, mut say: impl FnMut(&str)) -> Result<(), DemoError> {
    let mut interrupt = signal(SignalKind::interrupt()).map_err(DemoError::Signals)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(DemoError::Signals)?;
    let mut hangup = signal(SignalKind::hangup()).map_err(DemoError::Signals)?;
    tokio::select! {
        result = play(&options, &mut say) => result?,
        _ = interrupt.recv() => say("interrupted"),
        _ = terminate.recv() => say("told to stop"),
        // Nobody is there to hear anything.
        _ = hangup.recv() => return Ok(()),
    }
    say("the throw-away PostgreSQL is removed");
    Ok(())
}

async fn play(options: &DemoOptions, say: &mut impl FnMut(&str)) -> Result<(), DemoError> {
    if options.apply {
        return apply::play(options, say).await;
    }
    let began = Instant::now();
    let stage = Stage::set(&options.stage(), |step| {
        say(&format!("[{:4.1} s] {step}", began.elapsed().as_secs_f64()));
    })
    .await?;
    let around = Around::prepare()?;
    let mut config = around.config(&stage)?;
    config.listen = options.listen;
    let agent = Agent::start(config)?;
    say(&format!("[{:4.1} s] ready", began.elapsed().as_secs_f64()));
    say(&format!("\n  the agent:  http://{}/", agent.address()));
    say(&format!("  metrics:    http://{}/metrics", agent.address()));
    say(&format!("  the ERP:    {}", stage.cluster.url(super::DATNAME)));
    say(&format!(
        "  who blocks whom:  erpscope locks --watch --url postgres://erpscope@127.0.0.1:{0}/{1}\n  \
         which indexes:    erpscope advise --url postgres://erpscope@127.0.0.1:{0}/{1}\n",
        stage.cluster.port(),
        super::DATNAME,
    ));
    let load = if options.load { Some(Load::start(&stage, options.seed).await?) } else { None };
    let others = if options.load { Some(around.start(&stage, options.seed).await?) } else { None };
    watch(options, &agent, say).await;
    if let Some(load) = load {
        for (application_name, tally) in load.stop().await {
            let mean = tally.busy.as_secs_f64() * 1e3 / (tally.turns.max(1) as f64);
            let failures = tally.failures;
            say(&format!(
                "  {application_name:<18} {:6} turns, {mean:8.1} ms each, {failures} failed",
                tally.turns
            ));
        }
    }
    agent.stop().await;
    drop(others);
    Ok(())
}

async fn watch(options: &DemoOptions, agent: &Agent, say: &mut impl FnMut(&str)) {
    let began = Instant::now();
    let (mut summary, mut events) = (Summary::default(), Events::default());
    let mut ticks = tokio::time::interval(EVERY);
    loop {
        let left = options.seconds.map(|s| Duration::from_secs(s).saturating_sub(began.elapsed()));
        tokio::select! {
            _ = ticks.tick() => {}
            () = tokio::time::sleep(left.unwrap_or(EVERY * 2)) => {
                if left.is_some() { return; }
            }
        }
        let at = began.elapsed().as_secs_f64();
        let board = agent.board().load();
        if let Some(text) = summary.next(&board.snapshot, at) {
            say(&text);
        }
        for line in events.next(&board.snapshot.journal) {
            say(&line);
        }
    }
}
