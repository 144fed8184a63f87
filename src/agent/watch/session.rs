//! Sampling over one connection, until it ends.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use super::connection::{NETWORK, connect, lacking, probe};
use super::duplicates::Duplicates;
use super::message::{Messages, describe};
use super::turn::Turn;
use super::{Kept, Watch};
use crate::agent::schedule::Schedule;
use crate::erp::Erps;
use crate::pg::{Backoff, Capabilities, Session};
use crate::recognise::{Rounds, recognise_in_turn};
use crate::sample::{
    Outcome, SampleError, Sampler, catalog, database, io, queues, relations, replication, settings,
    statements, texts, usage, vacuum,
};
use crate::state::{Failure, Sampled, ServerSnapshot, What};

/// How often it looks whether the connection still stands and whether texts are wanted.
const LOOK: Duration = Duration::from_secs(1);
/// When a server that lacks something is first probed again, and the longest wait between probes:
/// each looks into every database.
const PROBE_AGAIN: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(120));
/// A database made since, or an ERP installed in one, is recognised after this time; the second, where
/// there are databases that nobody could look into yet, as others came first.
const RECOGNISE_AGAIN: (Duration, Duration) =
    (Duration::from_secs(3_600), Duration::from_secs(300));
/// The longest wait after texts could not be read.
const LONGEST_TEXTS_WAIT: Duration = Duration::from_secs(3_600);

/// Databases of ERPs whose catalogs, and whose queues, are looked into in one go.
const MOST_DATABASES: usize = 10;
/// What nobody misses for some seconds after a connection was made.
const LATER: [Sampler; 6] = {
    use Sampler::{Catalog, Duplicates, Io, Queues, Replication, Vacuum};
    [Vacuum, Replication, Io, Queues, Catalog, Duplicates]
};

/// Why sampling over this connection ended.
pub(super) enum Ended {
    /// The server can now do more or less than before: begin anew.
    Changed,
    /// The connection is gone; why.
    Lost(String),
}

/// A connection and what was prepared on it.
pub(super) struct Sampling {
    session: Session,
    lacking: Vec<String>,
    database: database::Reader,
    statements: Option<statements::Reader>,
    texts: Option<texts::Reader>,
    texts_failed: u32,
    erps: Arc<Erps>,
    vacuum: vacuum::Reader,
    replication: replication::Reader,
    io: io::Reader,
    usage_turn: Turn,
    catalog_turn: Turn,
    queues_turn: Turn,
    queue_looks: Arc<queues::Looks>,
    duplicates: Duplicates,
    schedule: Schedule,
    /// What was looked at on this connection.
    looked: BTreeSet<Sampler>,
}

impl Sampling {
    /// Connects, probes, and prepares; the error is a bounded reason and a message.
    pub(super) async fn begin(watch: &Watch) -> Result<Self, (&'static str, String)> {
        let (session, found) = connect(watch).await?;
        let prepared = Self::prepare(watch, session, &found);
        let limit = watch.server.statement_timeout * 4 + NETWORK;
        match tokio::time::timeout(limit, prepared).await {
            Ok(Ok(sampling)) => Ok(sampling),
            Ok(Err(error)) => Err(("prepare", format!("cannot prepare the samplers: {error}"))),
            Err(_) => Err(("timeout", format!("preparing the samplers took over {limit:?}"))),
        }
    }

