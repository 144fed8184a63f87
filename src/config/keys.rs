//! Every key, declared once: its name, what it holds, its default, what it means. Reading,
//! checking, the example file and the reference all come from here.

mod activity;
mod finding;
mod advisor;
mod duplicates;
mod general;
mod history;
mod integration;
mod rules;
mod server;

use std::time::Duration;

pub(super) use activity::{ACTIVITY, APPLICATION, LOCKS, TRANSACTIONS};
pub(super) use advisor::ADVISOR;
pub(super) use duplicates::DUPLICATES;
pub(super) use finding::{FINDING, MUTE};
pub(super) use general::{DATABASE, GENERAL, LOG, STATEMENTS};
pub(super) use history::{HISTORY, UPKEEP, USAGE};
pub(super) use integration::{FORWARD_PROXY, INTEGRATION, OTLP, PROBE, PROXY, RABBITMQ};
pub(super) use rules::RULES;
pub(super) use server::SERVER;

/// What a key holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Shape {
    /// Any text that is not empty.
    Text,
    /// Text that must never be shown.
    Secret,
    /// `address:port`.
    Address,
    /// Such as `"10s"`.
    Duration { min: Duration, max: Duration },
    /// A whole number.
    Count { min: u64, max: u64 },
    /// Above 0, at most 1.
    Share,
    /// `true` or `false`.
    Switch,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Any number of texts.
    List,
}

/// One key.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) shape: Shape,
    /// As it would stand in the file; `None`: nothing unless given.
    pub(super) default: Option<&'static str>,
    /// It must be given; as it could stand in the file.
    pub(super) example: Option<&'static str>,
    pub(super) help: &'static str,
}

/// How often a table may stand in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Times {
    /// As `[name]`; every key can also be an environment variable.
    Once,
    /// As `[[name]]`, at least one; variables are for the only one.
    OneOrMore,
    /// As `[[name]]`; there are no variables.
    Any,
}

/// The keys of one table.
#[derive(Debug)]
pub(super) struct Section {
    /// Empty for the top level.
    pub(super) name: &'static str,
    pub(super) times: Times,
    pub(super) help: &'static str,
    pub(super) keys: &'static [Key],
}

const fn seconds(min: u64, max: u64) -> Shape {
    Shape::Duration { min: Duration::from_secs(min), max: Duration::from_secs(max) }
}

const fn milliseconds(min: u64, max: u64) -> Shape {
    Shape::Duration { min: Duration::from_millis(min), max: Duration::from_millis(max) }
}

const fn key(name: &'static str, shape: Shape, default: &'static str, help: &'static str) -> Key {
    Key { name, shape, default: Some(default), example: None, help }
}

const fn optional(name: &'static str, shape: Shape, help: &'static str) -> Key {
    Key { name, shape, default: None, example: None, help }
}

const fn required(
    name: &'static str,
    shape: Shape,
    example: &'static str,
    help: &'static str,
) -> Key {
    Key { name, shape, default: None, example: Some(example), help }
}

/// All tables and those of the rules, in the order of the example file.
pub(super) fn sections() -> impl Iterator<Item = &'static Section> {
    let rules_after = |section: &&Section| section.name == "finding";
    SECTIONS.into_iter().flat_map(move |section| {
        let rules = RULES.iter().copied().filter(move |_| rules_after(&section));
        std::iter::once(section).chain(rules)
    })
}

/// All tables of the top level, in the order of the example file.
pub(super) const SECTIONS: [&Section; 22] = [
    &GENERAL,
    &LOG,
    &STATEMENTS,
    &DATABASE,
    &ACTIVITY,
    &USAGE,
    &UPKEEP,
    &DUPLICATES,
    &LOCKS,
    &TRANSACTIONS,
    &HISTORY,
    &ADVISOR,
    &APPLICATION,
    &INTEGRATION,
    &OTLP,
    &PROXY,
    &FORWARD_PROXY,
    &PROBE,
    &RABBITMQ,
    &FINDING,
    &MUTE,
    &SERVER,
];

impl Section {
    /// The environment variable for a key of this table.
    pub(super) fn variable(&self, key: &str) -> Option<String> {
        let path =
            if self.name.is_empty() { key.to_owned() } else { format!("{}_{key}", self.name) };
        (self.times != Times::Any)
            .then(|| format!("ERPSCOPE_{}", path.replace('.', "_").to_uppercase()))
    }

    /// How the table begins in the file.
    pub(super) fn header(&self) -> String {
        match self.times {
            Times::Once => format!("[{}]", self.name),
            Times::OneOrMore | Times::Any => format!("[[{}]]", self.name),
        }
    }
}
