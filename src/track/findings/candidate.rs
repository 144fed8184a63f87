//! What a rule is, and what it says of one thing at one look.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// It costs, or will.
    Warning,
    /// It stops people from working, or is about to.
    Critical,
}

impl Severity {
    /// The worst last.
    pub const ALL: [Self; 3] = [Self::Info, Self::Warning, Self::Critical];

    /// The value of the label `severity`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// What a rule looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// What samplers bring all the time.
    Samples,
    /// What was remembered: it says nothing before that reaches back far enough.
    History,
    /// Tables, indexes, constraints.
    Catalog,
    /// Plans of the index advisor: before its first turn it does not look.
    Plans,
}

impl Need {
    /// In words.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Samples => "samples",
            Self::History => "history",
            Self::Catalog => "catalog",
            Self::Plans => "plans of the index advisor",
        }
    }
}

/// What is always true of a rule.
#[derive(Debug, PartialEq, Eq)]
pub struct About {
    /// Its name: the label `rule`, the table `[finding.ID]` of the config, and its runbook's.
    pub id: &'static str,
    /// What is wrong, in a few words.
    pub title: &'static str,
    /// The worst that it says.
    pub severity: Severity,
    /// What it looks at.
    pub needs: &'static [Need],
    /// What that means, for somebody who is no DBA.
    pub explanation: &'static str,
    /// What to do, step by step.
    pub remedy: &'static [&'static str],
}

impl About {
    /// Where its runbook is in the repository.
    #[must_use]
    pub fn runbook(&self) -> String {
        format!("docs/runbooks/{}.md", self.id)
    }
}

/// A figure or a name.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// How many.
    Count(u64),
    /// Any other number.
    Number(f64),
    /// Seconds.
    Seconds(f64),
    /// Bytes.
    Bytes(u64),
    /// From 0 to 1.
    Share(f64),
    /// A name, or a normalised text.
    Text(Arc<str>),
}

impl Value {
    /// What it is measured in; empty for what has no unit.
    #[must_use]
    pub const fn unit(&self) -> &'static str {
        match self {
            Self::Count(_) | Self::Number(_) | Self::Text(_) => "",
            Self::Seconds(_) => "seconds",
            Self::Bytes(_) => "bytes",
            Self::Share(_) => "ratio",
        }
    }
}

/// For people.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => write!(f, "{count}"),
            Self::Number(number) => write!(f, "{number:.2}"),
            Self::Seconds(seconds) => f.write_str(&in_words(*seconds)),
            Self::Bytes(bytes) if *bytes >= 10 << 20 => write!(f, "{} MiB", bytes >> 20),
            Self::Bytes(bytes) => write!(f, "{} KiB", bytes >> 10),
            Self::Share(share) => write!(f, "{:.1} %", share * 100.0),
            Self::Text(text) => f.write_str(text),
        }
    }
}

/// A length of time as people say it, to two digits or more: `12 ms`, `7.3 s`, `85 min`, `17.2 h`,
/// `363 days`.
fn in_words(seconds: f64) -> String {
    match seconds {
        s if s <= 0.0 => "0 s".to_owned(),
        s if s < 0.000_5 => format!("{:.3} ms", s * 1_000.0),
        s if s < 0.009_95 => format!("{:.1} ms", s * 1_000.0),
        s if s < 0.999_5 => format!("{:.0} ms", s * 1_000.0),
        s if s < 9.95 => format!("{s:.1} s"),
        s if s < 119.5 => format!("{s:.0} s"),
        s if s < 7_170.0 => format!("{:.0} min", s / 60.0),
        s if s < 172_620.0 => format!("{:.1} h", s / 3_600.0),
        s if s < 863_568.0 => format!("{:.1} days", s / 86_400.0),
        s => format!("{:.0} days", s / 86_400.0),
    }
}

/// How many of what, in a sentence: `1 statement`, `3 statements`.
#[must_use]
pub fn counted(count: impl TryInto<u64> + Copy, one: &str, many: &str) -> String {
    let count = count.try_into().unwrap_or(u64::MAX);
    format!("{count} {}", if count == 1 { one } else { many })
}

/// One piece of evidence.
#[derive(Clone, Debug, PartialEq)]
pub struct Fact {
    /// What it is.
    pub key: &'static str,
    /// How much, or which.
    pub value: Value,
}

/// A sum of nothing is -0.0: what is added to figures makes it 0.
impl Fact {
    /// How many.
    #[must_use]
    pub const fn count(key: &'static str, count: u64) -> Self {
        Self { key, value: Value::Count(count) }
    }

    /// A number without a unit.
    #[must_use]
    pub const fn number(key: &'static str, number: f64) -> Self {
        Self { key, value: Value::Number(number + 0.0) }
    }

    /// Seconds.
    #[must_use]
    pub const fn seconds(key: &'static str, seconds: f64) -> Self {
        Self { key, value: Value::Seconds(seconds + 0.0) }
    }

    /// Bytes.
    #[must_use]
    pub const fn bytes(key: &'static str, bytes: u64) -> Self {
        Self { key, value: Value::Bytes(bytes) }
    }

    /// From 0 to 1.
    #[must_use]
    pub const fn share(key: &'static str, share: f64) -> Self {
        Self { key, value: Value::Share(share + 0.0) }
    }

    /// A name, or a text that is normalised.
    #[must_use]
    pub fn text(key: &'static str, text: impl Into<Arc<str>>) -> Self {
        Self { key, value: Value::Text(text.into()) }
    }
}

/// What a rule says of one thing.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// The database; empty if it is about the server.
    pub datname: Arc<str>,
    /// Which table, statement, application, ...: never a text or a process.
    pub subject: Arc<str>,
    /// The business module.
    pub module: Arc<str>,
    /// How bad it is.
    pub severity: Severity,
    /// The case in one sentence, with its figures.
    pub summary: String,
    /// What it is said by.
    pub evidence: Vec<Fact>,
    /// SQL for a person to run, if there is some for this case.
    pub sql: Vec<String>,
    /// Seconds a day of people's or the server's time that it takes, from measured load: what
    /// mending it gives back at most.
    pub cost_seconds_per_day: Option<f64>,
}

impl Candidate {
    /// The worse and the dearer first.
    #[must_use]
    pub fn rank(&self, other: &Self) -> Ordering {
        let cost = |candidate: &Self| candidate.cost_seconds_per_day.unwrap_or(0.0);
        other
            .severity
            .cmp(&self.severity)
            .then_with(|| cost(other).total_cmp(&cost(self)))
            .then_with(|| self.subject.cmp(&other.subject))
    }
}

/// What names a finding: the same today and tomorrow, on every machine (FNV-1a).
#[must_use]
pub fn id(rule: &str, server: &str, datname: &str, subject: &str) -> String {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let fields = [rule, server, datname, subject];
    for byte in fields.iter().flat_map(|field| field.bytes().chain([0xff])) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    format!("{rule}-{:010x}", hash >> 24)
}
