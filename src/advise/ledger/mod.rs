//! The ledger: what was suggested, whether somebody did it, and whether it has helped.
//!
//! suggested -> applied (it is in the catalog, whoever did it and whatever it is called) -> measured
//! (the time of its statements before and after) -> kept or regressed (its undo is suggested).
//! Pure: suggestions, the catalog, the history's figures and the time come in; changed lines go out.

mod line;
mod measure;
mod past;
mod picture;
mod same;
mod show;
mod verdict;
mod welch;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use self::line::{Built, Line, Stage};
pub use self::measure::{Compared, Measured, OfStatement};
pub use self::past::Past;
pub use self::picture::{OfDatabase, Picture};
pub use self::show::{markdown, table};
use super::catalog::{Catalog, Index};
use super::definition::{Definition, identifiers};
use super::suggestion::Suggestion;

/// Runs in a row that must not suggest it any more: what is near a threshold comes and goes.
const MISSED: u32 = 2;
/// What has made things worse, and was taken back, is not suggested again for so long.
const REST: i64 = 90 * 86_400;
/// Lines of one server that are kept; the oldest that are over go.
const MOST: usize = 1_000;

/// The ledger of one server.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    lines: BTreeMap<(Arc<str>, String), Line>,
    /// When each database was last looked at.
    looked: BTreeMap<Arc<str>, i64>,
}

/// What a run of the advisor has suggested for one database.
#[derive(Clone, Copy, Debug)]
pub struct Today<'a> {
    /// All of it.
    pub suggestions: &'a [Suggestion],
    /// Of each index to create, by the suggestion's id.
    pub definitions: &'a BTreeMap<String, Definition>,
    /// All could be asked: what is not suggested is not worth it.
    pub is_complete: bool,
}

/// What is known of one database now.
#[derive(Clone, Copy, Debug)]
pub struct Look<'a> {
    /// Name of the server in the config.
    pub server: &'a Arc<str>,
    /// The database.
    pub datname: &'a Arc<str>,
    /// Seconds since 1970.
    pub now: i64,
    /// The tables of its lines, with their indexes.
    pub catalog: &'a Catalog,
    /// What is suggested, if that was asked.
    pub today: Option<Today<'a>>,
    /// What the history says, if that was asked.
    pub past: Option<&'a Past>,
}

/// A line that is not what it was.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// What had become of it before; `None`: it is new.
    pub before: Option<Stage>,
    /// The line now.
    pub line: Line,
}

impl Change {
    /// Whether something has become of it, more than figures.
    #[must_use]
    pub fn is_news(&self) -> bool {
        self.before != Some(self.line.state)
    }
}

impl Ledger {
    /// With what was remembered.
    #[must_use]
    pub fn of(lines: Vec<Line>) -> Self {
        let key = |line: &Line| (Arc::clone(&line.datname), line.id.clone());
        Self {
            lines: lines.into_iter().map(|line| (key(&line), line)).collect(),
            looked: BTreeMap::new(),
        }
    }

    /// All lines.
    pub fn lines(&self) -> impl Iterator<Item = &Line> {
        self.lines.values()
    }

    /// Databases with lines that something may still become of.
    #[must_use]
    pub fn open(&self) -> Vec<Arc<str>> {
        let mut open: Vec<Arc<str>> = self
            .lines()
            .filter(|line| line.state != Stage::Gone)
            .map(|line| Arc::clone(&line.datname))
            .collect();
        open.dedup();
        open
    }

    /// The tables of a database's lines.
    #[must_use]
    pub fn relations(&self, datname: &str) -> std::collections::BTreeSet<(String, String)> {
        self.of_database(datname).filter_map(Line::relation).collect()
    }

    /// Lines of a database of which it is still measured what they bring.
    #[must_use]
    pub fn watched(&self, datname: &str, now: i64) -> Vec<Line> {
        let watched = |line: &&Line| verdict::is_watched(line, now);
        self.of_database(datname).filter(watched).cloned().collect()
    }

    /// When a database was last suggested something, in seconds since 1970.
    #[must_use]
    pub fn last_suggested(&self) -> Option<i64> {
        self.lines().map(|line| line.seen_at).max()
    }

    fn of_database(&self, datname: &str) -> impl Iterator<Item = &Line> {
        self.lines.values().filter(move |line| *line.datname == *datname)
    }