    async fn prepare(
        watch: &Watch,
        session: Session,
        found: &Capabilities,
    ) -> Result<Self, SampleError> {
        let client = session.client();
        let database = database::Reader::prepare(client, found.version_num).await?;
        let vacuum = vacuum::Reader::prepare(client).await?;
        let replication = replication::Reader::prepare(client).await?;
        let io = io::Reader::prepare(client).await?;
        let (mut statements, mut texts) = (None, None);
        let mut schedule = Schedule::default();
        let now = watch.clock.now().elapsed;
        schedule.plan(Sampler::Database, now);
        if let Ok(extension) = &found.statements {
            statements = Some(statements::Reader::prepare(client, extension).await?);
            let chars = watch.statements.text_chars;
            texts = Some(texts::Reader::prepare(client, extension, chars).await?);
            schedule.plan(Sampler::Statements, now + jitter(watch.statements.interval));
            schedule.plan(Sampler::Texts, now + LOOK * 2);
        }
        schedule.plan(Sampler::Relations, now + LOOK);
        // Settings say how near tables are to their next vacuum.
        schedule.plan(Sampler::Settings, now + LOOK);
        schedule.plan(Sampler::Usage, now + LOOK);
        // What can wait does not come all at once.
        for (place, sampler) in (2..).zip(LATER) {
            schedule.plan(sampler, now + LOOK * place);
        }
        let (lacking, erps) = (lacking(found), Arc::default());
        Ok(Self {
            session,
            lacking,
            database,
            statements,
            texts,
            texts_failed: 0,
            erps,
            vacuum,
            replication,
            io,
            usage_turn: Turn::default(),
            catalog_turn: Turn::default(),
            queues_turn: Turn::default(),
            queue_looks: Arc::default(),
            duplicates: Duplicates::default(),
            schedule,
            looked: BTreeSet::new(),
        })
    }

    /// What is missing for full sight.
    pub(super) fn lacking(&self) -> &[String] {
        &self.lacking
    }

    /// Which ERP is in which database.
    pub(super) async fn recognise(&mut self, watch: &Watch, rounds: &mut Rounds) -> Arc<Erps> {
        let (server, profiles) = (&watch.server, &watch.profiles);
        self.erps = Arc::new(recognise_in_turn(server, &self.session, profiles, rounds).await);
        Arc::clone(&self.erps)
    }

    /// Whether texts of statements will be read.
    pub(super) fn reads_texts(&self) -> bool {
        self.texts.is_some()
    }

    /// Samples until the connection ends. Breaks when nobody folds events any more.
    pub(super) async fn run(
        &mut self,
        watch: &Watch,
        kept: &mut Kept,
        backoff: &mut Backoff,
    ) -> ControlFlow<(), Ended> {
        let mut probe_wait = PROBE_AGAIN.0;
        let mut probe_at = watch.clock.now().elapsed + probe_wait;
        let mut recognise_at = watch.clock.now().elapsed + recognise_again(&kept.rounds);
        loop {
            let now = watch.clock.now().elapsed;
            if self.session.is_closed() {
                return ControlFlow::Continue(Ended::Lost("the connection was closed".to_owned()));
            }
            if !self.lacking.is_empty() && now >= probe_at {
                probe_wait = (probe_wait * 2).min(PROBE_AGAIN.1);
                if self.has_changed(watch).await {
                    return ControlFlow::Continue(Ended::Changed);
                }
                probe_at = watch.clock.now().elapsed + probe_wait;
            }
            if now >= recognise_at {
                let erps = self.recognise(watch, &mut kept.rounds).await;
                watch.send(What::Recognised(erps)).await?;
                recognise_at = watch.clock.now().elapsed + recognise_again(&kept.rounds);
            }
            let Some((sampler, due)) = self.schedule.first(watch.spending().stretch) else {
                tokio::time::sleep(LOOK).await;
                continue;
            };
            if due > now {
                tokio::time::sleep(due.saturating_sub(now).min(LOOK)).await;
                continue;
            }
            match self.sample(sampler, watch, &mut kept.messages).await? {
                // Only when all that can be sampled is: else a sampler that is missing something
                // would make connection after connection.
                Some(Outcome::Ok)
                    if sampler == Sampler::Statements || self.statements.is_none() =>
                {
                    backoff.reset();
                }
                Some(Outcome::Closed) => {
                    let message = "the connection was closed by the server or the network";
                    return ControlFlow::Continue(Ended::Lost(message.to_owned()));
                }
                Some(Outcome::Missing) => return ControlFlow::Continue(Ended::Changed),
                _ => {}
            }
        }
    }

