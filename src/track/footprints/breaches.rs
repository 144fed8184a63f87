//! Boundary breaches: an integration writes a table that it does not own.
//!
//! Of an integration that is told by its role alone, pg_stat_statements counts every write by a
//! statement that is shown singly. Of other statements, and of other integrations, sampling sees the
//! executions that it happens to see, each once. A statement that runs in the ERP's own session on
//! behalf of an integration (a comment says so) is judged only where the integration declares what it
//! owns: it is the ERP that writes there.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::shares::WorkKey;
use crate::erp::{Changed, OTHER};
use crate::integration::Integration;
use crate::track::capped::{Capped, Coarse};
use crate::track::sessions::{Origin, Seen, Statement, Who, Words};
use crate::track::statements::{self, Shown};
use crate::track::timeline::span;

/// The same breach is told again after this time.
const AGAIN: Duration = Duration::from_secs(3_600);
/// Breaches that are remembered as told, and statements whose meaning is.
const MOST: usize = 10_000;

/// Labels of `erpscope_boundary_breaches_total`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BreachKey {
    /// Who writes.
    pub integration: Arc<str>,
    /// Of the table written.
    pub module: Arc<str>,
}

impl Coarse for BreachKey {
    fn coarse(&self) -> Self {
        Self { integration: Arc::clone(&self.integration), module: OTHER.into() }
    }
}

/// A breach, told when it is seen first and once an hour while it goes on.
#[derive(Clone, Debug)]
pub struct Breach {
    /// Who writes.
    pub integration: Arc<str>,
    /// What is written.
    pub changed: Changed,
    /// Its process, where a sample has shown it.
    pub pid: Option<i32>,
    /// Its session, where a sample has shown it.
    pub who: Option<Arc<Who>>,
    /// On whose behalf it works.
    pub origin: Option<Arc<Origin>>,
    /// The statement.
    pub statement: Arc<Statement>,
    /// Its database.
    pub datname: Arc<str>,
    /// Its role.
    pub usename: Arc<str>,
}

/// A statement in pg_stat_statements: database, role, hash of its shape.
type Counted = (Arc<str>, Arc<str>, i64);

/// When a process began, and its statement.
type Execution = (Option<SystemTime>, Option<SystemTime>);

/// A statement by one of its names: database, role, name.
type Named = (Arc<str>, Arc<str>, Name);

/// What is told once an hour: integration, table, one of the statement's names.
type Kept = (Arc<str>, Arc<str>, Name);

/// A statement has both names where the server tells the first, and not every sight of it has: before
/// PostgreSQL 14 pg_stat_statements alone knows the hash.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Name {
    Queryid(i64),
    Shape(Arc<str>),
}

/// The breaches in one server.
#[derive(Debug)]
pub struct Breaches {
    counted: Capped<BreachKey, u64>,
    rows_written: Capped<WorkKey, u64>,
    /// The last execution that was judged, by pid. An idle session is in few samples, and is then
    /// seen with what it did last.
    judged: HashMap<i32, Execution>,
    told: HashMap<Kept, SystemTime>,
    /// Calls and rows of writes by role, as last read.
    last: BTreeMap<Counted, (u64, u64)>,
    meanings: HashMap<(Arc<str>, i64), Arc<[Changed]>>,
    /// Writes by role that are counted whenever statements are read: sampling is not to count them, too.
    counted_by_role: HashSet<Named>,
    /// Executions of others that sampling has counted: they may be shown later, with all their calls.
    sampled: HashMap<Named, u64>,
    now: Option<SystemTime>,
}

impl Breaches {
    pub(super) fn new(series: usize) -> Self {
        Self {
            counted: Capped::new(series),
            rows_written: Capped::new(series),
            judged: HashMap::new(),
            told: HashMap::new(),
            last: BTreeMap::new(),
            meanings: HashMap::new(),
            counted_by_role: HashSet::new(),
            sampled: HashMap::new(),
            now: None,
        }
    }

    pub(super) fn limit(&mut self, series: usize) {
        self.counted.limit(series);
        self.rows_written.limit(series);
    }

