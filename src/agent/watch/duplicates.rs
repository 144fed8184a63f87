//! When a key is counted, and which: in the hours that the config allows, one a turn, none again before
//! its time.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use super::Watch;
use super::turn::Turn;
use crate::erp::Erps;
use crate::history::Batch;
use crate::pg::Session;
use crate::sample::SampleError;
use crate::sample::duplicates::{self, Bounds, Count, Database, Reading, Sample};
use crate::state::What;
use crate::track::duplicates::Remembered;
use crate::track::hours::unix;

/// Databases of ERPs that are looked into in one go.
const MOST_DATABASES: usize = 10;

/// The names of a database and of a key in it.
type Place = (Arc<str>, Arc<str>);

/// When each key was last counted, or tried to be; connections, and agents, come and go. `None` until the
/// history was asked.
#[derive(Debug, Default)]
pub(in crate::agent) struct Counts(Mutex<Option<BTreeMap<Place, SystemTime>>>);

impl Counts {
    fn held(&self) -> MutexGuard<'_, Option<BTreeMap<Place, SystemTime>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Asks the history what was counted before. Sampling does not wait for it; counting does.
pub(super) async fn recall(watch: &Watch) -> ControlFlow<()> {
    let (history, server) = (Arc::clone(&watch.history), Arc::clone(&watch.name));
    let now = watch.clock.now().wall;
    let asking = tokio::task::spawn_blocking(move || {
        history.ask(move |reader| Remembered::read(reader, &server, now)).and_then(|read| read)
    });
    let remembered = match asking.await {
        Ok(Ok(remembered)) => remembered,
        Ok(Err(error)) => {
            tracing::warn!(server = %watch.name, "what was counted before is not known: {error}");
            Vec::new()
        }
        Err(error) => {
            tracing::error!(server = %watch.name, "what was counted before is not known: {error}");
            Vec::new()
        }
    };
    let mut counted = BTreeMap::new();
    for count in &remembered {
        // The latest comes first.
        let place = (Arc::clone(&count.datname), Arc::clone(&count.key));
        counted.entry(place).or_insert(count.at);
    }
    *watch.counts.held() = Some(counted);
    if remembered.is_empty() {
        return ControlFlow::Continue(());
    }
    watch.send(What::Remembered(remembered)).await
}

/// What one connection remembers of it.
#[derive(Debug, Default)]
pub(super) struct Duplicates {
    turn: Turn,
    has_looked: bool,
}

impl Duplicates {
    /// Looks at statistics, and counts one key if it is time to. `None` while names are not known.
    pub(super) async fn ask(
        &mut self,
        watch: &Watch,
        session: &Session,
        erps: &Erps,
        patience: Duration,
    ) -> Result<Option<Sample>, SampleError> {
        let own = session.datname();
        let Some((dbid, others)) = self.turn.next(watch, own, erps, MOST_DATABASES) else {
            return Ok(None);
        };
        let of = |datname: &str| erps.of(datname).keys().cloned().collect();
        let mut sample = duplicates::read(session, dbid, &others, of, patience).await?;
        let bounds = Bounds {
            timeout: watch.duplicates.count_timeout,
            rows: watch.duplicates.max_rows,
            bytes: watch.duplicates.max_bytes,
        };
        if watch.duplicates.count {
            pass_over_large(&mut sample.databases, &bounds);
        }
        // Not at once: a connection that comes and goes would count again and again.
        let may_count = std::mem::replace(&mut self.has_looked, true) && watch.duplicates.count;
        if !may_count || !watch.duplicates.quiet_hours.contains(duplicates::minute(session).await?)
        {
            return Ok(Some(sample));
        }
        let now = watch.clock.now().wall;
        let name_of = |wanted: u32| {
            let other = others.iter().find(|(dbid, _)| *dbid == wanted);
            other.map_or(own, |(_, datname)| datname)
        };
        let due = watch.counts.held().as_mut().and_then(|counted| {
            let interval = watch.duplicates.count_interval;
            let (dbid, reading) = due(&sample.databases, name_of, counted, now, interval)?;
            counted.insert((name_of(dbid).into(), Arc::clone(&reading.key.name)), now);
            Some((dbid, reading))
        });
        if let Some((dbid, reading)) = due {
            let (datname, name) = (name_of(dbid), Arc::clone(&reading.key.name));
            let result = duplicates::count(session, datname, reading, bounds).await;
            if let Ok(counted) = result {
                let (datname, key) = (datname.into(), Arc::clone(&name));
                let at = watch.clock.now().wall;
                let count = Remembered { datname, key, at, counted };
                let episodes = count.to_episode(&watch.name).into_iter().collect();
                watch.history.record(Batch { at: unix(at), episodes, ..Batch::default() });
            }
            sample.count = Some(Count { dbid, name, result });
        }
        Ok(Some(sample))
    }
}

/// Marks those that are too large to be counted, so that none of them takes the turn of another.
fn pass_over_large(databases: &mut [Database], bounds: &Bounds) {
    for reading in databases.iter_mut().flat_map(|database| &mut database.keys) {
        reading.is_large = !reading.is_unique && reading.is_above(bounds);
    }
}

/// The key whose turn it is: first those that were never counted, where most is to be found by the
/// statistics, then the one that was counted longest ago.
fn due<'a, 'n>(
    databases: &'a [Database],
    name_of: impl Fn(u32) -> &'n str,
    counted: &BTreeMap<Place, SystemTime>,
    now: SystemTime,
    interval: Duration,
) -> Option<(u32, &'a Reading)> {
    let all = databases
        .iter()
        .flat_map(|database| database.keys.iter().map(move |reading| (database.dbid, reading)));
    all.filter(|(_, reading)| !reading.is_unique && !reading.is_large)
        .filter_map(|(dbid, reading)| {
            let place = (Arc::from(name_of(dbid)), Arc::clone(&reading.key.name));
            let last = counted.get(&place);
            // One in the future is by a clock that was put back since.
            let is_over = |last: &SystemTime| match now.duration_since(*last) {
                Ok(age) => age >= interval,
                Err(_) => true,
            };
            let is_due = last.is_none_or(is_over);
            let surplus = reading.estimate.map_or(0, |estimate| estimate.surplus);
            is_due.then_some(((last.copied(), std::cmp::Reverse(surplus)), (dbid, reading)))
        })
        .min_by_key(|(rank, _)| *rank)
        .map(|(_, due)| due)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::erp::Profiles;
    use crate::sample::duplicates::Estimate;

    fn reading(name: &str, surplus: Option<u64>) -> Reading {
        let mut profiles = Profiles::default();
        let text = format!("name = 'x'\n[[key]]\nname = '{name}'\ntable = 't'\ncolumns = ['c']\n");
        profiles.add(&text).unwrap();
        let key = profiles.words(profiles.all().next()).keys().next().cloned().unwrap();
        let estimate = surplus.map(|surplus| Estimate { surplus, sampled: 100, seconds_ago: None });
        let schema = "public".to_owned();
        Reading {
            key,
            schema,
            relid: 1,
            is_partitioned: false,
            is_text: vec![true],
            rows: Some(100),
            bytes: 0,
            is_unique: false,
            is_large: false,
            estimate,
        }
    }

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn names(counted: &[(&str, u64)], now: u64) -> Option<String> {
        let keys = vec![
            reading("none", Some(0)),
            reading("many", Some(50)),
            reading("unseen", None),
            Reading { is_unique: true, ..reading("unique", None) },
        ];
        let counted = counted
            .iter()
            .map(|(name, seconds)| (("erp".into(), Arc::from(*name)), at(*seconds)))
            .collect();
        let databases = [Database { dbid: 7, keys, unread: Vec::new() }];
        let due = due(&databases, |_| "erp", &counted, at(now), Duration::from_secs(100));
        due.map(|(_, due)| due.key.name.to_string())
    }

    #[test]
    fn what_is_too_large_to_be_counted_takes_nobodys_turn() {
        let large = Reading { rows: Some(1_001), ..reading("large", Some(900)) };
        let heavy = Reading { bytes: 4_097, ..reading("heavy", Some(800)) };
        let keys = vec![large, heavy, reading("small", None)];
        let mut databases = [Database { dbid: 7, keys, unread: Vec::new() }];
        let second = Duration::from_secs(1);
        pass_over_large(&mut databases, &Bounds { timeout: second, rows: 1_000, bytes: 4_096 });
        let marked: Vec<bool> = databases[0].keys.iter().map(|reading| reading.is_large).collect();
        assert_eq!(marked, [true, true, false]);
        let next = due(&databases, |_| "erp", &BTreeMap::new(), at(1), second);
        assert_eq!(next.map(|(_, due)| due.key.name.to_string()).as_deref(), Some("small"));
    }

    #[test]
    fn what_was_never_counted_comes_first_and_among_those_what_has_most() {
        assert_eq!(names(&[], 10).as_deref(), Some("many"));
        assert_eq!(names(&[("many", 10)], 500).as_deref(), Some("none"));
        let all = [("many", 30), ("none", 20), ("unseen", 40)];
        assert_eq!(names(&all, 500).as_deref(), Some("none"), "the longest ago");
        assert_eq!(names(&all, 119), None, "none is due");
        assert_eq!(names(&all, 120).as_deref(), Some("none"));
        let later = [("many", 30), ("none", 50), ("unseen", 40)];
        assert_eq!(names(&later, 45).as_deref(), Some("none"), "the clock was put back");
    }
}
