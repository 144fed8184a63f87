//! What a rule sees: what is true now, and what has grown over the window.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::grown::{Grown, grown};
use super::month::{Months, Peak};
use super::past::has_begun;
use super::{Deleted, Deletes, Hours, Limits, Past};
use crate::advise::ledger::{Line, Stage};
use crate::history::{HourLoad, Place};
use crate::sample::Moment;
use crate::state::{ServerSnapshot, Snapshot};
use crate::track::capped::{Capped, Coarse};
use crate::track::findings::Candidate;
use crate::track::reports::{Report, SlowTransaction};
use crate::track::tables::Table;

/// Seconds of a day.
const DAY: f64 = 86_400.0;

/// What all rules look at, at one time.
#[derive(Clone, Debug)]
pub struct Scene {
    now: Moment,
    snapshot: Snapshot,
    measured: Vec<Measured>,
    before: Option<(Moment, Snapshot)>,
    middle: Option<Snapshot>,
    hours: Arc<Hours>,
    months: Arc<Months>,
    deletes: Arc<Deletes>,
    window: Duration,
}

/// What was measured of one server.
#[derive(Clone, Debug)]
struct Measured {
    before: ServerSnapshot,
    middle: Option<ServerSnapshot>,
    span: Duration,
    statements: Vec<Grown>,
}

impl Scene {
    /// What is true now, beside the past. Of servers that are not up, or not yet for `warm_up`,
    /// nothing is seen.
    #[must_use]
    pub fn new(now: Moment, snapshot: &Snapshot, past: &Past, warm_up: Duration) -> Self {
        let is_long = |then: &Moment| now.elapsed.saturating_sub(then.elapsed) >= warm_up;
        let measure = |server: &ServerSnapshot| {
            let was_up = |past: &Snapshot| past.server(&server.name).is_some_and(has_begun);
            let (then, before) = past.earliest(was_up).filter(|(then, _)| is_long(then))?;
            let before = before.server(&server.name)?.clone();
            let middle = past.middle(then, now).and_then(|middle| middle.server(&server.name));
            let middle = middle.filter(|middle| middle.is_up()).cloned();
            let span = now.elapsed.saturating_sub(then.elapsed);
            Some(Measured { statements: grown(server, &before), before, middle, span })
        };
        let up = snapshot.servers.iter().filter(|server| server.is_up());
        let before = past.earliest(|_| true).filter(|(then, _)| is_long(then));
        Self {
            now,
            measured: up.filter_map(measure).collect(),
            snapshot: snapshot.clone(),
            hours: Arc::default(),
            months: Arc::default(),
            deletes: Arc::default(),
            window: Duration::ZERO,
            middle: before.and_then(|(then, _)| past.middle(then, now)).cloned(),
            before: before.map(|(then, before)| (then, before.clone())),
        }
    }

    /// With load by hour from the history.
    #[must_use]
    pub fn with_hours(self, hours: Arc<Hours>) -> Self {
        Self { hours, ..self }
    }

    /// With days of the month that stand out, from the history.
    #[must_use]
    pub fn with_months(self, months: Arc<Months>) -> Self {
        Self { months, ..self }
    }

    /// With rows that were deleted, from the history.
    #[must_use]
    pub fn with_deletes(self, deletes: Arc<Deletes>) -> Self {
        Self { deletes, ..self }
    }

    /// With rates over so long at least, also before that has passed: what happened in the first minutes
    /// need not go on all day.
    #[must_use]
    pub fn over_at_least(self, window: Duration) -> Self {
        Self { window, ..self }
    }

    /// Each server of which something was measured.
    pub(super) fn servers<'a>(&'a self, limits: &'a Limits) -> impl Iterator<Item = Sight<'a>> {
        self.measured.iter().filter_map(move |measured| {
            Some(Sight {
                server: self.snapshot.server(&measured.before.name)?,
                before: &measured.before,
                middle: measured.middle.as_ref(),
                snapshot: &self.snapshot,
                span: measured.span,
                now: self.now.wall,
                statements: &measured.statements,
                hours: &self.hours,
                months: &self.months,
                deletes: &self.deletes,
                rates_over: measured.span.max(self.window),
                limits,
            })
        })
    }

