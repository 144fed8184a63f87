//! What the rules are told from the history: asked seldom, and never on the way of a sample.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::Deserialize;

use crate::finding::{Hours, RULES, hours_of_weeks};
use crate::history::{Episode, History, HistoryError, ModuleSize, Period, Reader};
use crate::sample::Moment;
use crate::track::findings::{Before, Candidate, Severity, Week};
use crate::track::growth::WEEK;
use crate::track::hours::unix;

/// How often the history is asked.
const EVERY: Duration = Duration::from_secs(600);
/// So many days are asked for; of what opened and has not closed, all that is remembered.
const DAYS: u32 = 35;
/// Openings and closings that are read.
const EPISODES: u32 = 20_000;

/// What was asked for last.
pub(super) struct Memory {
    history: Arc<History>,
    /// When it was asked last; `None` until it has answered once.
    asked: Option<Duration>,
    /// That it has not answered yet was said.
    has_warned: bool,
    hours: Arc<Hours>,
}

/// What is new.
#[derive(Default)]
pub(super) struct Told {
    /// How the last week was.
    pub(super) week: Option<Arc<Week>>,
    /// Findings that were open when the agent ended last, by their ids.
    pub(super) before: BTreeMap<String, Before>,
    /// How large modules were before the agent started.
    pub(super) sizes: Vec<ModuleSize>,
}

struct Answer {
    hours: Hours,
    episodes: Vec<Episode>,
    sizes: Vec<ModuleSize>,
}

/// What is read of an event again.
#[derive(Deserialize)]
struct Event {
    phase: String,
    id: String,
    rule: String,
    severity: Severity,
    datname: Arc<str>,
    subject: Arc<str>,
    module: Arc<str>,
    summary: String,
    cost_seconds_per_day: Option<f64>,
}

/// A finding that opened or closed.
struct Turn {
    event: Event,
    server: Arc<str>,
    /// When it opened.
    opened: SystemTime,
    /// When that was told.
    told: i64,
}

impl Memory {
    pub(super) fn new(history: Arc<History>) -> Self {
        Self { history, asked: None, has_warned: false, hours: Arc::default() }
    }

    /// Load by hour, as last asked.
    pub(super) fn hours(&self) -> &Arc<Hours> {
        &self.hours
    }

    /// Asks, if it is time to: at every turn until there is an answer.
    pub(super) async fn recall(&mut self, at: Moment) -> Told {
        let is_first = self.asked.is_none();
        if self.asked.is_some_and(|asked| at.elapsed.saturating_sub(asked) < EVERY) {
            return Told::default();
        }
        // What is told once must not be lost with a question that failed.
        self.asked = self.asked.map(|_| at.elapsed);
        let (history, now) = (Arc::clone(&self.history), unix(at.wall));
        let asking = tokio::task::spawn_blocking(move || {
            history.ask(move |reader| ask(reader, now, is_first))
        });
        let answer = match asking.await {
            Ok(Ok(Ok(answer))) => answer,
            Ok(Ok(Err(error)) | Err(error)) => return self.fail(&error),
            Err(error) => return self.fail(&error),
        };
        self.asked = Some(at.elapsed);
        let turns: Vec<Turn> = answer.episodes.iter().filter_map(turn).collect();
        let week = hours_of_weeks(&answer.hours, now, counts(&turns, now));
        self.hours = Arc::new(answer.hours);
        let before = if is_first { open(turns) } else { BTreeMap::new() };
        Told { week: Some(Arc::new(week)), before, sizes: answer.sizes }
    }

    fn fail(&mut self, error: &dyn Display) -> Told {
        if self.asked.is_none() && !self.has_warned {
            self.has_warned = true;
            tracing::warn!(
                "the history does not tell what was before the start, and is asked again until it does: {error}"
            );
        } else {
            tracing::debug!("the rules are told nothing of the history: {error}");
        }
        Told::default()
    }
}

fn ask(reader: &Reader<'_>, now: i64, is_first: bool) -> Result<Answer, HistoryError> {
    let mut hours = Hours::default();
    for place in reader.databases()? {
        let found = reader.hours(&Period::last_days(place.clone(), DAYS, now))?;
        hours.insert(place, found);
    }
    let from = if is_first { 0 } else { now - i64::from(DAYS) * 86_400 };
    let episodes = reader.episodes(from, now + 1, Some("finding"), EPISODES)?;
    let sizes = if is_first { reader.module_sizes(now - WEEK)? } else { Vec::new() };
    Ok(Answer { hours, episodes, sizes })
}

fn turn(episode: &Episode) -> Option<Turn> {
    let opened = Duration::from_secs(u64::try_from(episode.start).ok()?);
    Some(Turn {
        event: serde_json::from_str(&episode.json).ok()?,
        server: episode.server.clone().unwrap_or_else(|| "".into()),
        opened: SystemTime::UNIX_EPOCH + opened,
        told: episode.end,
    })
}

