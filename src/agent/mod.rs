//! The agent: the only place with tasks, a clock, queues and tickers.
//!
//! One task a server samples it and sends events; one thread folds them and publishes; one thread
//! serves what is published, one writes the history. Stopping goes the same way: first the samplers,
//! then the fold, then the history.

mod advisor;
mod clock;
mod fold;
mod intake;
mod judge;
mod remember;
mod report_log;
mod schedule;
mod signals;
mod watch;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc, watch as flag};
use tokio::task::JoinHandle;

use self::advisor::{Advisor, Budgets, Known, Surroundings};
use self::clock::Clock;
use self::fold::Fold;
use self::intake::Intake;
pub use self::intake::IntakeError;
use self::judge::Judging;
use self::watch::{Counts, Watch};
use crate::config::{self, Config, Server};
use crate::history::{self, History};
use crate::integration::Outlet;
use crate::serve;
use crate::serve::{Board, Published, ServeError};
use crate::state::{Event, Limits, What};
use crate::track::activity;
use crate::track::budget::Budget;
use crate::track::incidents::Thresholds;
use crate::track::transactions::SlowAfter;

pub use signals::run;

/// How often the picture of sessions, locks and transactions is renewed.
const PICTURE: Duration = Duration::from_secs(1);

/// First looks that are taken at the same time. They are dear, and many servers that answer all of them at once answer
/// slowly, most of all where they share a machine: each would then be looked at rarely for a while.
const FIRST_LOOKS: usize = 4;

/// Events that may wait to be folded; samplers wait when it is full.
const QUEUE: usize = 256;

/// A running agent. It must be made inside a tokio runtime.
pub struct Agent {
    config: Config,
    clock: Clock,
    board: Board,
    events: mpsc::Sender<Event>,
    intake: Intake,
    watched: BTreeMap<String, Watched>,
    /// Room for first looks at servers.
    first_looks: Arc<Semaphore>,
    budgets: Budgets,
    advisor: Option<Advisor>,
    history: Arc<History>,
    judging: Judging,
    fold: Fold,
    http: serve::Server,
}

/// The task that samples one server.
struct Watched {
    stop: flag::Sender<bool>,
    task: JoinHandle<()>,
}

