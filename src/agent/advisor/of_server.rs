//! One server's turns: run the advisor, look what was applied, tell what is news.

mod look;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use super::Surroundings;
use super::shares::{Shares, in_order};
use super::told::{databases, erps, failure, forget_joins, report};
use super::turns::Turns;
use super::waiting::waited;
use crate::advise::candidate::Allowed;
use crate::advise::database::{self, Advised, Bounds, RunError};
use crate::advise::ledger::{Change, Ledger, Line, Look, OfDatabase, Past, Picture, Today};
use crate::advise::source;
use crate::config;
use crate::erp::Erps;
use crate::history::{Batch, Period, Place};
use crate::pg;
use crate::sample::{Outcome, Sampler};
use crate::state::{Event, Failure, Sampled, Spending, What};
use crate::track::hours::unix;

/// What connecting, reading and searching may take beside the planner.
const BESIDE: Duration = Duration::from_secs(120);
/// What the network may add to what the server's own timeouts allow.
const NETWORK: Duration = Duration::from_secs(10);
/// What has grown is written some minutes late.
const LATE: i64 = 900;

/// What is known of one server.
pub(in crate::agent) struct OfServer {
    name: Arc<str>,
    ledger: Ledger,
    databases: BTreeMap<Arc<str>, OfDatabase>,
    picture: Arc<Picture>,
    turns: Turns,
    /// The hour up to which each database's applied suggestions were measured.
    measured: BTreeMap<Arc<str>, i64>,
    /// What the planner last took for each database.
    planned: BTreeMap<Arc<str>, Duration>,
    /// What was last said of each database in the log.
    said: BTreeMap<Arc<str>, Vec<String>>,
}

/// How a turn ended: what to tell of it.
type Ran = Result<Sampled, Failure>;

