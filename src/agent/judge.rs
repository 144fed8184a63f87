//! The rules at work: beside the sampling, so that no rule holds up a sample.

mod ask;
mod bench;
mod deletes;
mod memory;
mod months;

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use self::bench::Bench;
use self::memory::{Memory, Told};
use super::clock::Clock;
use crate::config;
use crate::finding::{Past, RULES, Scene};
use crate::history::History;
use crate::sample::Moment;
use crate::serve::Board;
use crate::state::Event;
use crate::track::findings::{Judgement, Mute, Terms};

/// Config that a reload replaces.
type Wanted = Arc<Mutex<Arc<config::Finding>>>;

/// The task that has the rules look.
pub(super) struct Judging {
    wanted: Wanted,
    task: JoinHandle<()>,
}

impl Judging {
    pub(super) fn start(
        config: &config::Finding,
        board: &Board,
        history: &Arc<History>,
        events: mpsc::Sender<Event>,
        clock: Clock,
    ) -> Self {
        let wanted: Wanted = Arc::new(Mutex::new(Arc::new(config.clone())));
        let judge = Judge {
            wanted: Arc::clone(&wanted),
            bench: Bench::new(RULES),
            memory: Memory::new(Arc::clone(history)),
            months: months::Memory::new(Arc::clone(history)),
            deletes: deletes::Memory::new(Arc::clone(history)),
            past: Past::default(),
            board: Arc::clone(board),
            clock,
        };
        Self { wanted, task: tokio::spawn(judge.go_on(events)) }
    }

    /// Takes up another config.
    pub(super) fn reload(&self, config: &config::Finding) {
        *self.wanted.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(config.clone());
    }

    /// What runs is left to itself.
    pub(super) async fn stop(self) {
        self.task.abort();
        // It holds a sender of events until it has ended.
        let _aborted = self.task.await;
    }
}

struct Judge {
    wanted: Wanted,
    bench: Bench,
    memory: Memory,
    months: months::Memory,
    deletes: deletes::Memory,
    past: Past,
    board: Board,
    clock: Clock,
}

impl Judge {
    async fn go_on(mut self, events: mpsc::Sender<Event>) {
        loop {
            let config = Arc::clone(&self.wanted.lock().unwrap_or_else(PoisonError::into_inner));
            let now = self.clock.now();
            let mut told = self.memory.recall(now).await;
            let sizes = std::mem::take(&mut told.sizes);
            if !sizes.is_empty() && events.send(Event::Remembered { at: now, sizes }).await.is_err()
            {
                return;
            }
            let judgement = self.judge(&config, now, told).await;
            if events.send(Event::Judged(Box::new(judgement))).await.is_err() {
                return;
            }
            tokio::time::sleep(config.interval).await;
        }
    }

    async fn judge(&mut self, config: &config::Finding, now: Moment, told: Told) -> Judgement {
        let snapshot = self.board.load().snapshot.clone();
        self.past.remember(now, &snapshot, config.window);
        let hours = Arc::clone(self.memory.hours());
        let months = self.months.recall(now).await;
        let deletes = self.deletes.recall(now).await;
        let scene = Scene::new(now, &snapshot, &self.past, config.warm_up);
        let scene = scene.over_at_least(config.window).with_deletes(deletes);
        let scene = scene.with_hours(hours).with_months(months);
        let looks = self.bench.look(&Arc::new(scene), &config.rules).await;
        let servers = snapshot.servers.iter().map(|server| Arc::clone(&server.name));
        Judgement {
            at: now,
            looks,
            rules: self.bench.standing(&config.rules),
            // And what belongs to none.
            servers: servers.chain([Arc::from("")]).collect(),
            week: told.week,
            before: told.before,
            terms: Arc::new(terms(config)),
        }
    }
}

fn terms(config: &config::Finding) -> Terms {
    let mute = |mute: &config::Mute| Mute {
        rule: mute.rule.clone(),
        subject: mute.subject.clone(),
        server: mute.server.clone(),
        reason: Arc::clone(&mute.reason),
        until: mute.until.clone(),
        end: mute.end,
    };
    Terms {
        open_after: config.open_after,
        close_after: config.close_after,
        most: config.most,
        mutes: config.mutes.iter().map(mute).collect(),
    }
}
