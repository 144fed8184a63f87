//! What is sampled and what is told of it: `[statements]`, `[database]`, `[activity]`, `[usage]`, `[upkeep]`,
//! `[locks]`, `[transactions]`.

use std::time::Duration;

use super::reader::{Faults, Table};

/// `[statements]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statements {
    /// `interval`: how often counters are read (default 10 s, 1 s to 1 h).
    pub interval: Duration,
    /// `texts_interval`: at most how often texts are read (default 60 s, 1 s to 1 day).
    pub texts_interval: Duration,
    /// `top`: statements shown singly for each server; the rest is in `other`
    /// (default 200, 0 to 5,000).
    pub top: usize,
    /// `text_chars`: a statement's normalised text is cut to this many characters
    /// (default 1,000, 50 to 10,000).
    pub text_chars: usize,
}

/// `[database]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Database {
    /// `interval`: how often pg_stat_database and the server's facts are read (default 15 s,
    /// 1 s to 1 h).
    pub interval: Duration,
    /// `top`: databases shown singly for each server; the rest is in `other` (default 100,
    /// 1 to 1,000).
    pub top: usize,
}

/// `[activity]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Activity {
    /// `interval`: how often sessions are looked at (default 100 ms, 50 ms to 10 s).
    pub interval: Duration,
    /// `series`: series of one metric for each server (default 1,000, 100 to 50,000).
    pub series: usize,
}

/// `[usage]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Usage {
    /// `interval`: how often it is looked at how tables and indexes are used (default 5 min, 1 s to
    /// 1 h).
    pub interval: Duration,
    /// `top`: tables, as many indexes and as many functions shown singly for each server; the
    /// rest is in `other` (default 100, 0 to 5,000).
    pub top: usize,
}

/// `[upkeep]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upkeep {
    /// `interval`: how often vacuum, replication, checkpoints and I/O are looked at (default 60 s,
    /// 1 s to 1 h).
    pub interval: Duration,
    /// `settings_interval`: how often settings are read (default 15 min, 1 s to 1 day).
    pub settings_interval: Duration,
    /// `catalog_interval`: how often catalogs are looked into (default 1 h, 1 s to 1 day).
    pub catalog_interval: Duration,
    /// `queues_interval`: how often queues are looked at (default 60 s, 1 s to 1 day).
    pub queues_interval: Duration,
}

/// `[locks]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Locks {
    /// `report_after`: a finished wait of this length is an event (default 1 s).
    pub report_after: Duration,
    /// `incident_victims`: so many victims of one root blocker are an incident (default 3).
    pub incident_victims: usize,
    /// `incident_after`: so long a wait for one root blocker is an incident (default 10 s).
    pub incident_after: Duration,
}

/// `[transactions]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transactions {
    /// `slow_after`: a transaction of this length is a slow one (default 1 s).
    pub slow_after: Duration,
}

pub(super) fn statements(table: &Table, faults: &mut Faults) -> Option<Statements> {
    let interval = table.duration("interval", faults);
    let texts_interval = table.duration("texts_interval", faults);
    let top = table.size("top", faults);
    let text_chars = table.size("text_chars", faults);
    Some(Statements {
        interval: interval?,
        texts_interval: texts_interval?,
        top: top?,
        text_chars: text_chars?,
    })
}

pub(super) fn database(table: &Table, faults: &mut Faults) -> Option<Database> {
    let interval = table.duration("interval", faults);
    let top = table.size("top", faults);
    Some(Database { interval: interval?, top: top? })
}

pub(super) fn activity(table: &Table, faults: &mut Faults) -> Option<Activity> {
    let interval = table.duration("interval", faults);
    let series = table.size("series", faults);
    Some(Activity { interval: interval?, series: series? })
}

pub(super) fn usage(table: &Table, faults: &mut Faults) -> Option<Usage> {
    let interval = table.duration("interval", faults);
    let top = table.size("top", faults);
    Some(Usage { interval: interval?, top: top? })
}

pub(super) fn upkeep(table: &Table, faults: &mut Faults) -> Option<Upkeep> {
    let interval = table.duration("interval", faults);
    let settings_interval = table.duration("settings_interval", faults);
    let catalog_interval = table.duration("catalog_interval", faults);
    let queues_interval = table.duration("queues_interval", faults);
    Some(Upkeep {
        interval: interval?,
        settings_interval: settings_interval?,
        catalog_interval: catalog_interval?,
        queues_interval: queues_interval?,
    })
}

pub(super) fn locks(table: &Table, faults: &mut Faults) -> Option<Locks> {
    let report_after = table.duration("report_after", faults);
    let incident_victims = table.size("incident_victims", faults);
    let incident_after = table.duration("incident_after", faults);
    Some(Locks {
        report_after: report_after?,
        incident_victims: incident_victims?,
        incident_after: incident_after?,
    })
}

pub(super) fn transactions(table: &Table, faults: &mut Faults) -> Option<Transactions> {
    Some(Transactions { slow_after: table.duration("slow_after", faults)? })
}
