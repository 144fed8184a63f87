//! Queues that are tables: where an ERP keeps work for later, and how it tells the state of it.

use std::sync::Arc;
use std::time::Duration;

use toml::de::DeTable;

use super::declared::{Entry, Kind};
use super::file::{Faults, value_of_label};

/// Each is a value of a label.
const KIND: Kind = Kind {
    name: "queue",
    keys: &[
        "name",
        "table",
        "state",
        "waiting",
        "running",
        "failed",
        "only",
        "since",
        "due",
        "started",
        "finished",
        "lost_after",
        "retries",
        "zone",
    ],
    most: 32,
    most_words: 20,
};

/// What times without a zone mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Zone {
    /// Universal time, whatever the server's zone is.
    #[default]
    Utc,
    /// The server's own time.
    Local,
}

/// A table whose rows are work for later. Columns and words are as the ERP names them.
///
/// With `state` its words tell the states. Without, a row waits while `started` and `finished`
/// are null, and runs while only `finished` is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queue {
    /// What it is called: the label `queue`. Of several of one name the first counts whose table
    /// has all the columns, so that versions of an ERP can differ.
    pub name: Arc<str>,
    /// Its table, without schema.
    pub table: String,
    /// Column with the word for the state.
    pub state: Option<String>,
    /// Words for rows that wait.
    pub waiting: Vec<String>,
    /// Words for rows that are being worked on; none if the table does not tell.
    pub running: Vec<String>,
    /// Words for rows that were given up.
    pub failed: Vec<String>,
    /// Only rows count that have this word in this column.
    pub only: Vec<(String, String)>,
    /// Column that tells when a row came.
    pub since: Option<String>,
    /// Column that tells before when a row is not to be worked on; null means at once.
    pub due: Option<String>,
    /// Column that tells when the work on a row began.
    pub started: Option<String>,
    /// Column that tells when it ended.
    pub finished: Option<String>,
    /// A row that began so long ago and has not ended has failed: the table has no other word for it.
    pub lost_after: Option<Duration>,
    /// Column that counts how often a row was tried.
    pub retries: Option<String>,
    /// What its times mean if their type has no zone.
    pub zone: Zone,
}

impl Queue {
    /// Every column that it needs.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        let columns =
            [&self.state, &self.since, &self.due, &self.started, &self.finished, &self.retries];
        let only = self.only.iter().map(|(column, _)| column);
        columns.into_iter().flatten().chain(only).map(String::as_str)
    }

    /// Those of them that hold a time.
    pub fn times(&self) -> impl Iterator<Item = &str> {
        let columns = [&self.since, &self.due, &self.started, &self.finished];
        columns.into_iter().flatten().map(String::as_str)
    }
}

/// Reads every `[[queue]]` of a file.
pub(super) fn read(root: &DeTable<'_>, faults: &mut Faults<'_>) -> Vec<Arc<Queue>> {
    let entries = KIND.entries(root, faults);
    entries.iter().filter_map(|entry| one(entry, faults)).map(Arc::new).collect()
}

fn one(entry: &Entry<'_, '_>, faults: &mut Faults<'_>) -> Option<Queue> {
    let mut text = |key: &str| entry.text(key, faults);
    let (name, of, zone) = (text("name"), text("table"), text("zone"));
    let lost_after = text("lost_after");
    let lost_after_is_none = lost_after.as_deref().is_some_and(|text| hours(text).is_none());
    let queue = Queue {
        name: name.clone().unwrap_or_default().into(),
        table: of.clone().unwrap_or_default(),
        state: text("state"),
        since: text("since"),
        due: text("due"),
        started: text("started"),
        finished: text("finished"),
        lost_after: lost_after.as_deref().and_then(hours),
        retries: text("retries"),
        zone: if zone.as_deref() == Some("local") { Zone::Local } else { Zone::Utc },
        waiting: entry.words("waiting", faults),
        running: entry.words("running", faults),
        failed: entry.words("failed", faults),
        only: entry.pairs("only", faults),
    };
    let name_fault = name.as_deref().and_then(|name| value_of_label(name).err());
    let is_by_time = queue.started.is_some() || queue.finished.is_some();
    let has_words = !(queue.running.is_empty() && queue.failed.is_empty());
    let wrong = [
        (name.is_none(), "name", "is missing: write name = \"mail\""),
        (name_fault.is_some(), "name", name_fault.as_deref().unwrap_or_default()),
        (of.is_none(), "table", "is missing: write table = \"mail_mail\""),
        (
            zone.as_deref().is_some_and(|zone| zone != "utc" && zone != "local"),
            "zone",
            "is no zone: use utc, or local for that of the server",
        ),
        (
            queue.state.is_some() && queue.waiting.is_empty(),
            "waiting",
            "is missing: which words in `state` say that a row waits?",
        ),
        (
            queue.state.is_none() && (!queue.waiting.is_empty() || has_words),
            "state",
            "is missing: in which column are the words for waiting, running and failed?",
        ),
        (
            queue.state.is_none() && !is_by_time,
            "state",
            "is missing; without it say in which columns it stands when work on a row `started` or \
             was `finished`",
        ),
        (lost_after_is_none, "lost_after", "is no number of hours: write lost_after = \"6h\""),
        (
            queue.lost_after.is_some() && (queue.state.is_some() || queue.started.is_none()),
            "lost_after",
            "is for a queue without `state` whose column `started` tells when work on a row began",
        ),
        (
            queue.since.is_none() && queue.due.is_none(),
            "since",
            "is missing: which column tells when a row came, or when it is `due`?",
        ),
    ];
    entry.is_right(&wrong, faults).then_some(queue)
}

