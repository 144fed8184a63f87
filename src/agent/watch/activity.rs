//! The fast lane: what sessions do, ten times a second, on a connection of its own.

use std::ops::ControlFlow;
use std::time::{Duration, SystemTime};

use super::Watch;
use super::message::Messages;
use crate::pg::{self, Backoff, Session};
use crate::sample::activity::{Question, Reader, Sample};
use crate::sample::{Outcome, SampleError, Sampler};
use crate::state::{Failure, Sampled, Spending, What};
use crate::track::activity::Taken;

/// How often it looks whether the server can be reached.
const LOOK: Duration = Duration::from_millis(100);
/// How often all sessions are counted, idle ones too.
const COUNT: Duration = Duration::from_secs(1);
/// A role that sees little may be granted more.
const BLIND_FOR: Duration = Duration::from_secs(60);
/// What the network may add to the server's own statement_timeout.
const NETWORK: Duration = Duration::from_secs(5);
/// While sessions wait, looking who blocks whom may take as much as this many budgets besides.
const INCIDENT: f64 = 2.0;
/// Weight of the newest look in their mean cost.
const NEWEST: f64 = 0.3;
/// The longest time between two looks while somebody waits.
const LONGEST_BETWEEN_LOOKS: Duration = Duration::from_secs(5);

/// Keeps sampling until nobody folds events any more.
pub(super) async fn keep_sampling(watch: &Watch) -> ControlFlow<()> {
    let mut messages = Messages::new(watch.name.clone());
    let mut backoff = Backoff::new(super::RETRY.0, super::RETRY.1);
    loop {
        // The other lane says whether the server is there, and learns the names of databases.
        let is_there = watch.see(|server| server.is_up() && server.databases.server.is_some());
        if is_there != Some(true) {
            tokio::time::sleep(LOOK).await;
            continue;
        }
        match Lane::begin(watch).await {
            Ok(mut lane) => lane.run(watch, &mut messages, &mut backoff).await?,
            Err(failure) => {
                messages.ran(Sampler::Activity, Some((failure.outcome, &failure.message)));
                report(watch, Sampler::Activity, Run::default(), Err(failure)).await?;
            }
        }
        tokio::time::sleep(backoff.next_wait()).await;
    }
}

/// How a run went.
#[derive(Clone, Copy, Debug, Default)]
struct Run {
    took: Duration,
    cost: Duration,
    interval: Option<Duration>,
}

async fn report(
    watch: &Watch,
    sampler: Sampler,
    run: Run,
    result: Result<Sampled, Failure>,
) -> ControlFlow<()> {
    let Run { took, cost, interval } = run;
    let spending = watch.spending();
    watch.send(What::Ran { sampler, took, cost, interval, result, spending }).await
}

/// A connection and what was prepared on it.
struct Lane {
    session: Session,
    activity: Reader,
    /// The shortest way to the server and back: none of the server's time.
    round_trip: Duration,
    /// The server's clock at the last sample: texts of later statements are wanted.
    since: SystemTime,
    /// Who waited or was waited for at the last look, and who has waited since: wanted also when they are idle.
    also: Vec<i32>,
    /// When looking who blocks whom is affordable again, since the agent's start.
    look_at: Duration,
    look_cost: Option<Duration>,
    count_at: Duration,
    /// How long after the last sample the next was meant to come.
    interval: Duration,
}

impl Lane {
    async fn begin(watch: &Watch) -> Result<Self, Failure> {
        let failure = |outcome, message| Failure { outcome, message };
        let session = pg::connect(&watch.server, &watch.server.dbname)
            .await
            .map_err(|error| failure(Outcome::Closed, error.to_string()))?;
        let limit = watch.server.statement_timeout * 4 + NETWORK;
        let prepared = async {
            let client = session.client();
            let activity = Reader::prepare(client).await?;
            Ok::<_, SampleError>((activity, round_trip(watch, &session).await?))
        };
        let (activity, round_trip) = match tokio::time::timeout(limit, prepared).await {
            Ok(Ok(prepared)) => prepared,
            Ok(Err(error)) => {
                let message = format!("cannot prepare the activity sampler: {error}");
                return Err(failure(error.outcome(), message));
            }
            Err(_) => {
                let message = format!("preparing the activity sampler took over {limit:?}");
                return Err(failure(Outcome::Timeout, message));
            }
        };
        let since = SystemTime::UNIX_EPOCH;
        let now = watch.clock.now().elapsed;
        let (look_at, look_cost, count_at) = (now, None, now);
        let also = Vec::new();
        let interval = watch.activity.interval;
        Ok(Self {
            session,
            activity,
            round_trip,
            since,
            also,
            look_at,
            look_cost,
            count_at,
            interval,
        })
    }