    /// Runs one sampler and plans its next run; `None` if there was nothing to ask.
    async fn sample(
        &mut self,
        sampler: Sampler,
        watch: &Watch,
        messages: &mut Messages,
    ) -> ControlFlow<(), Option<Outcome>> {
        // Counting records can take minutes, and comes when it is quiet.
        let is_first = sampler != Sampler::Duplicates && !self.looked.contains(&sampler);
        let room = if is_first { watch.first_looks.acquire().await.ok() } else { None };
        let began = watch.clock.now();
        let limit = watch.patience(sampler) + NETWORK;
        let asked = tokio::time::timeout(limit, self.ask(sampler, watch)).await;
        drop(room);
        let answer = match asked {
            Ok(Ok(None)) => {
                self.schedule.plan(sampler, began.elapsed + LOOK);
                watch.rests(sampler);
                return ControlFlow::Continue(None);
            }
            Ok(Ok(Some(sample))) => Ok(sample),
            Ok(Err(error)) => {
                Err(Failure { outcome: error.outcome(), message: describe(sampler, &error) })
            }
            Err(_) => Err(Failure {
                outcome: Outcome::Closed,
                message: format!("no answer within {limit:?}; the network may be gone"),
            }),
        };
        // In vain, too: who does not answer must not keep the others from theirs.
        self.looked.insert(sampler);
        let took = watch.clock.now().elapsed.saturating_sub(began.elapsed);
        let outcome = answer.as_ref().map_or_else(|failure| failure.outcome, |_| Outcome::Ok);
        if sampler == Sampler::Usage {
            messages.unwatched(watch.see(ServerSnapshot::unwatched).unwrap_or(0));
        }
        messages.ran(sampler, answer.as_ref().err().map(|f| (f.outcome, f.message.as_str())));
        let interval = self.interval(sampler, watch, outcome);
        let spending = watch.spent(sampler, interval, began.elapsed, took);
        self.plan_next(sampler, began.elapsed, interval);
        let (result, intervals) = (answer, self.schedule.waits(spending.stretch));
        let ran = What::Ran { sampler, took, cost: took, interval: None, result, spending };
        watch.send(ran).await?;
        watch.send(What::Paced(intervals)).await?;
        ControlFlow::Continue(Some(outcome))
    }

    async fn ask(
        &mut self,
        sampler: Sampler,
        watch: &Watch,
    ) -> Result<Option<Sampled>, SampleError> {
        let client = self.session.client();
        Ok(match sampler {
            Sampler::Database => {
                Some(Sampled::Database(Box::new(self.database.read(client).await?)))
            }
            Sampler::Statements => match &self.statements {
                Some(reader) => Some(Sampled::Statements(reader.read(client).await?)),
                None => None,
            },
            Sampler::Texts => {
                let wanted = watch.see(|server| server.statements.wanted.clone());
                match (&self.texts, wanted) {
                    (Some(reader), Some(wanted)) if !wanted.is_empty() => {
                        Some(Sampled::Texts(reader.read(client, &wanted).await?))
                    }
                    _ => None,
                }
            }
            Sampler::Relations => {
                let seen = |server: &ServerSnapshot| {
                    (server.activity.wanted.clone(), Arc::clone(&server.databases))
                };
                match watch.see(seen) {
                    Some((wanted, databases)) if !wanted.is_empty() => {
                        let names = relations::read(&self.session, &databases.datnames, &wanted);
                        Some(Sampled::Relations(names.await?))
                    }
                    _ => None,
                }
            }
            Sampler::Settings => Some(Sampled::Settings(settings::read(&self.session).await?)),
            Sampler::Usage => {
                let own = self.session.datname();
                match self.usage_turn.next(watch, own, &self.erps, usage::MOST_DATABASES) {
                    Some((dbid, others)) => {
                        let read = usage::read(&self.session, dbid, &others, NETWORK);
                        Some(Sampled::Usage(read.await?))
                    }
                    None => None,
                }
            }
            Sampler::Vacuum => Some(Sampled::Vacuum(self.vacuum.read(client).await?)),
            Sampler::Replication => {
                Some(Sampled::Replication(self.replication.read(client).await?))
            }
            Sampler::Io => Some(Sampled::Io(Box::new(self.io.read(client).await?))),
            Sampler::Catalog => {
                let own = self.session.datname();
                match self.catalog_turn.next(watch, own, &self.erps, MOST_DATABASES) {
                    Some((dbid, others)) => {
                        let read = catalog::read(&self.session, dbid, &others, NETWORK);
                        Some(Sampled::Catalog(read.await?))
                    }
                    None => None,
                }
            }
            Sampler::Queues => {
                let own = self.session.datname();
                match self.queues_turn.next(watch, own, &self.erps, MOST_DATABASES) {
                    Some((dbid, others)) => {
                        let of = |datname: &str| self.erps.of(datname).queues().cloned().collect();
                        let looks = &self.queue_looks;
                        let read = queues::read(&self.session, dbid, &others, of, looks, NETWORK);
                        Some(Sampled::Queues(read.await?))
                    }
                    None => None,
                }
            }
            Sampler::Duplicates => {
                let sample = self.duplicates.ask(watch, &self.session, &self.erps, NETWORK);
                sample.await?.map(Sampled::Duplicates)
            }
            // The other lanes'.
            Sampler::Activity
            | Sampler::Blockers
            | Sampler::Log
            | Sampler::Advisor
            | Sampler::Ledger => None,
        })
    }