/// Such as `6h`: from 1 to 9,999 hours.
fn hours(text: &str) -> Option<Duration> {
    let hours: u64 = text.strip_suffix('h')?.parse().ok()?;
    (1..10_000).contains(&hours).then(|| Duration::from_secs(hours * 3_600))
}

#[cfg(test)]
mod tests {
    use crate::erp::{Profiles, Zone, built_in};

    fn queues(text: &str) -> Result<Vec<String>, String> {
        let mut profiles = Profiles::default();
        profiles.add(text).map_err(|error| error.to_string())?;
        let erp = profiles.words(profiles.all().next());
        Ok(erp.queues().map(|queue| format!("{} {}", queue.name, queue.table)).collect())
    }

    #[test]
    fn queues_of_a_file_come_before_those_of_what_it_extends_and_of_generic() {
        let text = "name = 'x'\nextends = 'odoo'\n[[queue]]\nname = 'sync'\ntable = 'x_sync'\n\
                    state = 'state'\nwaiting = ['new']\nsince = 'created'\n";
        let found = queues(text).unwrap();
        assert_eq!(found[0], "sync x_sync");
        assert!(found.iter().any(|queue| queue == "mail mail_mail"), "{found:?}");
        assert!(found.last().is_some_and(|queue| queue.starts_with("outbox")), "{found:?}");
    }

    #[test]
    fn every_built_in_queue_says_since_when_a_row_waits() {
        let all = built_in().unwrap().iter().flat_map(|profile| profile.queues());
        let mut count = 0;
        for queue in all {
            assert!(queue.since.is_some() || queue.due.is_some(), "{queue:?}");
            count += 1;
        }
        assert!(count >= 6, "{count}");
        let erpnext = built_in().unwrap().iter().find(|profile| profile.name() == "erpnext");
        assert!(erpnext.unwrap().queues().all(|queue| queue.zone == Zone::Local));
    }

    #[test]
    fn every_fault_of_a_queue_is_told_with_its_line() {
        let text = "name = 'x'\n[[queue]]\nname = 'Mail'\nstate = 'state'\nsort = 'id'\n\
                    running = 'busy'\nzone = 'cet'\nlost_after = '6'\n[[queue]]\nname = 'a'\ntable = 'a*'\n\
                    since = 'created'\nfailed = ['it''s', 3]\nonly = ['x']\n";
        let told = queues(&text.replace("'it''s'", "\"it's\"")).unwrap_err();
        for part in [
            "line 2: queue.name: is no short word",
            "line 2: queue.table: is missing",
            "line 2: queue.waiting: is missing",
            "line 2: queue.since: is missing",
            "line 2: queue.zone: is no zone",
            "line 5: queue.sort: there is no such key",
            "line 6: queue.running: write a list of words",
            "line 2: queue.lost_after: is no number of hours",
            "line 9: queue.state: is missing; without it",
            "line 11: queue.table: `a*`: write it in full",
            "line 13: queue.failed: `it's`",
            "line 13: queue.failed: write text in quotes; this is of type integer",
            "line 14: queue.only: write columns and words",
        ] {
            assert!(told.contains(part), "{part}\nnot in\n{told}");
        }
        let by_words = "name = 'x'\n[[queue]]\nname = 'a'\ntable = 'a'\nstate = 's'\nwaiting = ['w']\n\
                        since = 'c'\nstarted = 'b'\nlost_after = '6h'\n";
        assert!(queues(by_words).unwrap_err().contains("is for a queue without `state`"));
        assert!(queues("name = 'x'\nqueue = 3\n").unwrap_err().contains("[[queue]]"));
    }
}
