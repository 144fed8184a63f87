//! Hours of the day (in UTC) whose load stands out, from the history: an hour that takes many
//! times what the median hour takes, on most of the days that were looked at. A single busy hour is
//! none, nor is anything in a history of less than three days. And days of the month: the last working
//! day, the first, the 15th, that take many times what an ordinary day and the same day of the week take, in each
//! month of at least two that were looked at (of 100 days, if `[history] keep` is that long); with the modules
//! and statements that take more then than a week before. Holidays are not known.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::erp::OTHER;
use crate::finding::month::{More, Peak, middle};
use crate::finding::sight::dearest;
use crate::finding::{Grown, Judge, Rule, Sight};
use crate::history::HourLoad;
use crate::track::findings::{About, Candidate, Fact, Need, Severity};

pub(super) static RULE: Rule = Rule {
    about: About {
        id: "peaks",
        title: "The load comes all at once",
        severity: Severity::Info,
        needs: &[Need::History],
        explanation: "At certain hours, or on certain days of the month, the database has many times more to do \
            than at others. The machine has to be bought for these, and whoever works then waits most.",
        remedy: &[
            "See what runs then: the statements of that hour, and the ERP's own schedule of jobs.",
            "Move jobs and reports to hours in which nobody works; let not all of them begin on the hour.",
            "For days of the month: see in the evidence what runs then; close in steps during the month, and report \
             on a replica.",
        ],
    },
    judge: Judge::Server(judge),
};

/// Hours that were looked at for less than this tell nothing.
const LOOKED_AT: f64 = 1_800.0;
/// Seconds of a call from which on it is a report or a batch.
const REPORT: f64 = 0.5;
/// Modules, and statements, that are told.
const TOLD: usize = 3;
const HOUR: i64 = 3_600;
const DAY: i64 = 86_400;

fn judge(sight: &Sight<'_>) -> Vec<Candidate> {
    let databases = || sight.server.databases.shown.keys();
    let mut found: Vec<Candidate> =
        databases().filter_map(|datname| case(sight, datname)).collect();
    for datname in databases() {
        let peaks = sight.months(datname).iter().filter(|peak| stands_out(sight, peak));
        found.extend(peaks.map(|peak| of_month(sight, datname, peak)));
    }
    dearest(found)
}

fn stands_out(sight: &Sight<'_>, peak: &Peak) -> bool {
    peak.days.len() as f64 >= sight.limit("months")
        && peak.times >= sight.limit("day_times")
        && peak.load >= sight.limit("day_busy_share")
}

fn of_month(sight: &Sight<'_>, datname: &Arc<str>, peak: &Peak) -> Candidate {
    let words = sight.server.erps.of(datname);
    let module = |more: &More| match &more.text {
        Some(text) => words.module_of_statement(text),
        None => OTHER.into(),
    };
    let mut modules: BTreeMap<Arc<str>, f64> = BTreeMap::new();
    for more in &peak.made_by {
        *modules.entry(module(more)).or_default() += more.seconds;
    }
    let mut modules: Vec<(Arc<str>, f64)> = modules.into_iter().collect();
    modules.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    let mut evidence = vec![
        Fact::number("times_an_ordinary_day", peak.times),
        Fact::number("statements_at_once", peak.load),
        Fact::count("months_looked_at", peak.days.len() as u64),
    ];
    for (module, seconds) in modules.iter().take(TOLD) {
        evidence.push(Fact::text("module", Arc::clone(module)));
        evidence.push(Fact::seconds("module_seconds_more", *seconds));
    }
    for more in peak.made_by.iter().take(TOLD) {
        // What takes long each time is a report or a batch; the rest is many short calls.
        let key = if more.seconds_per_call >= REPORT { "report" } else { "statement" };
        evidence
            .push(Fact::text(key, more.text.as_deref().unwrap_or("(all that are not told apart)")));
        evidence.push(Fact::seconds("seconds_more", more.seconds));
        evidence.push(Fact::seconds("seconds_per_call", more.seconds_per_call));
    }
    let name = peak.position.name();
    let most = modules.first().map(|(module, _)| Arc::clone(module));
    let by = most.as_ref().map_or_else(String::new, |module| format!(", most of it {module}"));
    Candidate {
        datname: Arc::clone(datname),
        subject: name.as_str().into(),
        module: most.unwrap_or_else(|| OTHER.into()),
        severity: Severity::Info,
        summary: format!(
            "on the {name} statements take {:.1} times what they take on an ordinary day, in each of {} months{by}",
            peak.times,
            peak.days.len()
        ),
        evidence,
        sql: Vec::new(),
        cost_seconds_per_day: None,
    }
}

fn case(sight: &Sight<'_>, datname: &Arc<str>) -> Option<Candidate> {
    let hours: Vec<&HourLoad> =
        sight.hours(datname).iter().filter(|h| h.covered_seconds >= LOOKED_AT).collect();
    let load = |hour: &HourLoad| hour.exec_seconds / hour.covered_seconds;
    let days: std::collections::BTreeSet<i64> = hours.iter().map(|h| h.hour / DAY).collect();
    if (days.len() as f64) < sight.limit("days") {
        return None;
    }
    let median = middle(hours.iter().map(|hour| load(hour)).collect())?;
    let mut by_hour: BTreeMap<i64, Vec<f64>> = BTreeMap::new();
    for hour in &hours {
        by_hour.entry(hour.hour.rem_euclid(DAY) / HOUR).or_default().push(load(hour));
    }
    let of_day = by_hour.into_iter().filter_map(|(hour, loads)| {
        let enough = loads.len() >= 3;
        Some((hour, middle(loads)?)).filter(|_| enough)
    });
    let (hour, peak) = of_day.max_by(|(_, a), (_, b)| a.total_cmp(b))?;
    let times = peak / median.max(1e-9);
    if times < sight.limit("times") || peak < sight.limit("busy_share") {
        return None;
    }
    let heaviest = heaviest(sight, datname);
    let module = heaviest.map_or_else(|| OTHER.into(), |grown| Arc::clone(&grown.module));
    Some(Candidate {
        datname: Arc::clone(datname),
        subject: format!("hour {hour:02} UTC").into(),
        module,
        severity: Severity::Info,
        summary: format!(
            "between {hour:02} and {:02} UTC statements take {times:.0} times what they take in the median hour",
            (hour + 1) % 24
        ),
        evidence: vec![
            Fact::number("times_the_median_hour", times),
            Fact::number("statements_at_once", peak),
            Fact::count("days_looked_at", days.len() as u64),
        ],
        sql: Vec::new(),
        cost_seconds_per_day: None,
    })
}

fn heaviest<'a>(sight: &'a Sight<'_>, datname: &Arc<str>) -> Option<&'a Grown> {
    let all = sight.statements.iter().filter(|grown| grown.datname == *datname);
    all.max_by(|a, b| a.work.exec_seconds.total_cmp(&b.work.exec_seconds))
}
