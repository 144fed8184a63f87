//! `erpscope demo --apply`: the same load on the same data twice, without and with the indexes that
//! the advisor suggests, and what that did to the ERP's transactions.

mod affected;
mod compare;
mod fresh;
mod report;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use self::affected::Affected;
use self::compare::Compared;
use super::around::Around;
use super::fault::Fault;
use super::load::{Diary, Load, Tally};
use super::run::DemoOptions;
use super::stage::{DATNAME, DemoError, Stage};
use crate::advise::advice::Advice;
use crate::advise::command::{Answer, Options, ask};
use crate::agent::Agent;

/// Seconds of each load, if not told.
const SECONDS: u64 = 60;

/// The agent draws a picture of the sessions' waits once a second.
const LAST_PICTURE: Duration = Duration::from_millis(1_500);

/// What happened during one load.
struct Phase {
    tallies: BTreeMap<&'static str, Tally>,
    diaries: Vec<Diary>,
    /// Time that each worker's sessions waited for locks, as the agent saw it.
    waits: BTreeMap<String, Duration>,
}

/// Sets the stage, loads it, advises, creates what is suggested on data as fresh, loads again with the
/// same dice, tells the difference, and takes back what it created.
pub(super) async fn play(
    options: &DemoOptions,
    say: &mut impl FnMut(&str),
) -> Result<(), DemoError> {
    let began = Instant::now();
    let mut step = |text: &str| say(&format!("[{:5.1} s] {text}", began.elapsed().as_secs_f64()));
    let stage = Stage::set(&options.stage(), &mut step).await?;
    let seconds = options.seconds.unwrap_or(SECONDS);
    let admin = fresh::keep(&stage).await?;
    if !options.faults.has(Fault::IdleImport) {
        step("idle-import is left out: no index mends it (--with idle-import has it)");
    }

    fresh::renew(&admin, &stage, &[]).await?;
    step(&format!("load as it is, {seconds} s (seed {})", options.seed));
    let before = load(&stage, options, seconds).await?;

    step("advising, as `erpscope advise` does");
    let advice = advise(&stage).await?;
    for note in &advice.notes {
        step(&format!("note: {note}"));
    }
    if advice.suggestions.is_empty() {
        step("nothing is suggested, so there is nothing to compare");
        return Ok(());
    }
    let affected = Affected::of(&stage, &advice, &before.diaries).await?;

    step(&format!("the same data anew, and {} changes on it", advice.suggestions.len()));
    let ddl: Vec<&str> =
        advice.suggestions.iter().flat_map(|s| s.ddl.iter().map(String::as_str)).collect();
    let grown = fresh::renew(&admin, &stage, &ddl).await?;
    step(&format!("the same load again, {seconds} s (seed {})", options.seed));
    let after = load(&stage, options, seconds).await?;

    let undo: Vec<&str> =
        advice.suggestions.iter().flat_map(|s| s.undo.iter().map(String::as_str)).collect();
    let is_as_before = fresh::take_back(&stage, &undo).await?;
    step(if is_as_before {
        "taken back with the undo of each: the indexes are those of the beginning"
    } else {
        "taken back with the undo of each, but the indexes are not those of the beginning"
    });
    let compared = Compared::all(&before, &after);
    say(&report::suggestions(&advice, &affected, grown));
    say(&report::workers(&compared, &affected));
    Ok(())
}

/// A load with everything around, watched by an agent.
async fn load(stage: &Stage, options: &DemoOptions, seconds: u64) -> Result<Phase, DemoError> {
    let around = Around::prepare()?;
    let mut config = around.config(stage)?;
    config.listen = options.listen;
    let agent = Agent::start(config)?;
    let load = Load::start(stage, options.seed).await?;
    let others = around.start(stage, options.seed).await?;
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    let (tallies, diaries) = load.end().await;
    tokio::time::sleep(LAST_PICTURE).await;
    let waits = waits(&agent);
    agent.stop().await;
    drop(others);
    Ok(Phase { tallies, diaries, waits })
}

fn waits(agent: &Agent) -> BTreeMap<String, Duration> {
    let mut waits = BTreeMap::<String, Duration>::new();
    for server in &agent.board().load().snapshot.servers {
        for (key, blocked) in server.activity.blocked.iter() {
            *waits.entry(key.application.to_string()).or_default() += *blocked;
        }
    }
    waits
}

/// What `erpscope advise` says of the ERP's database.
async fn advise(stage: &Stage) -> Result<Advice, DemoError> {
    let config = Around::prepare()?.config(stage)?;
    let options = Options { datname: Some(DATNAME.to_owned()), ..Options::default() };
    match ask(&config, &options).await.into_iter().next() {
        Some(Answer::Advised { advice, .. }) => Ok(*advice),
        Some(Answer::Failed { error, .. }) => Err(DemoError::Advice(error)),
        None => Err(DemoError::Advice("no server was asked".to_owned())),
    }
}