/// Why the agent does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Nothing can be served.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// Calls cannot be seen.
    #[error(transparent)]
    Intake(#[from] IntakeError),
    /// No thread.
    #[error("cannot start a thread: {0}; the machine may be out of threads or memory")]
    Thread(#[source] std::io::Error),
    /// Nothing can be remembered.
    #[error(transparent)]
    History(#[from] history::StartError),
}

impl Agent {
    /// Listens, then begins to watch every server of the config. Servers that cannot be reached
    /// are tried again and again; they are no reason not to start.
    pub fn start(config: Config) -> Result<Self, StartError> {
        let board = Board::new(arc_swap::ArcSwap::from_pointee(Published::default()));
        let (events, queue) = mpsc::channel(QUEUE);
        let history =
            Arc::new(History::open(config.history.path.as_deref(), kept(&config.history))?);
        let fold = Fold::start(queue, Arc::clone(&board), Arc::clone(&history))
            .map_err(StartError::Thread)?;
        let http = serve::Server::start(config.listen, Arc::clone(&board), fold.alive())?;
        let clock = Clock::start();
        let intake = Intake::start(&config, events.clone(), clock)?;
        let judging = Judging::start(&config.finding, &board, &history, events.clone(), clock);
        let (watched, first_looks) = (BTreeMap::new(), Arc::new(Semaphore::new(FIRST_LOOKS)));
        let (budgets, advisor) = (Budgets::default(), None);
        let mut agent = Self {
            config,
            clock,
            board,
            events,
            intake,
            watched,
            first_looks,
            budgets,
            advisor,
            history,
            judging,
            fold,
            http,
        };
        for server in agent.config.servers.clone() {
            agent.watch(server);
        }
        agent.begin_to_advise(Known::new())?;
        Ok(agent)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.http.address()
    }

    /// What it publishes.
    #[must_use]
    pub fn board(&self) -> &Board {
        &self.board
    }

    /// Where calls of integrations go that somebody else has seen.
    #[must_use]
    pub fn outlet(&self) -> &Outlet {
        self.intake.outlet()
    }

    /// What it remembers.
    #[must_use]
    pub fn history(&self) -> &Arc<History> {
        &self.history
    }

    /// Takes up another config. Servers whose part has not changed are not disturbed; counters of
    /// those that stay go on.
    ///
    /// # Errors
    /// When a new address cannot be listened on, or a certificate cannot be read: then nothing has changed.
    pub async fn reload(&mut self, config: Config) -> Result<(), StartError> {
        self.intake.reload(&self.config, &config).await?;
        if config.listen != self.config.listen
            && let Err(error) = self.http.move_to(config.listen, &self.board, &self.fold.alive())
        {
            self.intake.go_back(&config, &self.config).await;
            return Err(error.into());
        }
        self.judging.reload(&config.finding);
        let before = std::mem::replace(&mut self.config, config);
        if before.history != self.config.history {
            tracing::warn!("[history] stays as it was until the next start");
            self.config.history.clone_from(&before.history);
        }
        let general = |c: &Config| {
            let sampled = (c.statements.clone(), c.database.clone(), c.activity.clone());
            let sampled = (sampled, c.usage.clone(), c.upkeep.clone(), c.duplicates.clone());
            let words = (c.profiles.clone(), c.applications.clone());
            (c.budget, sampled, c.locks.clone(), c.transactions.clone(), words)
        };
        let same_general = general(&before) == general(&self.config);
        let unchanged = |server: &Server| same_general && before.servers.contains(server);
        let now = self.config.servers.clone();
        let names: Vec<String> = self.watched.keys().cloned().collect();
        for name in names {
            match now.iter().find(|server| server.name == name) {
                Some(server) if unchanged(server) => {}
                Some(_) => self.unwatch(&name).await,
                None => {
                    self.unwatch(&name).await;
                    self.send(&name, What::Removed).await;
                }
            }
        }
        for server in now {
            if !self.watched.contains_key(&server.name) {
                self.watch(server);
            }
        }
        let of_advisor = |c: &Config| (c.advisor.clone(), c.servers.clone());
        if of_advisor(&before) != of_advisor(&self.config) {
            let known = match self.advisor.take() {
                Some(advisor) => advisor.stop().await,
                None => Known::new(),
            };
            self.begin_to_advise(known)?;
        }
        Ok(())
    }

    /// Stops sampling, folds what is left, writes the history, closes the HTTP server.
    pub async fn stop(mut self) {
        let names: Vec<String> = self.watched.keys().cloned().collect();
        for name in names {
            self.unwatch(&name).await;
        }
        if let Some(advisor) = self.advisor.take() {
            let _known = advisor.stop().await;
        }
        self.intake.stop().await;
        self.judging.stop().await;
        drop(self.events);
        self.fold.join();
        let history = self.history;
        let writing = tokio::task::spawn_blocking(move || history.stop());
        if writing.await.is_err() {
            tracing::error!("the history was not closed");
        }
    }

    fn watch(&mut self, server: Server) {
        let name = server.name.clone();
        let limits = limits(&self.config);
        let (stop, stopped) = flag::channel(false);
        let budget = Arc::new(Mutex::new(Budget::new(self.config.budget)));
        let watch = Watch {
            name: name.as_str().into(),
            server,
            statements: self.config.statements.clone(),
            database: self.config.database.clone(),
            activity: self.config.activity.clone(),
            usage: self.config.usage.clone(),
            upkeep: self.config.upkeep.clone(),
            duplicates: self.config.duplicates.clone(),
            profiles: self.config.profiles.clone(),
            history: Arc::clone(&self.history),
            counts: Counts::default(),
            budget: Arc::clone(&budget),
            first_looks: Arc::clone(&self.first_looks),
            clock: self.clock,
            events: self.events.clone(),
            board: Arc::clone(&self.board),
        };
        let task = tokio::spawn(watch.run(limits, stopped));
        let mut budgets = self.budgets.lock().unwrap_or_else(PoisonError::into_inner);
        budgets.insert(name.clone(), budget);
        drop(budgets);
        self.watched.insert(name, Watched { stop, task });
    }

    fn begin_to_advise(&mut self, known: Known) -> Result<(), StartError> {
        let surroundings = Surroundings {
            config: self.config.advisor.clone(),
            history: Arc::clone(&self.history),
            budgets: Arc::clone(&self.budgets),
            clock: self.clock,
            events: self.events.clone(),
            board: Arc::clone(&self.board),
        };
        let advisor =
            Advisor::start(&self.config, surroundings, known).map_err(StartError::Thread)?;
        self.advisor = Some(advisor);
        Ok(())
    }

    async fn unwatch(&mut self, name: &str) {
        let Some(Watched { stop, task }) = self.watched.remove(name) else {
            return;
        };
        let _already_ended = stop.send(true);
        if let Err(error) = task.await {
            tracing::error!(server = name, %error, "the task that watched this server had failed");
        }
    }

    async fn send(&self, name: &str, what: What) {
        let event = Event::Server { server: name.into(), at: self.clock.now(), what };
        let _fold_ended = self.events.send(event).await;
    }
}

fn kept(config: &config::History) -> history::Limits {
    history::Limits { keep: config.keep, max_bytes: config.max_size, statements: config.statements }
}

fn limits(config: &Config) -> Limits {
    Limits {
        statements: config.statements.top,
        databases: config.database.top,
        tables: config.usage.top,
        write_history_every: config.history.write_interval,
        activity: activity::Limits {
            series: config.activity.series,
            picture_every: PICTURE,
            slow_after: SlowAfter {
                general: config.transactions.slow_after,
                of_application: config
                    .applications
                    .iter()
                    .map(|application| (application.name.clone(), application.slow_after))
                    .collect(),
            },
            report_after: config.locks.report_after,
            incident: Thresholds {
                victims: config.locks.incident_victims,
                after: config.locks.incident_after,
            },
        },
    }
}
