//! Calls of integrations on their way into the state, and the beat by which they are joined.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

use super::clock::Clock;
use crate::integration::{CallQueue, Integrations, Outlet, outlet};
use crate::state::Event;

/// Batches of calls that may wait; who brings one never waits.
const BATCHES: usize = 4_096;
/// How often calls are joined and drawn.
const BEAT: Duration = Duration::from_millis(500);

/// The task that hands calls on.
pub(super) struct Intake {
    outlet: Outlet,
    events: mpsc::Sender<Event>,
    task: JoinHandle<()>,
}

impl Intake {
    pub(super) fn start(events: mpsc::Sender<Event>, clock: Clock) -> Self {
        let (outlet, queue) = outlet(BATCHES);
        let task = tokio::spawn(hand_on(queue, events.clone(), clock));
        Self { outlet, events, task }
    }

    /// Where whoever sees calls puts them.
    pub(super) fn outlet(&self) -> &Outlet {
        &self.outlet
    }

    /// Says which integrations there are.
    pub(super) async fn declare(&self, integrations: Arc<Integrations>) {
        let _fold_ended = self.events.send(Event::Declared(integrations)).await;
    }

    /// What is still in the queue is lost.
    pub(super) fn stop(self) {
        self.task.abort();
    }
}

async fn hand_on(mut queue: CallQueue, events: mpsc::Sender<Event>, clock: Clock) {
    let mut beats = tokio::time::interval(BEAT);
    beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let event = tokio::select! {
            batch = queue.batches.recv() => match batch {
                Some(calls) => Event::Calls { at: clock.now(), calls },
                None => return,
            },
            _ = beats.tick() => Event::Tick { at: clock.now() },
        };
        if events.send(event).await.is_err() {
            return;
        }
    }
}
