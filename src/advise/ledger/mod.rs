//! The ledger: what was suggested, whether somebody did it, and whether it has helped.
//!
//! suggested -> applied (it is in the catalog, whoever did it and whatever it is called) -> measured
//! (the time of its statements before and after) -> kept or regressed (its undo is suggested).
//! Pure: suggestions, the catalog, the history's figures and the time come in; changed lines go out.

mod done;
mod line;
mod measure;
mod past;
mod persistence;
mod picture;
mod same;
mod show;
mod undo;
mod verdict;
mod welch;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use self::line::{Built, Line, Stage};
pub use self::measure::{Compared, Measured, OfStatement, Slower};
pub use self::past::{Past, Watched};
pub use self::picture::{OfDatabase, Picture};
pub use self::show::{markdown, table};
use super::catalog::Catalog;
use super::definition::Definition;
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
    pub fn watched(&self, datname: &str, catalog: &Catalog, now: i64) -> Vec<Watched> {
        self.of_database(datname)
            .filter(|line| verdict::is_watched(line, now))
            .map(|line| Watched { line: line.clone(), indexes: done::scanned(line, catalog) })
            .collect()
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
            done::check(line, look, looked);
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

    /// A database is not there any more, and with it all that was in it; returns the lines that have changed.
    pub fn without(&mut self, datname: &str, now: i64) -> Vec<Change> {
        self.looked.remove(datname);
        let here = self.lines.values_mut().filter(|line| *line.datname == *datname);
        here.filter(|line| line.state != Stage::Gone)
            .map(|line| {
                let before = Some(line.state);
                line.state = Stage::Gone;
                line.reason = Some("the database is not there any more".to_owned());
                line.updated_at = now;
                Change { before, line: line.clone() }
            })
            .collect()
    }

    fn suggest(&mut self, look: &Look<'_>, today: Today<'_>) {
        for suggestion in today.suggestions {
            let index = today.definitions.get(&suggestion.id);
            let key = (Arc::clone(look.datname), suggestion.id.clone());
            let line = self
                .lines
                .entry(key)
                .or_insert_with(|| Line::of(look.server, suggestion, index, look.now));
            match line.state {
                Stage::Suggested => line.renew(suggestion, index, look.now),
                Stage::Gone if rests(line, look.now) => {}
                Stage::Withdrawn | Stage::Gone => {
                    line.begin_anew();
                    line.renew(suggestion, index, look.now);
                }
                // What was built anew can come to the same again, and is then there as it was before.
                _ if line.action == "reindex" && !verdict::is_young(line, look.now) => {
                    line.begin_anew();
                    line.renew(suggestion, index, look.now);
                }
                Stage::Applied | Stage::Measured | Stage::Kept | Stage::Regressed => {}
            }
            if line.action == "reindex" && line.built.is_none() {
                line.built = done::built_now(line, look.catalog);
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
            .map(|line| (line.id.clone(), line.applied_at, measure::statements_of(line, past)))
            .collect();
        let mut undo = Vec::new();
        let mut kept = Vec::new();
        for line in self.lines.values_mut().filter(|line| line.datname == *look.datname) {
            if !verdict::is_watched(line, look.now) {
                continue;
            }
            let was = line.state;
            verdict::judge(line, past, look);
            if let Some(measured) = &mut line.measured {
                measured.together_with = together(&line.id, &applied);
            }
            match (was, line.state) {
                (_, Stage::Regressed) => undo.extend(undo::of(line, look.catalog, look.now)),
                (Stage::Regressed, _) => kept.push(line.id.clone()),
                _ => {}
            }
        }
        for line in undo {
            let key = (Arc::clone(&line.datname), line.id.clone());
            // One of an earlier time that is over begins anew.
            if self.lines.get(&key).is_none_or(|there| there.state.is_over()) {
                self.lines.insert(key, line);
            }
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

/// Whether it has made things worse, was taken back, and is not to be suggested again yet. Lines of before `taken_back_at` was
/// kept have only their figures to say so.
fn rests(line: &Line, now: i64) -> bool {
    let is_harm = line.measured.as_ref().is_some_and(Measured::is_harm);
    let taken_back = line.taken_back_at.or(is_harm.then_some(line.updated_at));
    taken_back.is_some_and(|at| now - at < REST)
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

#[cfg(test)]
mod tests;