    /// Folds in what is known of one database now; returns the lines that have changed.
    pub fn fold(&mut self, look: &Look<'_>) -> Vec<Change> {
        let before: BTreeMap<String, Line> =
            self.of_database(look.datname).map(|line| (line.id.clone(), line.clone())).collect();
        if let Some(today) = look.today {
            self.suggest(look, today);
        }
        let looked = self.looked.get(look.datname).copied();
        let here = self.lines.values_mut().filter(|line| line.datname == *look.datname);
        for line in here {
            check(line, look, looked);
        }
        if let Some(past) = look.past {
            self.measure(look, past);
        }
        self.looked.insert(Arc::clone(look.datname), look.now);
        let mut changes = Vec::new();
        for line in self.lines.values_mut().filter(|line| line.datname == *look.datname) {
            let was = before.get(&line.id);
            if was != Some(line) {
                line.updated_at = look.now;
                changes.push(Change { before: was.map(|was| was.state), line: line.clone() });
            }
        }
        self.forget();
        changes
    }

    fn suggest(&mut self, look: &Look<'_>, today: Today<'_>) {
        for suggestion in today.suggestions {
            let index = today.definitions.get(&suggestion.id);
            let key = (Arc::clone(look.datname), suggestion.id.clone());
            let line = self
                .lines
                .entry(key)
                .or_insert_with(|| Line::of(look.server, suggestion, index, look.now));
            let rests = line.measured.as_ref().is_some_and(|measured| {
                measured.overall.as_ref().is_some_and(Compared::is_slower)
                    && look.now - line.updated_at < REST
            });
            match line.state {
                Stage::Suggested => line.renew(suggestion, index, look.now),
                Stage::Gone if rests => {}
                Stage::Withdrawn | Stage::Gone => {
                    (line.applied_at, line.not_applied_at, line.applied_as) = (None, None, None);
                    (line.measured_at, line.measured, line.reason) = (None, None, None);
                    line.state = Stage::Suggested;
                    line.renew(suggestion, index, look.now);
                }
                Stage::Applied | Stage::Measured | Stage::Kept | Stage::Regressed => {}
            }
            if line.action == "reindex" && line.built.is_none() {
                line.built = target(line).and_then(|t| index_of(line, &t, look.catalog)).map(built);
            }
        }
        if !today.is_complete {
            return;
        }
        for line in self.lines.values_mut() {
            let is_missed = line.datname == *look.datname
                && line.state == Stage::Suggested
                && line.undoes.is_none()
                && line.seen_at < look.now;
            if is_missed {
                line.missed += 1;
                if line.missed >= MISSED {
                    line.state = Stage::Withdrawn;
                    line.reason = Some("it is suggested no more".to_owned());
                }
            }
        }
    }

    fn measure(&mut self, look: &Look<'_>, past: &Past) {
        let applied: Vec<(String, Option<i64>, Vec<i64>)> = self
            .of_database(look.datname)
            .map(|line| (line.id.clone(), line.applied_at, line.queryids().collect()))
            .collect();
        let mut undo = Vec::new();
        let mut kept = Vec::new();
        for line in self.lines.values_mut().filter(|line| line.datname == *look.datname) {
            if !verdict::is_watched(line, look.now) {
                continue;
            }
            let was = line.state;
            verdict::judge(line, past, look.now);
            if let Some(measured) = &mut line.measured {
                measured.together_with = together(&line.id, &applied);
            }
            match (was, line.state) {
                (_, Stage::Regressed) => undo.extend(undoing(line, look.now)),
                (Stage::Regressed, _) => kept.push(line.id.clone()),
                _ => {}
            }
        }
        for line in undo {
            let key = (Arc::clone(&line.datname), line.id.clone());
            self.lines.entry(key).or_insert(line);
        }
        for line in self.lines.values_mut().filter(|line| line.state == Stage::Suggested) {
            if line.undoes.as_ref().is_some_and(|id| kept.contains(id)) {
                line.state = Stage::Withdrawn;
                line.reason = Some("what it was to undo is no worse any more".to_owned());
            }
        }
    }

    /// Keeps it within its bounds.
    fn forget(&mut self) {
        while self.lines.len() > MOST {
            let over = self.lines.iter().filter(|(_, line)| line.state.is_over());
            let oldest = over.min_by_key(|(_, line)| line.updated_at).map(|(key, _)| key.clone());
            let Some(oldest) = oldest else { break };
            self.lines.remove(&oldest);
        }
    }
}