    /// What belongs to no server.
    pub(super) fn around<'a>(&'a self, limits: &'a Limits) -> Option<Around<'a>> {
        let (then, before) = self.before.as_ref()?;
        let span = self.now.elapsed.saturating_sub(then.elapsed);
        let middle = self.middle.as_ref();
        let rates_over = span.max(self.window);
        Some(Around { snapshot: &self.snapshot, before, middle, span, rates_over, limits })
    }
}

/// One server.
#[derive(Clone, Copy, Debug)]
pub struct Sight<'a> {
    /// What is true now.
    pub server: &'a ServerSnapshot,
    /// What was true when the window began.
    pub before: &'a ServerSnapshot,
    /// What was true about half a window ago, if that is known.
    pub middle: Option<&'a ServerSnapshot>,
    /// Everything that is true now.
    pub snapshot: &'a Snapshot,
    /// How long the window is.
    pub span: Duration,
    /// By the agent's clock.
    pub now: SystemTime,
    /// Statements that took something in the window.
    pub statements: &'a [Grown],
    hours: &'a Hours,
    months: &'a Months,
    deletes: &'a Deletes,
    rates_over: Duration,
    limits: &'a Limits,
}

/// What belongs to no server.
#[derive(Clone, Copy, Debug)]
pub struct Around<'a> {
    /// What is true now.
    pub snapshot: &'a Snapshot,
    /// What was true when the window began.
    pub before: &'a Snapshot,
    /// What was true about half a window ago, if that is known.
    pub middle: Option<&'a Snapshot>,
    /// How long the window is.
    pub span: Duration,
    rates_over: Duration,
    limits: &'a Limits,
}

