//! Findings as others see them.

use std::cmp::Ordering;
use std::sync::Arc;
use std::time::SystemTime;

use serde::Serialize;

use super::{About, Candidate, Severity};
use crate::track::reports::moment;

/// A finding that is open.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// Stable: the same thing has the same one tomorrow.
    pub id: Arc<str>,
    /// Its rule.
    pub about: &'static About,
    /// Its server.
    pub server: Arc<str>,
    /// What the rule said last.
    pub candidate: Arc<Candidate>,
    /// Since when it is open.
    pub opened: SystemTime,
    /// When the rule said so last.
    pub seen: SystemTime,
    /// The last look has said so, too.
    pub is_current: bool,
    /// Why it is not to be told, if it is not.
    pub muted: Option<Arc<str>>,
}

impl Finding {
    /// The worse and the dearer first, muted ones last.
    pub(super) fn rank(&self, other: &Self) -> Ordering {
        let is_muted = |finding: &Self| finding.muted.is_some();
        is_muted(self).cmp(&is_muted(other)).then_with(|| self.candidate.rank(&other.candidate))
    }
}

/// Whether a rule looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleState {
    /// It looks.
    On,
    /// The config does not want it.
    Disabled,
    /// It has failed, and does not look until the next start.
    Failed,
    /// It took too long, and does not look until the next start.
    Slow,
}

impl RuleState {
    /// The values of the label `state`.
    pub const ALL: [Self; 4] = [Self::On, Self::Disabled, Self::Failed, Self::Slow];

    /// The value of the label `state`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::On => "on",
            Self::Disabled => "disabled",
            Self::Failed => "failed",
            Self::Slow => "slow",
        }
    }
}

/// How a rule is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Its name.
    pub id: &'static str,
    /// Whether it looks.
    pub state: RuleState,
    /// Why not.
    pub detail: Option<String>,
}

/// What is open, and how the rules are doing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct View {
    /// When the rules looked last.
    pub judged: Option<SystemTime>,
    /// Open findings, the worst first, muted ones last.
    pub findings: Vec<Arc<Finding>>,
    /// At most so many are shown.
    pub most: usize,
    /// How many more there are.
    pub left_out: usize,
    /// How many have opened since the agent's start.
    pub opened: u64,
    /// How many have closed since the agent's start.
    pub closed: u64,
    /// The rules.
    pub rules: Vec<Standing>,
    /// Mutes of the config that are over, in words.
    pub expired_mutes: Vec<String>,
    /// The last week.
    pub week: Arc<Week>,
}

impl View {
    /// Those that are to be told.
    pub fn told(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().map(AsRef::as_ref).filter(|finding| finding.muted.is_none())
    }
}

/// The last week beside the one before it, from the history.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Week {
    /// Each database.
    pub databases: Vec<WeekOfDatabase>,
    /// Findings that opened in the last week.
    pub opened: u64,
    /// Findings that closed in the last week.
    pub closed: u64,
}

/// One database.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WeekOfDatabase {
    /// Its server.
    pub server: Arc<str>,
    /// Its name.
    pub datname: Arc<str>,
    /// Seconds of statements for each day that was looked at, in the last seven days.
    pub seconds_per_day: f64,
    /// The same of the seven days before; `None` if too little of them was looked at.
    pub before: Option<f64>,
}

/// A finding has opened or closed.
#[derive(Clone, Debug, Serialize)]
pub struct FindingReport {
    /// `opened` or `closed`.
    pub phase: &'static str,
    /// Which.
    pub id: Arc<str>,
    /// Its rule.
    pub rule: &'static str,
    /// What is wrong.
    pub title: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// The database; empty if it is about the server.
    pub datname: Arc<str>,
    /// Of what.
    pub subject: Arc<str>,
    /// The business module of that.
    pub module: Arc<str>,
    /// The case in one sentence.
    pub summary: String,
    /// Seconds a day that it takes.
    pub cost_seconds_per_day: Option<f64>,
    /// When it opened.
    #[serde(serialize_with = "moment")]
    pub started: SystemTime,
    /// How long it was open so far.
    pub seconds: f64,
}

impl FindingReport {
    pub(super) fn of(
        id: &str,
        about: &'static About,
        candidate: &Candidate,
        phase: &'static str,
        (opened, at): (SystemTime, SystemTime),
    ) -> Self {
        Self {
            phase,
            id: id.into(),
            rule: about.id,
            title: about.title,
            severity: candidate.severity,
            datname: Arc::clone(&candidate.datname),
            subject: Arc::clone(&candidate.subject),
            module: Arc::clone(&candidate.module),
            summary: candidate.summary.clone(),
            cost_seconds_per_day: candidate.cost_seconds_per_day,
            started: opened,
            seconds: at.duration_since(opened).map_or(0.0, |open| open.as_secs_f64()),
        }
    }
}
