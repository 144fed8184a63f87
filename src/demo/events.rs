//! Events in a line each, for the terminal.

use crate::state::{Entry, Journal};
use crate::track::reports::{LockIncident, Report, SlowTransaction};

/// Says each event once.
#[derive(Debug, Default)]
pub(super) struct Events {
    last: u64,
}

impl Events {
    /// Lines for what is new: incidents that have ended, transactions that were slow and not for
    /// waiting, breaches, and calls that the database had to do with.
    pub(super) fn next(&mut self, journal: &Journal) -> Vec<String> {
        let lines = journal.since(self.last).filter_map(|entry| line(entry)).collect();
        self.last = journal.last();
        lines
    }
}

fn line(entry: &Entry) -> Option<String> {
    match &entry.report {
        Report::LockIncident(incident) if incident.phase == "ended" => Some(blamed(incident)),
        Report::SlowTransaction(slow) if slow.waited_seconds < 0.5 * slow.seconds => {
            Some(slowed(slow))
        }
        Report::BoundaryBreach(breach) => Some(format!(
            "          ! {} writes {} (module {}), which it does not own",
            breach.integration, breach.table, breach.module
        )),
        Report::IntegrationCall(call) if !call.evidence.is_empty() => {
            Some(format!("          ! {}", call.summary))
        }
        _ => None,
    }
}

fn blamed(incident: &LockIncident) -> String {
    let root = &incident.tree;
    let waits = root.victims.first().and_then(|victim| victim.waits_for.as_ref());
    let object = waits.map_or_else(String::new, |wait| format!(", for {}", wait.object));
    format!(
        "          ! {} ({}, module {}) made {} sessions wait, {:.1} s together{object}",
        root.application, root.state, root.module, incident.most_victims, incident.blocked_seconds
    )
}

fn slowed(slow: &SlowTransaction) -> String {
    let idle = 100.0 * slow.idle_seconds / slow.seconds.max(f64::MIN_POSITIVE);
    format!(
        "          ! slow transaction of {} (module {}): {:.1} s, idle {idle:.0} % of it",
        slow.party.application, slow.module, slow.seconds
    )
}
