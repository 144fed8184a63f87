//! What the rules are told from the history: asked seldom, and never on the way of a sample.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::Deserialize;

use crate::finding::{Hours, hours_of_weeks};
use crate::history::{Episode, History, HistoryError, ModuleSize, Period, Reader};
use crate::sample::Moment;
use crate::track::findings::Week;
use crate::track::growth::WEEK;
use crate::track::hours::unix;

/// How often the history is asked.
const EVERY: Duration = Duration::from_secs(600);
/// So many days are asked for.
const DAYS: u32 = 35;
/// Openings and closings that are read.
const EPISODES: u32 = 20_000;

/// What was asked for last.
pub(super) struct Memory {
    history: Arc<History>,
    asked: Option<Duration>,
    hours: Arc<Hours>,
}

/// What is new.
#[derive(Default)]
pub(super) struct Told {
    /// How the last week was.
    pub(super) week: Option<Arc<Week>>,
    /// Findings that were open when the agent ended last.
    pub(super) before: BTreeMap<String, SystemTime>,
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
struct Phase {
    phase: String,
    id: String,
}

impl Memory {
    pub(super) fn new(history: Arc<History>) -> Self {
        Self { history, asked: None, hours: Arc::default() }
    }

    /// Load by hour, as last asked.
    pub(super) fn hours(&self) -> &Arc<Hours> {
        &self.hours
    }

    /// Asks, if it is time to.
    pub(super) async fn recall(&mut self, at: Moment) -> Told {
        let is_first = self.asked.is_none();
        if self.asked.is_some_and(|asked| at.elapsed.saturating_sub(asked) < EVERY) {
            return Told::default();
        }
        self.asked = Some(at.elapsed);
        let (history, now) = (Arc::clone(&self.history), unix(at.wall));
        let asking = tokio::task::spawn_blocking(move || {
            history.ask(move |reader| ask(reader, now, is_first))
        });
        match asking.await {
            Ok(Ok(Ok(answer))) => {
                let phases = phases(&answer.episodes);
                let week = hours_of_weeks(&answer.hours, now, counts(&phases, now));
                self.hours = Arc::new(answer.hours);
                let before = if is_first { open(&phases) } else { BTreeMap::new() };
                Told { week: Some(Arc::new(week)), before, sizes: answer.sizes }
            }
            Ok(Ok(Err(error)) | Err(error)) => {
                tracing::debug!("the rules are told nothing of the history: {error}");
                Told::default()
            }
            Err(error) => {
                tracing::debug!("the rules are told nothing of the history: {error}");
                Told::default()
            }
        }
    }
}

fn ask(reader: &Reader<'_>, now: i64, is_first: bool) -> Result<Answer, HistoryError> {
    let mut hours = Hours::default();
    for place in reader.databases()? {
        let found = reader.hours(&Period::last_days(place.clone(), DAYS, now))?;
        hours.insert(place, found);
    }
    let from = now - i64::from(DAYS) * 86_400;
    let episodes = reader.episodes(from, now + 1, Some("finding"), EPISODES)?;
    let sizes = if is_first { reader.module_sizes(now - WEEK)? } else { Vec::new() };
    Ok(Answer { hours, episodes, sizes })
}

/// The last first, with when each finding was opened and when that was told.
fn phases(episodes: &[Episode]) -> Vec<(Phase, i64, i64)> {
    let read = |episode: &Episode| {
        let phase = serde_json::from_str(&episode.json).ok()?;
        Some((phase, episode.start, episode.end))
    };
    episodes.iter().filter_map(read).collect()
}

/// Those that opened and closed in the last week.
fn counts(phases: &[(Phase, i64, i64)], now: i64) -> (u64, u64) {
    let of = |wanted: &str| {
        let all = phases.iter();
        all.filter(|(phase, _, end)| phase.phase == wanted && *end >= now - 7 * 86_400).count()
    };
    (of("opened") as u64, of("closed") as u64)
}

/// Those of which the last that was told is that they opened.
fn open(phases: &[(Phase, i64, i64)]) -> BTreeMap<String, SystemTime> {
    let mut seen = BTreeSet::new();
    let mut open = BTreeMap::new();
    for (phase, start, _) in phases {
        if seen.insert(&phase.id)
            && phase.phase == "opened"
            && let Ok(start) = u64::try_from(*start)
        {
            let since = SystemTime::UNIX_EPOCH + Duration::from_secs(start);
            open.insert(phase.id.clone(), since);
        }
    }
    open
}