/// How many opened and closed in the last week.
fn counts(turns: &[Turn], now: i64) -> (u64, u64) {
    let of = |wanted: &str| {
        let all = turns.iter();
        all.filter(|turn| turn.event.phase == wanted && turn.told >= now - 7 * 86_400).count()
    };
    (of("opened") as u64, of("closed") as u64)
}

/// Those of which the last that was told is that they opened, since that was told first. `turns`
/// has the last first. What a rule has said that is no more is left out.
fn open(turns: Vec<Turn>) -> BTreeMap<String, Before> {
    let mut open = BTreeMap::new();
    for Turn { event, server, opened, .. } in turns.into_iter().rev() {
        if event.phase != "opened" {
            open.remove(&event.id);
        } else if let Some(rule) = RULES.iter().find(|rule| rule.about.id == event.rule) {
            let candidate = Candidate {
                datname: event.datname,
                subject: event.subject,
                module: event.module,
                severity: event.severity,
                summary: event.summary,
                evidence: Vec::new(),
                sql: Vec::new(),
                cost_seconds_per_day: event.cost_seconds_per_day,
            };
            let candidate = Arc::new(candidate);
            open.entry(event.id).or_insert(Before {
                about: &rule.about,
                server,
                candidate,
                opened,
            });
        }
    }
    open
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::remember;
    use crate::history::Limits;
    use crate::state::Entry;
    use crate::track::findings::{FindingReport, id};
    use crate::track::reports::Report;

    /// Now, in days since 1970.
    const TODAY: u64 = 20_000;

    fn day(day: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(day * 86_400)
    }

    fn after(seconds: u64) -> Moment {
        let elapsed = Duration::from_secs(seconds);
        Moment { wall: day(TODAY) + elapsed, elapsed }
    }

    fn id_of(subject: &str) -> String {
        id(RULES[0].about.id, "db", "erp", subject)
    }

    /// Told so many days ago of what opened so many days ago.
    fn told(phase: &'static str, subject: &str, ago: u64, opened: u64) -> Arc<Entry> {
        let about = &RULES[0].about;
        let report = FindingReport {
            phase,
            id: id_of(subject).into(),
            rule: about.id,
            title: about.title,
            severity: Severity::Warning,
            datname: "erp".into(),
            subject: subject.into(),
            module: "sales".into(),
            summary: format!("{subject} is wrong"),
            cost_seconds_per_day: Some(2.0),
            started: day(TODAY - opened),
            seconds: Duration::from_secs((opened - ago) * 86_400).as_secs_f64(),
        };
        Arc::new(Entry {
            seq: 1,
            at: day(TODAY - ago),
            server: Some("db".into()),
            report: Report::Finding(report),
        })
    }

    fn history(entries: &[Arc<Entry>]) -> Arc<History> {
        let keep = Duration::from_secs(400 * 86_400);
        let limits = Limits { keep, max_bytes: 1 << 30, statements: 10 };
        let history = History::open(None, limits).unwrap();
        history.record(remember::episodes(entries));
        Arc::new(history)
    }

    #[tokio::test]
    async fn what_is_open_is_recalled_whatever_its_age_since_it_was_first_told() {
        let history = history(&[
            told("opened", "old", 100, 100),
            told("opened", "mended", 90, 90),
            told("closed", "mended", 80, 90),
            told("opened", "old", 40, 40),
            told("opened", "new", 2, 2),
        ]);
        let mut memory = Memory::new(history);
        let recalled = memory.recall(after(0)).await;
        let open: BTreeMap<String, SystemTime> =
            recalled.before.iter().map(|(id, was)| (id.clone(), was.opened)).collect();
        let expected = [(id_of("old"), day(TODAY - 100)), (id_of("new"), day(TODAY - 2))];
        assert_eq!(open, BTreeMap::from(expected));
        let old = &recalled.before[&id_of("old")];
        assert_eq!((&*old.server, old.about.id), ("db", RULES[0].about.id));
        assert_eq!(old.candidate.summary, "old is wrong");
        assert_eq!(recalled.week.unwrap().opened, 1);
        assert!(memory.recall(after(30)).await.week.is_none(), "it was asked just now");
        let later = memory.recall(after(600)).await;
        assert!(later.week.is_some() && later.before.is_empty(), "that is told once");
    }

    #[tokio::test]
    async fn a_first_question_that_fails_is_asked_again_at_the_next_turn() {
        let gone = history(&[]);
        gone.stop();
        let mut memory = Memory::new(gone);
        assert!(memory.recall(after(0)).await.week.is_none() && memory.has_warned);
        memory.history = history(&[told("opened", "old", 100, 100)]);
        assert_eq!(memory.recall(after(30)).await.before.len(), 1);
    }
}