    /// Samples until the connection ends, or may be able to see more.
    async fn run(
        &mut self,
        watch: &Watch,
        messages: &mut Messages,
        backoff: &mut Backoff,
    ) -> ControlFlow<()> {
        let begun = watch.clock.now().elapsed;
        loop {
            let now = watch.clock.now().elapsed;
            if !self.activity.is_sighted() && now.saturating_sub(begun) > BLIND_FOR {
                return ControlFlow::Continue(());
            }
            let (outcome, wait) = self.sample(watch, messages).await?;
            if outcome == Outcome::Ok {
                backoff.reset();
            }
            if matches!(outcome, Outcome::Closed | Outcome::Missing) {
                return ControlFlow::Continue(());
            }
            // A tick that was missed is not caught up.
            let spent = watch.clock.now().elapsed.saturating_sub(now);
            tokio::time::sleep(wait.saturating_sub(spent)).await;
        }
    }

    /// Takes one sample; returns how that went and how long from its beginning to the next.
    async fn sample(
        &mut self,
        watch: &Watch,
        messages: &mut Messages,
    ) -> ControlFlow<(), (Outcome, Duration)> {
        let began = watch.clock.now().elapsed;
        let all = began >= self.count_at;
        if all {
            self.count_at = began + COUNT;
        }
        let question = Question { since: self.since, also: self.also.clone(), all };
        let asked = self.activity.read(self.session.client(), &question);
        let (answer, took) = timed(watch, asked).await;
        let cost = took.saturating_sub(self.round_trip);
        let spending = watch.spent(Sampler::Activity, watch.activity.interval, began, cost);
        let wait = watch.activity.interval.mul_f64(spending.stretch);
        let run = Run { took, cost, interval: Some(wait) };
        let failed = answer.as_ref().err().map(|f| (f.outcome, f.message.as_str()));
        messages.ran(Sampler::Activity, failed);
        let outcome = failed.map_or(Outcome::Ok, |(outcome, _)| outcome);
        let result = match answer {
            Err(failure) => Err(failure),
            Ok(mut sample) => {
                self.since = sample.now;
                if sample.waits.is_none() && began >= self.look_at {
                    self.look(watch, messages, &mut sample, &question, spending).await?;
                }
                let waiting = sample.sessions.iter().filter(|session| session.waits_for_lock());
                match sample.waits {
                    Some(_) => self.also = sample.in_waits().into_iter().collect(),
                    None => self.also.extend(waiting.map(|session| session.pid)),
                }
                self.also.sort_unstable();
                self.also.dedup();
                let (at, sighted) = (began, self.activity.is_sighted());
                let interval = std::mem::replace(&mut self.interval, wait);
                Ok(Sampled::Activity { taken: Taken { at, interval, sighted }, sample })
            }
        };
        report(watch, Sampler::Activity, run, result).await?;
        ControlFlow::Continue((outcome, wait))
    }

    /// Looks who blocks whom; the next look is when the mean look can be afforded again.
    async fn look(
        &mut self,
        watch: &Watch,
        messages: &mut Messages,
        sample: &mut Sample,
        asked: &Question,
        spending: Spending,
    ) -> ControlFlow<()> {
        let began = watch.clock.now().elapsed;
        let (answer, took) =
            timed(watch, self.activity.look(self.session.client(), sample, asked)).await;
        let cost = took.saturating_sub(self.round_trip);
        let mean =
            self.look_cost.map_or(cost, |mean| mean.mul_f64(1.0 - NEWEST) + cost.mul_f64(NEWEST));
        self.look_cost = Some(mean);
        let affordable = mean.div_f64((spending.limit * INCIDENT).max(1e-6));
        let wait = affordable.min(LONGEST_BETWEEN_LOOKS);
        self.look_at = began + wait;
        messages
            .ran(Sampler::Blockers, answer.as_ref().err().map(|f| (f.outcome, f.message.as_str())));
        let run = Run { took, cost, interval: Some(wait.max(watch.activity.interval)) };
        report(watch, Sampler::Blockers, run, answer.map(|()| Sampled::Blockers)).await
    }
}

/// The shortest of some ways to the server and back.
async fn round_trip(watch: &Watch, session: &Session) -> Result<Duration, SampleError> {
    let mut shortest = Duration::MAX;
    for _ in 0..5 {
        let began = watch.clock.now().elapsed;
        session.client().simple_query("").await?;
        shortest = shortest.min(watch.clock.now().elapsed.saturating_sub(began));
    }
    Ok(shortest)
}

/// Waits for an answer, but not for ever: a network that has gone silent does not say so.
async fn timed<T>(
    watch: &Watch,
    asked: impl Future<Output = Result<T, SampleError>>,
) -> (Result<T, Failure>, Duration) {
    let began = watch.clock.now().elapsed;
    let limit = watch.server.statement_timeout + NETWORK;
    let answer = match tokio::time::timeout(limit, asked).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => {
            let message = format!("looking at sessions brought nothing: {error}");
            Err(Failure { outcome: error.outcome(), message })
        }
        Err(_) => {
            let message = format!("no answer within {limit:?}; the network may be gone");
            Err(Failure { outcome: Outcome::Closed, message })
        }
    };
    (answer, watch.clock.now().elapsed.saturating_sub(began))
}
