//! The thread that folds events into the state and publishes it.

use std::io;
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;

use tokio::sync::mpsc;

use super::remember;
use super::report_log::ReportLog;
use crate::history::History;
use crate::serve::{Board, Published};
use crate::state::{Event, State};

/// Its handle.
pub(super) struct Fold {
    thread: JoinHandle<()>,
    alive: Weak<()>,
}

impl Fold {
    /// Starts it; it ends when every sender of `queue` is gone and the queue is empty.
    pub(super) fn start(
        mut queue: mpsc::Receiver<Event>,
        board: Board,
        history: Arc<History>,
    ) -> io::Result<Self> {
        let token = Arc::new(());
        let alive = Arc::downgrade(&token);
        let thread = std::thread::Builder::new().name("state".to_owned()).spawn(move || {
            let mut state = State::default();
            let mut log = ReportLog::default();
            while let Some(event) = queue.blocking_recv() {
                let mut reports = state.apply(event);
                // What came meanwhile is published together.
                while let Ok(event) = queue.try_recv() {
                    reports.extend(state.apply(event));
                }
                log.write(&reports);
                history.record(remember::episodes(&reports));
                state.due_history().into_iter().for_each(|batch| history.record(batch));
                state.know_history(history.standing());
                publish(&state, &board);
            }
            state.take_history().into_iter().for_each(|batch| history.record(batch));
            // Moved in here, it goes with the thread, also by a panic.
            drop(token);
        })?;
        Ok(Self { thread, alive })
    }

    /// Points to something as long as the thread runs.
    pub(super) fn alive(&self) -> Weak<()> {
        Weak::clone(&self.alive)
    }

    /// Waits for its end.
    pub(super) fn join(self) {
        if self.thread.join().is_err() {
            tracing::error!("the thread that keeps the state had ended by a panic");
        }
    }
}

fn publish(state: &State, board: &Board) {
    let snapshot = state.snapshot();
    let exposition = board.load().exposition.next(&snapshot);
    board.store(Arc::new(Published { snapshot, exposition }));
}
