//! `[finding]`, its tables for each rule, and `[[mute]]`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::keys::Section;
use super::reader::{Faults, Table};

/// `[finding]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// `interval`: how often the rules look (default 30 s, 1 s to 1 h).
    pub interval: Duration,
    /// `window`: what is measured is measured over so long (default 1 h).
    pub window: Duration,
    /// `warm_up`: before so much was measured, no rule looks (default 1 min).
    pub warm_up: Duration,
    /// `open_after`: said for so long, a finding opens (default 1 min).
    pub open_after: Duration,
    /// `close_after`: not said for so long, it closes (default 10 min).
    pub close_after: Duration,
    /// `top`: findings that are shown (default 200).
    pub most: usize,
    /// `[finding.RULE]`, by rule.
    pub rules: BTreeMap<&'static str, RuleTerms>,
    /// `[[mute]]`.
    pub mutes: Vec<Mute>,
}

/// `[finding.RULE]`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RuleTerms {
    /// `enabled`: whether it looks (default true).
    pub enabled: bool,
    /// What it calls too much, by key; durations in seconds.
    pub limits: BTreeMap<&'static str, f64>,
}

/// `[[mute]]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Mute {
    /// `rule`: pattern of its name.
    pub rule: String,
    /// `subject`: pattern (default `*`).
    pub subject: String,
    /// `server`: pattern of its name (default `*`).
    pub server: String,
    /// `reason`.
    pub reason: Arc<str>,
    /// `until`: the last day.
    pub until: String,
    /// When that is over, in UTC.
    pub end: SystemTime,
}

const DAY: Duration = Duration::from_secs(86_400);

/// Reads `[finding]` alone.
pub(super) fn read(table: &Table, faults: &mut Faults) -> Option<Finding> {
    let interval = table.duration("interval", faults);
    let window = table.duration("window", faults);
    let warm_up = table.duration("warm_up", faults);
    let open_after = table.duration("open_after", faults);
    let close_after = table.duration("close_after", faults);
    let most = table.size("top", faults);
    Some(Finding {
        interval: interval?,
        window: window?,
        warm_up: warm_up?,
        open_after: open_after?,
        close_after: close_after?,
        most: most?,
        rules: BTreeMap::new(),
        mutes: Vec::new(),
    })
}

/// Reads a rule's table, `[finding.RULE]`.
pub(super) fn rule(
    section: &'static Section,
    table: &Table,
    faults: &mut Faults,
) -> Option<(&'static str, RuleTerms)> {
    let enabled = table.switch("enabled", faults);
    let limits: Option<BTreeMap<_, _>> = section
        .keys
        .iter()
        .filter(|key| key.name != "enabled")
        .map(|key| Some((key.name, table.number(key.name, faults)?)))
        .collect();
    let name = section.name.strip_prefix("finding.")?;
    Some((name, RuleTerms { enabled: enabled?, limits: limits? }))
}

/// Reads a `[[mute]]`.
pub(super) fn mute(table: &Table, faults: &mut Faults) -> Option<Mute> {
    let rule = table.text("rule", faults);
    let subject = table.text("subject", faults);
    let server = table.text("server", faults);
    let reason = table.text("reason", faults);
    let until = table.text("until", faults);
    let last = until.as_ref().map(|day| first_moment(day));
    if let (Some(None), Some(until)) = (&last, &until) {
        let place = table.given("until").map_or(&table.place, |given| &given.place);
        let problem = format!("{until:?} is no day: write it as \"2030-01-31\"");
        faults.add(place, table.key("until"), problem);
    }
    Some(Mute {
        rule: rule?,
        subject: subject?,
        server: server?,
        reason: Arc::from(reason?),
        end: last??.checked_add(DAY)?,
        until: until?,
    })
}

fn first_moment(day: &str) -> Option<SystemTime> {
    humantime::parse_rfc3339(&format!("{day}T00:00:00Z")).ok()
}