impl OfServer {
    pub(super) fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            ledger: Ledger::default(),
            databases: BTreeMap::new(),
            picture: Arc::default(),
            turns: Turns::default(),
            measured: BTreeMap::new(),
            planned: BTreeMap::new(),
            said: BTreeMap::new(),
        }
    }

    /// Goes on with a ledger; when it was last suggested something, is known from that.
    pub(super) fn remembering(name: &str, lines: Vec<Line>, around: &Surroundings) -> Self {
        let ledger = Ledger::of(lines);
        let turns = Turns { ran: ledger.last_suggested(), ..Turns::default() };
        let mut known = Self { ledger, turns, ..Self::new(name) };
        known.draw(around);
        known
    }

    /// Does what is due. Breaks when nobody folds events any more.
    pub(super) async fn turn(
        &mut self,
        server: &config::Server,
        around: &Surroundings,
    ) -> ControlFlow<()> {
        let board = around.board.load();
        let Some((is_up, shown)) = board
            .snapshot
            .server(&self.name)
            .map(|server| (server.is_up(), Arc::clone(&server.suggestions)))
        else {
            return ControlFlow::Continue(());
        };
        drop(board);
        // A server that was added anew has forgotten.
        if !Arc::ptr_eq(&shown, &self.picture) && *shown != *self.picture {
            self.tell(around, Vec::new()).await?;
        }
        if !is_up || !around.config.enabled {
            return ControlFlow::Continue(());
        }
        let at = around.clock.now();
        let (elapsed, now) = (at.elapsed, unix(at.wall));
        let stretch = self.spending(around).map_or(1.0, |spending| spending.stretch);
        if self.turns.run_is_due(&around.config, elapsed, now, stretch) {
            match self.turns.is_hour(&around.config, elapsed, now) {
                Some(true) => return self.run(server, around).await,
                Some(false) => {}
                None => self.ask_the_hour(server, elapsed).await,
            }
        }
        if self.turns.look_is_due(&around.config, elapsed, stretch) {
            self.turns.looked = Some(elapsed);
            return self.look(server, around).await;
        }
        ControlFlow::Continue(())
    }

    async fn ask_the_hour(&mut self, server: &config::Server, elapsed: Duration) {
        let ask = async {
            let session = pg::connect(server, &server.dbname).await?;
            database::utc_offset(&session).await
        };
        let limit = server.connect_timeout + server.statement_timeout + NETWORK;
        // An unknown zone is UTC until it is asked again.
        let ahead = match tokio::time::timeout(limit, ask).await {
            Ok(Ok(ahead)) => ahead,
            Ok(Err(error)) => {
                tracing::debug!(server = %self.name, "cannot ask for the time zone: {error}");
                0
            }
            Err(_) => 0,
        };
        self.turns.ahead = Some((ahead, elapsed));
    }

    /// Advises on each database.
    async fn run(&mut self, server: &config::Server, around: &Surroundings) -> ControlFlow<()> {
        let began = around.clock.now();
        self.turns.ran = Some(unix(began.wall));
        let mut cost = Duration::ZERO;
        let result = self.advise_on_all(server, around, &mut cost).await?;
        self.turns.failed = result.is_err();
        // A run that failed has seen no catalog.
        if result.is_ok() {
            self.turns.looked = Some(around.clock.now().elapsed);
        }
        let interval = around.config.interval;
        let took = around.clock.now().elapsed.saturating_sub(began.elapsed);
        self.ran(Sampler::Advisor, (took, cost), interval, result, around).await
    }

    async fn advise_on_all(
        &mut self,
        server: &config::Server,
        around: &Surroundings,
        cost: &mut Duration,
    ) -> ControlFlow<(), Ran> {
        let (found, waiting) = waited(databases(server, around)).await;
        *cost += waiting;
        let datnames = match found {
            Ok(found) => found,
            Err(error) => return ControlFlow::Continue(Err(failure(&error))),
        };
        let erps = erps(server, around);
        let mut shares = Shares::of(around.config.database_time, datnames.len());
        let mut last: Option<Failure> = None;
        let mut advised = 0;
        for datname in in_order(&datnames, &self.planned) {
            let began = around.clock.now().elapsed;
            let share = shares.next();
            let advising = self.advise_on(server, &erps, &datname, share, around);
            let (answer, waiting) = waited(Box::pin(advising)).await;
            *cost += waiting;
            let took = around.clock.now().elapsed.saturating_sub(began);
            match &answer {
                Ok((advised, _)) => {
                    let planning = Duration::try_from_secs_f64(advised.advice.planning_ms / 1e3);
                    let planning = planning.unwrap_or_default();
                    shares.spent(planning);
                    self.planned.insert(Arc::clone(&datname), planning);
                }
                Err((kind, failure)) => {
                    // Nobody knows how much of it those took.
                    if matches!(*kind, "timeout" | "planner") {
                        shares.spent(share);
                        self.planned.insert(Arc::clone(&datname), share);
                    }
                    last = Some(failure.clone());
                }
            }
            advised += usize::from(answer.is_ok());
            let changes = self.take(&datname, took, answer, around);
            self.tell(around, changes).await?;
        }
        if forget_joins(&mut self.databases, &datnames) {
            self.tell(around, Vec::new()).await?;
        }
        ControlFlow::Continue(match last {
            Some(failure) if advised == 0 => Err(failure),
            _ => Ok(Sampled::Advice),
        })
    }

    /// The advice on one database, and its catalog as far as the ledger needs it.
    async fn advise_on(
        &self,
        server: &config::Server,
        erps: &Erps,
        datname: &Arc<str>,
        planning: Duration,
        around: &Surroundings,
    ) -> Result<(Advised, crate::advise::catalog::Catalog), (&'static str, Failure)> {
        let config = &around.config;
        let place = self.place(datname);
        let period = Period::last_days(place, config.days, unix(around.clock.now().wall));
        let asked = around.history.ask(move |reader| source::remembered(reader, &period));
        let remembered = asked.and_then(|answer| answer).unwrap_or_else(|error| {
            tracing::warn!(server = %self.name, datname = &**datname, "{error}");
            None
        });
        let bounds = Bounds {
            budget_bytes: config.budget_bytes,
            max: config.max,
            planning,
            allowed: Allowed { values_of: config.state_columns.clone() },
            unused_days: config.unused_days,
        };
        let limit = planning * 4 + BESIDE;
        let advising = async {
            let erp = erps.of(datname);
            let advised = database::advise_on(server, erp, datname, &bounds, remembered).await?;
            let mut relations = self.ledger.relations(datname);
            relations.extend(advised.advice.suggestions.iter().filter_map(|suggestion| {
                let (schema, name) = suggestion.table.split_once('.')?;
                Some((schema.to_owned(), name.to_owned()))
            }));
            let catalog = database::look(&advised.asking, datname, &relations).await?;
            Ok::<_, RunError>((advised, catalog))
        };
        match tokio::time::timeout(limit, advising).await {
            Ok(Ok(found)) => Ok(found),
            Ok(Err(error)) => Err((error.kind(), failure(&error))),
            Err(_) => {
                let message = format!(
                    "advising on `{datname}` took over {limit:?} and was given up; lower \
                     `advisor.database_time` or name fewer `advisor.datnames`"
                );
                Err(("timeout", Failure { outcome: Outcome::Timeout, message }))
            }
        }
    }

    /// Takes up what came of one database.
    fn take(
        &mut self,
        datname: &Arc<str>,
        took: Duration,
        answer: Result<(Advised, crate::advise::catalog::Catalog), (&'static str, Failure)>,
        around: &Surroundings,
    ) -> Vec<Change> {
        let now = unix(around.clock.now().wall);
        let of = self.databases.entry(Arc::clone(datname)).or_default();
        of.last_seconds = took.as_secs_f64();
        match answer {
            Ok((Advised { advice, source, asking }, catalog)) => {
                drop(asking);
                of.last_success = Some(now);
                of.successes += 1;
                of.failure = None;
                of.source = source;
                of.statements = advice.statements;
                of.seconds_per_day = advice.seconds_per_day;
                of.understood_ratio = advice.understood_share;
                of.what_if_calls += advice.what_if_calls;
                of.planning_seconds += advice.planning_ms / 1e3;
                of.bad_joins = Arc::new(advice.bad_joins);
                of.notes.clone_from(&advice.notes);
                let notes = advice.notes.clone();
                self.say(datname, notes);
                let past = self.past(datname, &catalog, now, around);
                let today = Today {
                    suggestions: &advice.suggestions,
                    definitions: &advice.definitions,
                    is_complete: advice.is_complete,
                };
                self.fold(datname, now, &catalog, Some(today), past.as_ref())
            }
            Err((reason, failure)) => {
                *of.failures.entry(reason).or_default() += 1;
                of.failure = Some(failure.message.clone());
                self.say(datname, vec![failure.message]);
                Vec::new()
            }
        }
    }

    fn fold(
        &mut self,
        datname: &Arc<str>,
        now: i64,
        catalog: &crate::advise::catalog::Catalog,
        today: Option<Today<'_>>,
        past: Option<&Past>,
    ) -> Vec<Change> {
        let server = Arc::clone(&self.name);
        self.ledger.fold(&Look { server: &server, datname, now, catalog, today, past })
    }

    /// Publishes what is known, tells what is news, and has it remembered.
    async fn tell(&mut self, around: &Surroundings, changes: Vec<Change>) -> ControlFlow<()> {
        self.draw(around);
        let at = around.clock.now();
        let rows = changes.iter().filter_map(|change| {
            let row = change.line.to_row();
            row.inspect_err(|error| tracing::error!("the ledger cannot be written: {error}")).ok()
        });
        let suggestions = rows.collect();
        around.history.record(Batch { at: unix(at.wall), suggestions, ..Batch::default() });
        let reports = changes.into_iter().filter(Change::is_news).map(report).collect();
        let what = What::Suggested { picture: Arc::clone(&self.picture), reports };
        self.send(around, what).await
    }

    fn draw(&mut self, around: &Surroundings) {
        let shown = around.config.shown;
        let picture = Picture::of(self.ledger.lines(), self.databases.clone(), shown);
        if picture != *self.picture {
            self.picture = Arc::new(picture);
        }
    }

    /// Tells how a turn went and what it has cost.
    async fn ran(
        &self,
        sampler: Sampler,
        (took, cost): (Duration, Duration),
        interval: Duration,
        result: Ran,
        around: &Surroundings,
    ) -> ControlFlow<()> {
        let Some(budget) = around.budget(&self.name) else { return ControlFlow::Continue(()) };
        let began = around.clock.now().elapsed.saturating_sub(took);
        budget.lock().unwrap_or_else(PoisonError::into_inner).spent(sampler, interval, began, cost);
        let Some(spending) = self.spending(around) else { return ControlFlow::Continue(()) };
        let interval = Some(interval.mul_f64(spending.stretch));
        let what = What::Ran { sampler, took, cost, interval, result, spending };
        self.send(around, what).await
    }

    fn spending(&self, around: &Surroundings) -> Option<Spending> {
        let budget = around.budget(&self.name)?;
        let budget = budget.lock().unwrap_or_else(PoisonError::into_inner);
        Some(crate::agent::watch::spending(&budget))
    }

    async fn send(&self, around: &Surroundings, what: What) -> ControlFlow<()> {
        let event = Event::Server { server: Arc::clone(&self.name), at: around.clock.now(), what };
        match around.events.send(event).await {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    }

    /// Says once what is lacking, or why there is no advice.
    fn say(&mut self, datname: &Arc<str>, lines: Vec<String>) {
        let said = self.said.get(datname).map(Vec::as_slice).unwrap_or_default();
        for line in lines.iter().filter(|line| !said.contains(line)) {
            tracing::warn!(server = %self.name, datname = &**datname, "the index advisor: {line}");
        }
        self.said.insert(Arc::clone(datname), lines);
    }

    fn place(&self, datname: &Arc<str>) -> Place {
        Place { server: Arc::clone(&self.name), datname: Arc::clone(datname) }
    }
}
