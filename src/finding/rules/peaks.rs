//! Hours of the day and days of the month whose load stands out, from the history: an hour that takes many
//! times what the median hour takes, on most of the days that were looked at. A single busy hour is
//! none, nor is anything in a history of less than three days.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::erp::OTHER;
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
        explanation: "At certain hours, or at the end of a month, the database has many times more to do \
            than at others. The machine has to be bought for these hours, and whoever works then \
            waits most.",
        remedy: &[
            "See what runs then: the statements of that hour, and the ERP's own schedule of jobs.",
            "Move jobs and reports to hours in which nobody works; let not all of them begin on the hour.",
            "For the end of a month: close in steps during the month, and report on a replica.",
        ],
    },
    judge: Judge::Server(judge),
};

/// Hours that were looked at for less than this tell nothing.
const LOOKED_AT: f64 = 1_800.0;
const HOUR: i64 = 3_600;
const DAY: i64 = 86_400;

fn judge(sight: &Sight<'_>) -> Vec<Candidate> {
    let databases = sight.server.databases.shown.keys();
    dearest(databases.filter_map(|datname| case(sight, datname)).collect())
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

fn middle(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}