    fn interval(&mut self, sampler: Sampler, watch: &Watch, outcome: Outcome) -> Duration {
        match sampler {
            Sampler::Database => watch.database.interval,
            Sampler::Statements => watch.statements.interval,
            Sampler::Texts => self.texts_interval(watch, outcome),
            Sampler::Usage => watch.usage.interval,
            Sampler::Vacuum | Sampler::Replication | Sampler::Io => watch.upkeep.interval,
            Sampler::Settings => watch.upkeep.settings_interval,
            Sampler::Catalog => watch.upkeep.catalog_interval,
            Sampler::Queues => watch.upkeep.queues_interval,
            Sampler::Duplicates => watch.duplicates.interval,
            _ => LOOK,
        }
    }

    /// A tick that was missed is not caught up; texts that fail are asked for ever more rarely.
    fn plan_next(&mut self, sampler: Sampler, began: Duration, interval: Duration) {
        let longest = match sampler {
            Sampler::Texts => LONGEST_TEXTS_WAIT.max(interval),
            _ => Duration::MAX,
        };
        self.schedule.plan_after(sampler, began, interval, longest);
    }

    fn texts_interval(&mut self, watch: &Watch, outcome: Outcome) -> Duration {
        self.texts_failed = if outcome == Outcome::Ok { 0 } else { self.texts_failed + 1 };
        let configured = watch.statements.texts_interval;
        let rarer = configured.saturating_mul(1 << self.texts_failed.min(10));
        rarer.min(LONGEST_TEXTS_WAIT.max(configured))
    }

    /// Silence counts as no change: the next sampler will find out what it means.
    async fn has_changed(&self, watch: &Watch) -> bool {
        match probe(watch, &self.session).await {
            Ok(found) => lacking(&found) != self.lacking,
            Err((_, error)) => {
                tracing::debug!(server = %watch.name, "cannot probe again: {error}");
                false
            }
        }
    }
}

fn recognise_again(rounds: &Rounds) -> Duration {
    if rounds.lacks_some() { RECOGNISE_AGAIN.1 } else { RECOGNISE_AGAIN.0 }
}

/// Up to a tenth of the interval, at most a second: agents that start together do not ask together.
fn jitter(interval: Duration) -> Duration {
    (interval / 10).min(Duration::from_secs(1)).mul_f64(fastrand::f64())
}
