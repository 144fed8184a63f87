//! `[finding]`, its tables for each rule, and `[[mute]]`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::keys::Section;
use super::reader::{Faults, Table};
use super::{Finding, Mute, RuleTerms};

const DAY: Duration = Duration::from_secs(86_400);

/// Reads `[finding]` alone.
pub(super) fn read(table: &Table, faults: &mut Faults) -> Option<Finding> {
    let interval = table.duration("interval", faults);
    let window = table.duration("window", faults);
    let warm_up = table.duration("warm_up", faults);
    let open_after = table.duration("open_after", faults);
    let close_after = table.duration("close_after", faults);
    let most = table.count("top", faults).and_then(|n| usize::try_from(n).ok());
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