/// Looks whether it was done, or is undone.
fn check(line: &mut Line, look: &Look<'_>, looked: Option<i64>) {
    let table = line.relation().and_then(|(schema, name)| look.catalog.table(&schema, &name));
    let Some(table) = table else {
        // Its table is gone, and with it all that was on it.
        if !line.state.is_over() {
            line.state = Stage::Gone;
            line.reason = Some(format!("the table {} is not there any more", line.table));
        }
        return;
    };
    let done = match (&line.index, line.action.as_str()) {
        (Some(definition), "create") => {
            let found = same::find(definition, table, look.catalog);
            let whole = found.as_ref().is_some_and(same::Found::is_whole);
            if !line.state.is_over() && !line.state.is_done() {
                line.applied_parts = found.as_ref().filter(|_| !whole).and_then(|f| f.parts);
            }
            found.filter(|_| whole).map(|found| Some(found.name))
        }
        (_, "drop") => {
            let there = target(line).is_some_and(|t| index_of(line, &t, look.catalog).is_some());
            (!there).then_some(None)
        }
        (_, "reindex") => {
            let now = target(line).and_then(|t| index_of(line, &t, look.catalog));
            let is_new = now.is_some_and(|now| now.is_valid && line.built != Some(built(now)));
            // Without what it was, nobody can tell.
            (line.built.is_some() && is_new).then_some(None)
        }
        _ => return,
    };
    match (done, line.state) {
        (Some(name), Stage::Suggested | Stage::Withdrawn) => {
            line.not_applied_at = looked.filter(|at| *at >= line.seen_at).or(Some(line.seen_at));
            line.applied_at = Some(look.now);
            line.applied_as = name;
            (line.applied_parts, line.reason) = (None, None);
            line.state = Stage::Applied;
        }
        (Some(Some(name)), state) if state.is_done() => line.applied_as = Some(name),
        (None, state) if state.is_done() => {
            let what = match line.action.as_str() {
                "drop" => "the index is there again",
                _ => "the index is not there any more",
            };
            line.state = Stage::Gone;
            line.reason = Some(what.to_owned());
        }
        _ => {}
    }
}

/// Other lines that were applied near the same time, for the same statements.
fn together(id: &str, applied: &[(String, Option<i64>, Vec<i64>)]) -> Vec<String> {
    let Some((_, Some(at), ids)) = applied.iter().find(|(other, _, _)| other == id) else {
        return Vec::new();
    };
    applied
        .iter()
        .filter(|(other, when, of_other)| {
            other != id
                && when.is_some_and(|when| (when - at).abs() < measure::WINDOW)
                && of_other.iter().any(|queryid| ids.contains(queryid))
        })
        .map(|(other, _, _)| other.clone())
        .collect()
}

/// The suggestion that takes back an index which has made things worse.
fn undoing(line: &Line, now: i64) -> Option<Line> {
    let name = line.applied_as.as_ref().filter(|_| line.action == "create")?;
    // An index of a partitioned table cannot be dropped concurrently.
    let how = if line.undo.starts_with("drop index concurrently ") { "concurrently " } else { "" };
    let reason = line.reason.clone().unwrap_or_default();
    Some(Line {
        id: format!("undo-{}", line.id),
        action: "drop".to_owned(),
        state: Stage::Suggested,
        ddl: vec![format!("drop index {how}{name}")],
        undo: line.ddl.join(";\n"),
        reason: None,
        saved_seconds_per_day: line.upkeep_seconds_per_day,
        upkeep_seconds_per_day: 0.0,
        estimated_speedup: None,
        checked_by: "measured".to_owned(),
        warnings: vec!["a standby has statistics of its own: look there, too".to_owned()],
        explanation: format!("The index {name} was suggested as {}, and made: {reason}.", line.id),
        suggested_at: now,
        seen_at: now,
        missed: 0,
        not_applied_at: None,
        applied_at: None,
        applied_as: None,
        applied_parts: None,
        measured_at: None,
        measured: None,
        undoes: Some(line.id.clone()),
        index: None,
        built: None,
        updated_at: now,
        ..line.clone()
    })
}

/// The index that a `drop index`, a `reindex index` or the drop of its constraint names: its schema, if
/// that is named, and name. A constraint's index is called as it is.
fn target(line: &Line) -> Option<(Option<String>, String)> {
    let ddl = line.ddl.first()?;
    if let Some((_, constraint)) = ddl.rsplit_once(" drop constraint ") {
        return Some((None, identifiers(constraint)?.pop()?));
    }
    let rest = ddl.strip_prefix("drop index ").or_else(|| ddl.strip_prefix("reindex index "))?;
    let rest = rest.strip_prefix("concurrently ").unwrap_or(rest);
    let mut names = identifiers(rest)?;
    let name = names.pop()?;
    Some((names.pop(), name))
}

/// An index of the line's table, or of its parts.
fn index_of<'a>(
    line: &Line,
    (schema, name): &(Option<String>, String),
    catalog: &'a Catalog,
) -> Option<&'a Index> {
    let (of_table, table) = line.relation()?;
    let table = catalog.table(&of_table, &table)?;
    let parts = std::iter::once(table).chain(catalog.parts(table));
    let here = parts.filter(|part| schema.as_ref().is_none_or(|schema| part.schema == *schema));
    here.flat_map(|part| &part.indexes).find(|index| index.name == *name)
}

fn built(index: &Index) -> Built {
    Built { oid: index.oid, filenode: index.filenode }
}

#[cfg(test)]
mod tests;
