//! What the server's own log tells: failures of concurrency, and waits that sampling has missed.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::capped::{Capped, Coarse};
use super::lock_waits::Missed;
use super::names::Names;
use super::reports::{Deadlock, LockWait, Party, Report};
use super::sessions::Words;
use crate::erp::OTHER;
use crate::integration::SessionFacts;
use crate::serverlog::{Batch, Entry, Sqlstate, What};

/// Labels of the metrics of failures.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FailureKey {
    /// The session's database.
    pub datname: Arc<str>,
    /// Its application.
    pub application: Arc<str>,
    /// Of the relation that the error names, else of the statement.
    pub module: Arc<str>,
    /// Why it failed.
    pub sqlstate: Sqlstate,
}

impl Coarse for FailureKey {
    fn coarse(&self) -> Self {
        Self {
            datname: Arc::clone(&self.datname),
            application: OTHER.into(),
            module: OTHER.into(),
            sqlstate: self.sqlstate,
        }
    }
}

/// Records by how they could be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lines {
    /// Read, whether they were of interest or not.
    pub read: u64,
    /// Neither csvlog nor jsonlog.
    pub unreadable: u64,
    /// Too long.
    pub too_long: u64,
    /// Times that a file was cut before it was read to its end.
    pub truncated: u64,
    /// Bytes that wait to be read now.
    pub behind: u64,
}

/// The log of one server.
#[derive(Clone, Debug)]
pub struct Log {
    failures: Capped<FailureKey, u64>,
    lines: Option<Lines>,
}

/// What a batch says besides counts.
#[derive(Debug, Default)]
pub struct Told {
    /// Waits that may have been missed.
    pub waits: Vec<(Missed, Party)>,
    /// What somebody should know.
    pub reports: Vec<Report>,
}

impl Log {
    /// Nothing read yet; at most `series` series.
    #[must_use]
    pub fn new(series: usize) -> Self {
        Self { failures: Capped::new(series), lines: None }
    }

    /// Another number of series from now on.
    pub fn limit(&mut self, series: usize) {
        self.failures.limit(series);
    }

    /// Folds one batch in.
    pub fn apply(&mut self, batch: &Batch, words: Words<'_>) -> Told {
        let lines = self.lines.get_or_insert_default();
        lines.read += batch.read;
        lines.unreadable += batch.unreadable;
        lines.too_long += batch.too_long;
        lines.truncated += batch.truncated;
        lines.behind = batch.behind;
        let mut told = Told::default();
        for entry in &batch.entries {
            let (party, relation) = (party(entry, words), relation(entry));
            let module = module(entry, relation, words);
            match &entry.what {
                What::Failed { sqlstate, .. } => {
                    let key = FailureKey {
                        datname: datname(words.names, &entry.datname),
                        application: Arc::clone(&party.application),
                        module: Arc::clone(&module),
                        sqlstate: *sqlstate,
                    };
                    *self.failures.of(key) += 1;
                    if *sqlstate == Sqlstate::DeadlockDetected {
                        let relation = relation.map(str::to_owned);
                        told.reports.push(Report::Deadlock(Deadlock { party, relation, module }));
                    }
                }
                What::Acquired { mode, object, after, .. } => {
                    let object = relation.map_or_else(
                        || object.locktype.to_owned(),
                        |relation| format!("a row of {relation}"),
                    );
                    let missed = Missed {
                        pid: entry.pid,
                        logged: entry.at,
                        length: *after,
                        datname: datname(words.names, &entry.datname),
                        application: Arc::clone(&party.application),
                        module,
                        mode,
                        object,
                    };
                    told.waits.push((missed, party));
                }
                // It will be told when it ends, or it is seen.
                What::Waiting { .. } => {}
            }
        }
        told
    }

    /// Failures since the agent's start.
    #[must_use]
    pub fn failures(&self) -> &Capped<FailureKey, u64> {
        &self.failures
    }

    /// How reading goes; `None` if no log is read.
    #[must_use]
    pub fn lines(&self) -> Option<Lines> {
        self.lines
    }
}

/// The report of a wait that sampling has missed.
pub(super) fn report(missed: Missed, waiter: Party, start: SystemTime) -> Report {
    Report::LockWait(LockWait {
        source: "log",
        started: start,
        seconds: super::timeline::in_seconds(missed.length),
        error_seconds: super::timeline::in_seconds(Duration::from_millis(1)),
        mode: missed.mode.into(),
        object: missed.object,
        module: missed.module,
        waiter: Some(waiter),
        roots: Vec::new(),
    })
}

/// A label for a database that the log names: one that is shown singly, else `other`.
fn datname(names: &Names, datname: &str) -> Arc<str> {
    if names.labels().contains(datname) { datname.into() } else { OTHER.into() }
}

fn relation(entry: &Entry) -> Option<&str> {
    match &entry.what {
        What::Waiting { relation, .. }
        | What::Acquired { relation, .. }
        | What::Failed { relation, .. } => relation.as_deref(),
    }
}

fn module(entry: &Entry, relation: Option<&str>, words: Words<'_>) -> Arc<str> {
    let erp = words.erps.of(&entry.datname);
    let name = relation.map(|relation| relation.rsplit_once('.').map_or(relation, |(_, n)| n));
    match (name, &entry.statement) {
        (Some(name), _) => erp.module(name),
        (None, Some(statement)) => erp.module_of_statement(statement),
        (None, None) => OTHER.into(),
    }
}

fn party(entry: &Entry, words: Words<'_>) -> Party {
    let erp = words.erps.of(&entry.datname);
    let integration = words.integrations.of_session(SessionFacts {
        application_name: &entry.application_name,
        usename: &entry.usename,
        client_addr: None,
    });
    Party {
        pid: Some(entry.pid),
        datname: Some(entry.datname.as_str().into()),
        usename: Some(entry.usename.as_str().into()),
        application: erp.application(&entry.application_name, &entry.usename),
        integration: integration.map(|integration| Arc::clone(&integration.name)),
        trace_id: None,
        route: None,
        application_name: Some(super::sessions::printable(&entry.application_name)),
        client_addr: None,
        query: entry.statement.as_deref().map(Arc::from),
        queryid: entry.queryid.map(|id| id.to_string()),
    }
}
