//! The tables of what is sampled: `[statements]`, `[database]`, `[activity]`, `[locks]`.

use super::reader::{Faults, Table};
use super::{Activity, Database, Locks, Statements};

pub(super) fn statements(table: &Table, faults: &mut Faults) -> Option<Statements> {
    let interval = table.duration("interval", faults);
    let texts_interval = table.duration("texts_interval", faults);
    let top = size(table.count("top", faults));
    let text_chars = size(table.count("text_chars", faults));
    Some(Statements {
        interval: interval?,
        texts_interval: texts_interval?,
        top: top?,
        text_chars: text_chars?,
    })
}

pub(super) fn database(table: &Table, faults: &mut Faults) -> Option<Database> {
    let interval = table.duration("interval", faults);
    let top = size(table.count("top", faults));
    Some(Database { interval: interval?, top: top? })
}

pub(super) fn activity(table: &Table, faults: &mut Faults) -> Option<Activity> {
    let interval = table.duration("interval", faults);
    let series = size(table.count("series", faults));
    Some(Activity { interval: interval?, series: series? })
}

pub(super) fn locks(table: &Table, faults: &mut Faults) -> Option<Locks> {
    let report_after = table.duration("report_after", faults);
    let incident_victims = size(table.count("incident_victims", faults));
    let incident_after = table.duration("incident_after", faults);
    Some(Locks {
        report_after: report_after?,
        incident_victims: incident_victims?,
        incident_after: incident_after?,
    })
}

fn size(count: Option<u64>) -> Option<usize> {
    count.and_then(|n| usize::try_from(n).ok())
}
