//! Growth per hour, for the history: what each statement took, how each table and index was used.
//!
//! Growth is added to the hour in which it was seen, and given away every few minutes, so a crash
//! loses no more than that. How long it took to grow is told beside it: after a gap that is more
//! than the hour.

mod relations;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use self::relations::Relations;
use super::names::Names;
use super::tables;
use crate::history::{
    Batch, Covered, Kind, ModuleSize, Place, StatementGrowth, StatementText, Work, hour_of,
};
use crate::sample::statements::{Counters, Key};
use crate::sample::{Moment, texts, usage};

/// Statements of one database and hour that are told apart until they are given away; all further
/// ones are its rest.
const STATEMENTS: usize = 20_000;
/// Texts that wait to be given away.
const TEXTS: usize = 20_000;

/// An hour and a database.
type When = (i64, Arc<str>);

/// What has grown in one server and was not given away yet.
#[derive(Debug)]
pub struct Hours {
    server: Arc<str>,
    write_every: Duration,
    written: Option<Duration>,
    counted: Option<Duration>,
    statements: BTreeMap<When, HashMap<Option<i64>, Work>>,
    texts: HashMap<(Arc<str>, i64), Arc<str>>,
    relations: Relations,
    modules: Vec<ModuleSize>,
    /// Of each database the hour whose sizes of modules were last taken up.
    sized: BTreeMap<Arc<str>, i64>,
    covered: BTreeMap<(When, Kind), (Duration, u64)>,
}

impl Hours {
    /// Of a server, given away every `write_every`.
    #[must_use]
    pub fn new(server: Arc<str>, write_every: Duration) -> Self {
        Self {
            server,
            write_every,
            written: None,
            counted: None,
            statements: BTreeMap::new(),
            texts: HashMap::new(),
            relations: Relations::default(),
            modules: Vec::new(),
            sized: BTreeMap::new(),
            covered: BTreeMap::new(),
        }
    }

    /// The next samples are known to be another server's: only a new base.
    pub fn rebase(&mut self) {
        self.relations.rebase();
    }

    /// Adds what statements have grown by since the sample before; `None`: it is only a base.
    pub fn statements(&mut self, at: Moment, grown: Option<&[(Key, Counters)]>, names: &Names) {
        let before = self.counted.replace(at.elapsed);
        let Some(grown) = grown else { return };
        let hour = hour_of(unix(at.wall));
        let took = before.map_or(Duration::ZERO, |before| at.elapsed.saturating_sub(before));
        for datname in names.labels() {
            self.cover((hour, datname.into()), Kind::Statements, took, 0);
        }
        for (key, growth) in grown {
            let here = self.statements.entry((hour, names.datname(key.dbid))).or_default();
            let known = key.queryid.filter(|queryid| {
                names.is_single(key.dbid)
                    && (here.len() < STATEMENTS || here.contains_key(&Some(*queryid)))
            });
            *here.entry(known).or_default() += work(growth);
        }
    }

    /// Takes up texts that were read.
    pub fn texts(&mut self, sample: &texts::Sample, names: &Names) {
        for (key, text) in &sample.texts {
            if names.is_single(key.dbid) && self.texts.len() < TEXTS {
                self.texts.insert((names.datname(key.dbid), key.queryid), text.as_str().into());
            }
        }
    }

    /// Adds how tables and indexes were used since the sample before of their database.
    pub fn usage(&mut self, at: Moment, sample: &usage::Sample, names: &Names) {
        let hour = hour_of(unix(at.wall));
        self.relations.retain(|dbid| names.is_single(dbid));
        for database in sample.databases.iter().filter(|d| names.is_single(d.dbid)) {
            let place = self.place(&names.datname(database.dbid));
            let (took, resets) = self.relations.apply(at.elapsed, hour, &place, database);
            self.cover((hour, place.datname), Kind::Usage, took, resets);
        }
    }

    /// Takes up how large modules are, once an hour.
    pub fn sizes(&mut self, tables: &tables::View) {
        self.sized.retain(|datname, _| tables.databases.contains_key(datname));
        for (datname, database) in &tables.databases {
            let at = unix(database.at.wall);
            if self.sized.insert(Arc::clone(datname), hour_of(at)) == Some(hour_of(at)) {
                continue;
            }
            let place = self.place(datname);
            let sizes = database.modules.iter().map(|(word, module)| ModuleSize {
                place: place.clone(),
                at,
                words: database.words.cast_signed(),
                module: Arc::clone(word),
                bytes: module.bytes + module.index_bytes,
                n_live_tup: module.n_live_tup,
            });
            self.modules.extend(sizes);
        }
    }

    /// What has grown, once it is time to give it away.
    pub fn due(&mut self, at: Moment) -> Option<Batch> {
        let written = *self.written.get_or_insert(at.elapsed);
        (at.elapsed.saturating_sub(written) >= self.write_every).then(|| self.take(at))
    }

    /// All that has grown.
    pub fn take(&mut self, at: Moment) -> Batch {
        self.written = Some(at.elapsed);
        let covered = std::mem::take(&mut self.covered);
        let statements = std::mem::take(&mut self.statements);
        let texts = std::mem::take(&mut self.texts);
        let (tables, indexes) = self.relations.grown.take();
        Batch {
            at: unix(at.wall),
            covered: covered
                .into_iter()
                .map(|(((hour, datname), kind), (took, resets))| Covered {
                    place: self.place(&datname),
                    hour,
                    kind,
                    seconds: took.as_secs_f64(),
                    resets,
                })
                .collect(),
            statements: statements
                .into_iter()
                .flat_map(|((hour, datname), here)| {
                    let place = self.place(&datname);
                    here.into_iter().map(move |(queryid, work)| StatementGrowth {
                        place: place.clone(),
                        hour,
                        queryid,
                        work,
                    })
                })
                .collect(),
            texts: texts
                .into_iter()
                .map(|((datname, queryid), text)| StatementText {
                    place: self.place(&datname),
                    queryid,
                    text,
                })
                .collect(),
            tables,
            indexes,
            modules: std::mem::take(&mut self.modules),
            ..Batch::default()
        }
    }

    fn place(&self, datname: &Arc<str>) -> Place {
        Place { server: Arc::clone(&self.server), datname: Arc::clone(datname) }
    }

    fn cover(&mut self, when: When, kind: Kind, took: Duration, resets: u64) {
        let covered = self.covered.entry((when, kind)).or_default();
        covered.0 += took;
        covered.1 += resets;
    }
}

fn work(growth: &Counters) -> Work {
    Work {
        calls: growth.calls,
        rows: growth.rows,
        exec_seconds: growth.exec_seconds,
        blocks: growth.blocks_hit.saturating_add(growth.blocks_read),
        temp_blocks: growth.temp_read.saturating_add(growth.temp_written),
    }
}

/// Whole seconds since 1970.
#[must_use]
pub fn unix(time: SystemTime) -> i64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests;
