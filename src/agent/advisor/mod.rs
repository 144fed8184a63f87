//! The index advisor's turns: a thread of its own that goes from server to server and from database
//! to database, one at a time. Searching takes it seconds; nothing else waits for it, and what fails
//! here fails alone.

mod of_server;
mod shares;
mod told;
mod turns;
mod waiting;

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{mpsc, watch as flag};

use self::of_server::OfServer;
use super::clock::Clock;
use crate::advise::ledger::Line;
use crate::config::{self, Config};
use crate::history::{History, Reader};
use crate::serve::Board;
use crate::state::Event;
use crate::track::budget::Budget;

/// How often it looks whether something is due.
const BEAT: Duration = Duration::from_millis(500);

/// The budgets of the servers that are watched, by name.
pub(super) type Budgets = Arc<Mutex<BTreeMap<String, Arc<Mutex<Budget>>>>>;

/// What is known of each server; it outlives a reload.
pub(super) type Known = BTreeMap<String, OfServer>;

/// Everything that a turn needs.
pub(super) struct Surroundings {
    pub(super) config: config::Advisor,
    pub(super) history: Arc<History>,
    pub(super) budgets: Budgets,
    pub(super) clock: Clock,
    pub(super) events: mpsc::Sender<Event>,
    pub(super) board: Board,
}

impl Surroundings {
    /// The budget of a server that is watched.
    pub(super) fn budget(&self, server: &str) -> Option<Arc<Mutex<Budget>>> {
        let budgets = self.budgets.lock().unwrap_or_else(PoisonError::into_inner);
        budgets.get(server).cloned()
    }
}

/// A running advisor.
pub(super) struct Advisor {
    stop: flag::Sender<bool>,
    thread: JoinHandle<Known>,
}

impl Advisor {
    /// Goes on with what is known.
    pub(super) fn start(
        config: &Config,
        surroundings: Surroundings,
        mut known: Known,
    ) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let servers = config.servers.clone();
        let (stop, mut stopped) = flag::channel(false);
        let thread = std::thread::Builder::new().name("advisor".to_owned()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    _ = stopped.wait_for(|stop| *stop) => {}
                    () = work(&servers, &surroundings, &mut known) => {}
                }
            });
            known
        })?;
        Ok(Self { stop, thread })
    }

    /// Stops it; a search that runs is given up when it next asks something.
    pub(super) async fn stop(self) -> Known {
        let _already_ended = self.stop.send(true);
        let joined = tokio::task::spawn_blocking(move || self.thread.join()).await;
        joined.ok().and_then(Result::ok).unwrap_or_else(|| {
            tracing::error!("the thread of the index advisor had ended by a panic");
            Known::new()
        })
    }
}

/// Ends when nobody folds events any more.
async fn work(servers: &[config::Server], around: &Surroundings, known: &mut Known) {
    remember(servers, around, known);
    loop {
        for server in servers {
            let of =
                known.entry(server.name.clone()).or_insert_with(|| OfServer::new(&server.name));
            if of.turn(server, around).await.is_break() {
                return;
            }
        }
        tokio::time::sleep(BEAT).await;
    }
}

/// The ledgers of servers that nothing is known of yet, as the history has them.
fn remember(servers: &[config::Server], around: &Surroundings, known: &mut Known) {
    let new: Vec<&config::Server> =
        servers.iter().filter(|server| !known.contains_key(&server.name)).collect();
    if new.is_empty() {
        return;
    }
    let read = |reader: &Reader<'_>| {
        let rows = reader.suggestions()?;
        let lines = rows.into_iter().map(|row| (Line::from_row(&row), row.id));
        Ok(lines.collect::<Vec<_>>())
    };
    let rows = around.history.ask(read).and_then(|rows| rows).unwrap_or_else(|error| {
        tracing::error!("the ledger of suggestions begins anew: {error}");
        Vec::new()
    });
    let mut lines: BTreeMap<Arc<str>, Vec<Line>> = BTreeMap::new();
    for (line, id) in rows {
        match line {
            Ok(line) => lines.entry(Arc::clone(&line.server)).or_default().push(line),
            Err(error) => {
                tracing::warn!(id, "a line of the ledger cannot be read: {error}");
            }
        }
    }
    for server in new {
        let lines = lines.remove(server.name.as_str()).unwrap_or_default();
        known.insert(server.name.clone(), OfServer::remembering(&server.name, lines, around));
    }
}
