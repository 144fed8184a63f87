//! What is shown as one statement: the entries of one role, database and queryid.

use std::sync::Arc;
use std::time::Duration;

use super::LINGER;
use crate::sample::statements::Counters;
use crate::sample::texts::TextKey;
use crate::track::cumulative::Cumulative;
use crate::track::names::{Names, UNKNOWN};
use crate::track::top::Score;

/// A text that was not found this often is not asked for again.
const TRIES: u8 = 3;
/// A statement whose text nobody asked for in this time is shown without its module.
const LATE: Duration = Duration::from_secs(180);

/// Where a unit's growth is charged, and whether its series is visible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Display {
    /// Charged to `other`.
    Other,
    /// Charged to its own series, which is visible.
    Single,
    /// Charged to `other`; its own series is still visible, unchanged.
    Leaving {
        /// When it left the top.
        since: Duration,
    },
}

/// The labels `datname` and `usename`.
pub(super) type Labels = (Arc<str>, Arc<str>);

#[derive(Debug)]
enum Text {
    Wanted {
        tries: u8,
    },
    /// Read for its module, and not kept: nobody was to see it.
    Read,
    Known(Arc<str>),
}

#[derive(Debug)]
pub(super) struct Unit {
    labels: Option<Labels>,
    /// Of the tables in its text; once it has been shown, it stays.
    module: Option<Arc<str>>,
    text: Text,
    /// It would be shown singly if its text were known.
    aspires: bool,
    since: Duration,
    score: Score,
    pub(super) display: Display,
    /// Growth charged to its own series.
    pub(super) series: Counters,
    /// All growth.
    pub(super) total: Counters,
    /// Growth since it came into the picture; of one that is not in it nobody asks.
    pub(super) here: Counters,
    /// When an entry of it was last in a sample.
    pub(super) seen: Duration,
}

impl Unit {
    pub(super) fn new(at: Duration) -> Self {
        Self {
            labels: None,
            module: None,
            text: Text::Wanted { tries: 0 },
            aspires: false,
            since: at,
            score: Score::default(),
            display: Display::Other,
            series: Counters::default(),
            total: Counters::default(),
            here: Counters::default(),
            seen: at,
        }
    }

    /// Adds growth; false if it is to be charged to `other`.
    pub(super) fn charge(&mut self, growth: &Counters, at: Duration) -> bool {
        self.seen = at;
        self.total.add(growth);
        self.here.add(growth);
        self.weigh(growth, 1.0);
        let single = self.display == Display::Single;
        if single {
            self.series.add(growth);
        }
        single
    }

    pub(super) fn weigh(&mut self, growth: &Counters, factor: f64) {
        let weights = [
            growth.exec_seconds + growth.plan_seconds,
            growth.calls as f64,
            (growth.blocks_read + growth.blocks_written) as f64,
            (growth.temp_read + growth.temp_written) as f64,
            growth.wal_bytes as f64,
        ];
        for (score, weight) in self.score.iter_mut().zip(weights) {
            *score += weight * factor;
        }
    }

    pub(super) fn fade(&mut self, factor: f64) {
        for score in &mut self.score {
            *score *= factor;
        }
    }

    pub(super) fn score(&self) -> Score {
        self.score
    }

    /// Its labels, once both names are known; they stay as they were first shown, unless its
    /// database had to leave its own to another.
    pub(super) fn name(&mut self, key: TextKey, names: &Names) -> Option<Labels> {
        let has_left = |(datname, _): &Labels| {
            names.is_single(key.dbid) && names.datname(key.dbid) != *datname
        };
        if self.labels.as_ref().is_none_or(has_left) {
            self.labels = names.both(key.dbid, key.userid).or_else(|| self.labels.take());
        }
        self.labels.clone()
    }

    pub(super) fn labels(&self) -> Option<&Labels> {
        self.labels.as_ref()
    }

    /// The business module of its tables, once its text was read.
    pub(super) fn module(&self) -> Option<&Arc<str>> {
        self.module.as_ref()
    }

    /// Whether its module is settled: a series that is shown does not change its labels.
    fn is_settled(&self, texts_come: bool, at: Duration) -> bool {
        let was_asked_for = !matches!(self.text, Text::Wanted { tries: 0 });
        let is_late = at.saturating_sub(self.since) >= LATE;
        self.module.is_some() || !texts_come || was_asked_for || is_late
    }

    pub(super) fn show(&mut self, picked: bool, texts_come: bool, at: Duration) {
        self.aspires = picked;
        let single = picked && self.is_settled(texts_come, at);
        if single && self.module.is_none() {
            self.module = Some(UNKNOWN.into());
        }
        if single && self.display == Display::Other {
            self.here = Counters::default();
        }
        self.display = match self.display {
            _ if single => Display::Single,
            Display::Single => Display::Leaving { since: at },
            Display::Leaving { since } if at.saturating_sub(since) < LINGER => self.display,
            _ => Display::Other,
        };
    }

    /// Its claim to a series that others of the same labels want, too: how much it has run of
    /// late; between equals, who holds it.
    pub(super) fn claim(&self) -> (f64, bool) {
        let [_, calls, ..] = self.score;
        (calls, self.display != Display::Other || self.was_shown())
    }

    /// Goes on with the series of another that has the same labels.
    pub(super) fn inherit(&mut self, other: &mut Self) {
        if other.was_shown() || other.display != Display::Other {
            self.module.clone_from(&other.module);
        }
        self.series.add(&std::mem::take(&mut other.series));
        let display = std::mem::replace(&mut other.display, Display::Other);
        if self.display == Display::Other {
            self.display = display;
            self.here = other.here;
        }
    }

    pub(super) fn was_shown(&self) -> bool {
        self.series != Counters::default()
    }

    /// Notes the answer to a request for its text; `module` tells that of a text.
    pub(super) fn learn(&mut self, text: Option<&str>, module: impl Fn(&str) -> Arc<str>) {
        match (text, &mut self.text) {
            (Some(text), known) => {
                let is_seen = self.aspires || self.display != Display::Other;
                *known = if is_seen { Text::Known(text.into()) } else { Text::Read };
                self.module.get_or_insert_with(|| module(text));
            }
            (None, Text::Wanted { tries }) => *tries = tries.saturating_add(1),
            (None, Text::Read | Text::Known(_)) => {}
        }
    }

    pub(super) fn text(&self) -> Option<&Arc<str>> {
        match &self.text {
            Text::Known(text) => Some(text),
            Text::Wanted { .. } | Text::Read => None,
        }
    }

    /// How much its text is wanted: most if it is to be shown, less for its module alone.
    pub(super) fn wants_text(&self) -> Option<Wanted> {
        let is_seen = self.aspires || self.display == Display::Single;
        match self.text {
            Text::Wanted { tries } if tries >= TRIES => None,
            Text::Wanted { .. } | Text::Read if is_seen => Some(Wanted::ToShow),
            Text::Wanted { .. } => Some(Wanted::ForItsModule),
            Text::Read | Text::Known(_) => None,
        }
    }
}

/// Why a text is wanted; what is wanted most comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Wanted {
    ToShow,
    ForItsModule,
}