    /// What statements mean is asked anew.
    pub(super) fn learn_words(&mut self) {
        self.meanings.clear();
    }

    /// Judges a sample; `all` if idle sessions are in it, too.
    pub(super) fn apply(
        &mut self,
        sessions: &[Seen<'_>],
        all: bool,
        at: SystemTime,
    ) -> Vec<Breach> {
        let mut found = Vec::new();
        self.now = Some(at);
        if all {
            let there: HashSet<i32> = sessions.iter().map(|seen| seen.row.pid).collect();
            self.judged.retain(|pid, _| there.contains(pid));
        }
        for seen in sessions {
            let Some(integration) = &seen.origin.integration else { continue };
            if seen.statement.changed.is_empty() || !is_judged(integration, &seen.origin) {
                continue;
            }
            let execution = (seen.row.backend_start, seen.row.query_start);
            if self.judged.insert(seen.row.pid, execution) == Some(execution) {
                continue;
            }
            let is_counted =
                integration.rules.is_role(&seen.who.usename) && self.is_counted_by_role(seen);
            for changed in foreign(integration, &seen.statement.changed) {
                if !is_counted {
                    *self.counted.of(key(integration, changed)) += 1;
                }
                found.push(Breach {
                    integration: Arc::clone(&integration.name),
                    changed: changed.clone(),
                    pid: Some(seen.row.pid),
                    who: Some(Arc::clone(&seen.who)),
                    origin: Some(Arc::clone(&seen.origin)),
                    statement: Arc::clone(&seen.statement),
                    datname: Arc::clone(&seen.who.datname),
                    usename: Arc::clone(&seen.who.usename),
                });
            }
        }
        self.news(found)
    }

    /// Whether its executions are counted by pg_stat_statements. If not, this one is noted: it is
    /// among its calls if they are counted later.
    fn is_counted_by_role(&mut self, seen: &Seen<'_>) -> bool {
        let name = match (seen.statement.queryid, &seen.statement.text) {
            (Some(queryid), _) => Name::Queryid(queryid),
            (None, text) => Name::Shape(shape(text.as_deref().unwrap_or_default())),
        };
        let named = (Arc::clone(&seen.who.datname), Arc::clone(&seen.who.usename), name);
        if self.counted_by_role.contains(&named) {
            return true;
        }
        if self.sampled.len() >= MOST {
            self.sampled.clear();
        }
        *self.sampled.entry(named).or_default() += 1;
        false
    }

    pub(super) fn read_statements(
        &mut self,
        view: &statements::View,
        words: Words<'_>,
    ) -> Vec<Breach> {
        self.counted_by_role.clear();
        let mut found = Vec::new();
        for shown in &view.shown {
            let owner = words.integrations.iter().find(|i| i.rules.is_role(&shown.usename));
            let (Some(integration), Some(query)) = (owner, &shown.query) else { continue };
            let meaning_key = (Arc::clone(&shown.datname), shown.queryid);
            if self.meanings.len() >= MOST {
                self.meanings.clear();
            }
            let changed =
                Arc::clone(self.meanings.entry(meaning_key).or_insert_with(|| {
                    words.erps.of(&shown.datname).meaning(query).changed.into()
                }));
            let Some(first) = changed.first() else { continue };
            let counted = (Arc::clone(&shown.datname), Arc::clone(&shown.usename), shown.queryid);
            let now = (shown.total.calls, shown.total.rows);
            let before = self.last.insert(counted, now).unwrap_or_default();
            let (calls, rows) = (now.0.saturating_sub(before.0), now.1.saturating_sub(before.1));
            let calls = self.count_by_role(shown, query, calls);
            let of = (Arc::clone(&integration.name), Arc::clone(&first.module));
            *self.rows_written.of(WorkKey { integration: of.0, module: of.1 }) += rows;
            if calls == 0 {
                continue;
            }
            for changed in foreign(integration, &changed) {
                *self.counted.of(key(integration, changed)) += calls;
                found.push(Breach {
                    integration: Arc::clone(&integration.name),
                    changed: changed.clone(),
                    pid: None,
                    who: None,
                    origin: None,
                    statement: Arc::new(Statement {
                        queryid: Some(shown.queryid),
                        text: Some(Arc::clone(query)),
                        module: Arc::clone(&shown.module),
                        changed: Arc::default(),
                    }),
                    datname: Arc::clone(&shown.datname),
                    usename: Arc::clone(&shown.usename),
                });
            }
        }
        let is_shown = |counted: &Counted| {
            view.shown.iter().any(|s| s.queryid == counted.2 && s.datname == counted.0)
        };
        if self.last.len() >= MOST {
            self.last.retain(|counted, _| is_shown(counted));
        }
        self.news(found)
    }

    /// A statement is counted whenever statements are read, from now on; returns how many of these
    /// calls sampling has not counted.
    fn count_by_role(&mut self, shown: &Shown, query: &str, calls: u64) -> u64 {
        let names = [Name::Shape(shape(query)), Name::Queryid(shown.queryid)];
        let [shape, queryid] =
            names.map(|name| (Arc::clone(&shown.datname), Arc::clone(&shown.usename), name));
        let sampled = [&shape, &queryid].into_iter().filter_map(|name| self.sampled.remove(name));
        let sampled: u64 = sampled.sum();
        // What has not ended yet will be among the calls of the next time.
        if sampled > calls {
            self.sampled.insert(queryid.clone(), sampled - calls);
        }
        self.counted_by_role.extend([shape, queryid]);
        calls.saturating_sub(sampled)
    }

    /// Those that were not told within the last hour.
    fn news(&mut self, mut found: Vec<Breach>) -> Vec<Breach> {
        let Some(now) = self.now else { return Vec::new() };
        if self.told.len() >= MOST {
            self.told.clear();
        }
        found.retain(|breach| {
            let is_old = |key: &Kept| self.told.get(key).is_some_and(|at| span(*at, now) < AGAIN);
            let is_news = !keys(breach).any(|key| is_old(&key));
            if is_news {
                self.told.extend(keys(breach).map(|key| (key, now)));
            }
            is_news
        });
        found
    }

    pub(super) fn counted(&self) -> &Capped<BreachKey, u64> {
        &self.counted
    }

    pub(super) fn rows_written(&self) -> &Capped<WorkKey, u64> {
        &self.rows_written
    }
}

fn keys(breach: &Breach) -> impl Iterator<Item = Kept> {
    let text = breach.statement.text.as_deref().unwrap_or_default();
    let names = breach.statement.queryid.map(Name::Queryid).into_iter();
    names
        .chain([Name::Shape(shape(text))])
        .map(|name| (Arc::clone(&breach.integration), Arc::clone(&breach.changed.table), name))
}

/// A statement's text is the same whether a sample has shown it, with `?` for its literals, or
/// pg_stat_statements, with `$1`.
fn shape(text: &str) -> Arc<str> {
    let mut parts = text.split('$');
    let mut shape = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.trim_start_matches(|c: char| c.is_ascii_digit());
        shape.push(if rest.len() < part.len() { '?' } else { '$' });
        shape.push_str(rest);
    }
    shape.into()
}

fn is_judged(integration: &Integration, origin: &Origin) -> bool {
    origin.is_direct || !integration.owns.is_empty()
}

fn foreign<'a>(
    integration: &'a Integration,
    changed: &'a [Changed],
) -> impl Iterator<Item = &'a Changed> {
    changed.iter().filter(|changed| !integration.owns(&changed.table, &changed.module))
}

fn key(integration: &Integration, changed: &Changed) -> BreachKey {
    let (integration, module) = (Arc::clone(&integration.name), Arc::clone(&changed.module));
    BreachKey { integration, module }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sampled_text_and_a_counted_one_have_one_shape() {
        let counted = shape("update quant set n = n - $1, price = '$' where id = $12");
        assert_eq!(counted, shape("update quant set n = n - ?, price = '$' where id = ?"));
        assert_ne!(counted, shape("update quant set n = n + ?, price = '$' where id = ?"));
    }
}