impl Sight<'_> {
    /// What the config calls too much. A key that no rule declares is never reached.
    #[must_use]
    pub fn limit(&self, key: &'static str) -> f64 {
        self.limits.get(key).copied().unwrap_or(f64::INFINITY)
    }

    /// What was measured over the window, as it would be over a day; less while the window is young.
    #[must_use]
    pub fn per_day(&self, much: f64) -> f64 {
        much * DAY / self.rates_over.as_secs_f64().max(1.0)
    }

    /// Executing time of all statements of a database over the window, in seconds.
    #[must_use]
    pub fn statement_seconds(&self, datname: &str) -> f64 {
        let shown = self.statements.iter().filter(|grown| *grown.datname == *datname);
        let other = |view: &ServerSnapshot| -> f64 {
            let all = view.statements.other.iter().filter(|((d, _), _)| **d == *datname);
            all.map(|(_, sum)| sum.exec_seconds).sum()
        };
        let hidden = (other(self.server) - other(self.before)).max(0.0);
        shown.map(|grown| grown.work.exec_seconds).sum::<f64>() + hidden
    }

    /// Seconds that all statements of a database worked in the window: what they waited for locks,
    /// which pg_stat_statements counts as their time, is not work. Waits are as sampling saw them.
    #[must_use]
    pub fn work_seconds(&self, datname: &str) -> f64 {
        let waited = |view: &ServerSnapshot| -> f64 {
            let all = view.activity.blocked.iter().filter(|(key, _)| *key.datname == *datname);
            all.map(|(_, waited)| waited.as_secs_f64()).sum()
        };
        let waited = (waited(self.server) - waited(self.before)).max(0.0);
        (self.statement_seconds(datname) - waited).max(0.0)
    }

    /// When the window began, by the agent's clock.
    #[must_use]
    pub fn began(&self) -> SystemTime {
        self.now.checked_sub(self.span).unwrap_or(SystemTime::UNIX_EPOCH)
    }

    /// Slow transactions that ended in the window, as far as they are remembered, and then those
    /// that are open.
    pub fn transactions(&self) -> impl Iterator<Item = &SlowTransaction> {
        let began = self.began();
        let ended = self.reports().filter(move |(at, _)| *at >= began);
        let ended = ended.filter_map(|(_, report)| match report {
            Report::SlowTransaction(slow) => Some(slow),
            _ => None,
        });
        ended.chain(&self.server.activity.open)
    }

    /// The business module of a table, by its name without schema; `other` if it is not known.
    /// Not all tables are looked at singly, but all have words.
    #[must_use]
    pub fn module(&self, datname: &Arc<str>, table: &str) -> Arc<str> {
        let own = |table: &Table| Arc::clone(&table.module);
        let word = || self.server.erps.of(datname).module(table);
        self.table(datname, table).map_or_else(word, own)
    }

    /// A table by its name without schema, if it is among those that are looked at singly.
    #[must_use]
    pub fn table(&self, datname: &str, name: &str) -> Option<&Table> {
        let database = self.server.tables.databases.get(datname)?;
        database.tables.iter().find(|table| *table.table == *name)
    }

    /// Rows of a table that were read from end to end in the window, if it was looked at singly then.
    #[must_use]
    pub fn rows_scanned(&self, datname: &str, name: &str) -> Option<u64> {
        let now = self.table(datname, name)?;
        let before = self.before.tables.databases.get(datname);
        let before = before.and_then(|b| b.tables.iter().find(|table| table.oid == now.oid));
        let rows = match before {
            // Not looked at then: what has grown since it is. Making an index reads its table, too.
            None => now.here.seq_tup_read,
            Some(then) => {
                let rows = now.counters.seq_tup_read;
                // Less than before: the statistics were reset.
                rows.checked_sub(then.counters.seq_tup_read).unwrap_or(rows)
            }
        };
        // What we have counted ourselves is nobody's fault.
        let place = (Arc::from(datname), name.to_owned());
        let counted =
            |view: &ServerSnapshot| view.duplicates.read.get(&place).copied().unwrap_or(0);
        Some(rows.saturating_sub(counted(self.server).saturating_sub(counted(self.before))))
    }

    /// What the index advisor suggests for a database and nobody has done yet: `create` or `drop`.
    pub fn suggestions(&self, datname: &str, action: &str) -> impl Iterator<Item = &Line> {
        let lines = self.server.suggestions.lines.iter().map(AsRef::as_ref);
        lines.filter(move |line| {
            line.state == Stage::Suggested && *line.datname == *datname && line.action == action
        })
    }

    /// Load of a database by hour, as far as the history reaches.
    #[must_use]
    pub fn hours(&self, datname: &Arc<str>) -> &[HourLoad] {
        self.hours.get(&self.place(datname)).map_or(&[], Vec::as_slice)
    }

    /// Days of the month that stand out in a database, as far as the history reaches.
    #[must_use]
    pub fn months(&self, datname: &Arc<str>) -> &[Peak] {
        self.months.get(&self.place(datname)).map_or(&[], Vec::as_slice)
    }

    /// Rows that were deleted in a database, as far as the history knows.
    #[must_use]
    pub fn deleted(&self, datname: &Arc<str>) -> Option<&Deleted> {
        self.deletes.get(&self.place(datname))
    }

    fn place(&self, datname: &Arc<str>) -> Place {
        Place { server: Arc::clone(&self.server.name), datname: Arc::clone(datname) }
    }

    /// What was told of this server, as far as it is remembered, and when.
    pub fn reports(&self) -> impl Iterator<Item = (SystemTime, &Report)> {
        self.snapshot
            .journal
            .since(0)
            .filter(|entry| entry.server.as_ref() == Some(&self.server.name))
            .map(|entry| (entry.at, &entry.report))
    }
}

impl Around<'_> {
    /// What the config calls too much. A key that no rule declares is never reached.
    #[must_use]
    pub fn limit(&self, key: &'static str) -> f64 {
        self.limits.get(key).copied().unwrap_or(f64::INFINITY)
    }

    /// What was measured over the window, as it would be over a day; less while the window is young.
    #[must_use]
    pub fn per_day(&self, much: f64) -> f64 {
        much * DAY / self.rates_over.as_secs_f64().max(1.0)
    }
}

/// What each value has grown by; values that were not there before have grown from nothing.
pub(super) fn growth<'a, K: Coarse + Clone, V: Default + Copy>(
    now: &'a Capped<K, V>,
    before: &Capped<K, V>,
    minus: impl Fn(V, V) -> V + 'a,
) -> Vec<(&'a K, V)> {
    let then: std::collections::BTreeMap<&K, V> = before.iter().map(|(k, v)| (k, *v)).collect();
    now.iter().map(|(k, v)| (k, minus(*v, then.get(k).copied().unwrap_or_default()))).collect()
}

/// The case in the order of ranks: the dearest first.
pub(super) fn dearest(mut candidates: Vec<Candidate>) -> Vec<Candidate> {
    candidates.sort_by(Candidate::rank);
    candidates
}
