//! The ERP's day: all workers at once, until told to stop.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::stage::{DemoError, Door, Stage};
use super::worker::{Kind, Work};

/// How long a worker waits that cannot get a session again.
const COME_BACK: Duration = Duration::from_secs(1);

/// What one kind of worker has done.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Tally {
    /// Turns that succeeded, usually one transaction each.
    pub turns: u64,
    /// Turns that failed (deadlocks, serialization failures) and were given up.
    pub failures: u64,
    /// Time of the successful turns.
    pub busy: Duration,
}

/// Turns of one session whose times are kept: more than a day's of the busiest.
const MOST_TURNS: usize = 500_000;

/// What one session has done, turn by turn. With the same seed, the same session's turn of the same
/// number is the same work.
#[derive(Debug)]
pub(super) struct Diary {
    /// application_name of its worker.
    pub(super) application: &'static str,
    /// Which of the worker's sessions.
    pub(super) session: u64,
    /// How long each turn took from its first statement to its commit; none if it failed.
    pub(super) turns: Vec<Option<Duration>>,
    /// The statements that it prepared.
    pub(super) statements: BTreeSet<&'static str>,
}

impl Diary {
    fn note(&mut self, turn: Option<Duration>) {
        if self.turns.len() < MOST_TURNS {
            self.turns.push(turn);
        }
    }
}

/// Running workers.
pub struct Load {
    stop: watch::Sender<bool>,
    workers: JoinSet<(Diary, Tally)>,
}

impl Load {
    /// Starts every worker; what each does is reproducible by the seed.
    pub async fn start(stage: &Stage, seed: u64) -> Result<Self, DemoError> {
        let (stop, stopped) = watch::channel(false);
        let door = stage.door();
        let mut workers = JoinSet::new();
        for (index, kind) in (0_u64..).zip(Kind::ALL) {
            let (application_name, sessions, _) = kind.profile();
            for session in 0..sessions {
                let client = door
                    .enter(application_name)
                    .await
                    .map_err(|source| DemoError::Erp { step: "session", source })?;
                let dice = seed.wrapping_mul(10_000).wrapping_add(index * 100 + session);
                let work = Work::new(client, dice, stage.sizes, stage.faults);
                let diary = Diary {
                    application: application_name,
                    session,
                    turns: Vec::new(),
                    statements: BTreeSet::new(),
                };
                workers.spawn(keep_working(kind, work, door, stopped.clone(), diary));
            }
        }
        Ok(Self { stop, workers })
    }

    /// Lets every worker finish its turn; returns what each kind has done, by application_name.
    pub async fn stop(self) -> BTreeMap<&'static str, Tally> {
        self.end().await.0
    }

    /// The same, with what each session has done.
    pub(super) async fn end(mut self) -> (BTreeMap<&'static str, Tally>, Vec<Diary>) {
        let _all_ended = self.stop.send(true);
        let mut tallies: BTreeMap<&'static str, Tally> = BTreeMap::new();
        let mut diaries = Vec::new();
        while let Some(ended) = self.workers.join_next().await {
            let Ok((diary, tally)) = ended else { continue };
            let sum = tallies.entry(diary.application).or_default();
            sum.turns += tally.turns;
            sum.failures += tally.failures;
            sum.busy += tally.busy;
            diaries.push(diary);
        }
        diaries.sort_by_key(|diary| (diary.application, diary.session));
        (tallies, diaries)
    }
}

async fn keep_working(
    kind: Kind,
    mut work: Work,
    door: Door,
    mut stopped: watch::Receiver<bool>,
    mut diary: Diary,
) -> (Diary, Tally) {
    let (application_name, _, pause) = kind.profile();
    let mut tally = Tally::default();
    let mut inside = true;
    loop {
        work.next_turn();
        let wait = work.pause(pause);
        if ends_within(wait, &mut stopped).await {
            diary.statements = work.statements();
            return (diary, tally);
        }
        while !inside {
            match door.enter(application_name).await {
                Ok(client) => {
                    work.go_on_with(client);
                    inside = true;
                }
                Err(_) if ends_within(COME_BACK, &mut stopped).await => return (diary, tally),
                Err(_) => {}
            }
        }
        let began = Instant::now();
        match kind.turn(&mut work).await {
            Ok(()) => {
                let took = began.elapsed();
                tally.turns += 1;
                tally.busy += took;
                diary.note(Some(took));
            }
            Err(error) => {
                tracing::debug!(?kind, %error, "a turn failed");
                tally.failures += 1;
                diary.note(None);
                inside = work.roll_back().await;
            }
        }
    }
}

/// Waits; true if it was told to stop meanwhile.
async fn ends_within(wait: Duration, stopped: &mut watch::Receiver<bool>) -> bool {
    tokio::time::timeout(wait, stopped.wait_for(|stop| *stop)).await.is_ok()
}
