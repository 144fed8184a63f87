//! Days until the databases of a server have filled its disk, at the rate of the last week, of which a day
//! at least has to be known: by the history, also of the time before the agent's start. The size of the disk is not PostgreSQL's to tell: the rule looks once `disk_bytes` says it.

use std::sync::Arc;

use crate::erp::OTHER;
use crate::finding::{Judge, Rule, Sight};
use crate::track::findings::{About, Candidate, Fact, Need, Severity, Value};
use crate::track::growth::Growth;

pub(super) static RULE: Rule = Rule {
    about: About {
        id: "disk_growth",
        title: "The disk fills up",
        severity: Severity::Critical,
        needs: &[Need::History, Need::Catalog],
        explanation: "The data grows, and at this rate the disk is full before long. Then the database \
            stops, and it cannot be started again before there is room.",
        remedy: &[
            "See which tables grow most: they are in the evidence; logs and messages are usual.",
            "Archive or delete what nobody needs, by a job that goes in small steps.",
            "Order a larger disk in time.",
        ],
    },
    judge: Judge::Server(judge),
};

/// With so few days left nobody should wait until morning.
const EMERGENCY: f64 = 7.0;
/// Tables that are told as evidence.
const TOLD: usize = 5;

fn judge(sight: &Sight<'_>) -> Vec<Candidate> {
    let databases = &sight.server.growth.databases;
    let disk = sight.limit("disk_bytes");
    let used: u64 =
        sight.server.catalog.databases.values().filter_map(|database| database.read.bytes).sum();
    let per_day: f64 = databases.values().map(|database| database.bytes_per_day).sum();
    let days = (disk - used as f64).max(0.0) / per_day.max(1e-9);
    // 0: nobody has said how large the disk is.
    if disk < 1.0 || used == 0 || per_day <= 0.0 || days > sight.limit("days") {
        return Vec::new();
    }
    let mut growing: Vec<(&Arc<str>, String, Growth)> = databases
        .values()
        .flat_map(|database| &database.tables)
        .map(|(table, growth)| {
            (&table.module, format!("{}.{}", table.schema, table.table), *growth)
        })
        .collect();
    growing.sort_by(|(_, _, a), (_, _, b)| b.bytes_per_day.total_cmp(&a.bytes_per_day));
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a size in bytes")]
    let bytes = |bytes: f64| bytes.max(0.0) as u64;
    let mut evidence = vec![
        Fact::bytes("used_bytes", used),
        Fact::bytes("disk_bytes", bytes(disk)),
        Fact::bytes("bytes_per_day", bytes(per_day)),
        Fact::number("days_left", days),
    ];
    for (_, table, growth) in growing.iter().take(TOLD) {
        evidence.push(Fact::text("table", table.as_str()));
        evidence.push(Fact::bytes("table_bytes_per_day", bytes(growth.bytes_per_day)));
    }
    let over = databases.values().map(|database| database.over).max().unwrap_or_default();
    evidence.push(Fact::seconds("measured_over_seconds", over.as_secs_f64()));
    // Tables are not known for a day after a start, modules are.
    let modules = databases.values().flat_map(|database| &database.modules);
    let fastest = modules.max_by(|(_, a), (_, b)| a.bytes_per_day.total_cmp(&b.bytes_per_day));
    let module = growing.first().map(|(module, ..)| *module).or(fastest.map(|(name, _)| name));
    let module = module.map_or_else(|| OTHER.into(), Arc::clone);
    vec![Candidate {
        datname: "".into(),
        subject: "disk".into(),
        module,
        severity: if days <= EMERGENCY { Severity::Critical } else { Severity::Warning },
        summary: format!(
            "the databases grow by {} a day: the disk is full in {days:.0} days",
            Value::Bytes(bytes(per_day))
        ),
        evidence,
        sql: Vec::new(),
        cost_seconds_per_day: None,
    }]
}
