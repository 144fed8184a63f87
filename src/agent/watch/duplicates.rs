//! When a key is counted, and which: in the hours that the config allows, one a turn, none again before
//! its time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::Watch;
use super::turn::Turn;
use crate::erp::Erps;
use crate::pg::Session;
use crate::sample::SampleError;
use crate::sample::duplicates::{self, Bounds, Count, Database, Reading, Sample};

/// Databases of ERPs that are looked into in one go.
const MOST_DATABASES: usize = 10;

/// A database by its oid, and a key in it by its name.
type Place = (u32, Arc<str>);

/// When each key was last counted, or tried to be, by the agent's clock; connections come and go.
#[derive(Debug, Default)]
pub(super) struct Counts(BTreeMap<Place, Duration>);

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
        Counts(counted): &mut Counts,
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
        let now = watch.clock.now().elapsed;
        let due = due(&sample.databases, counted, now, watch.duplicates.count_interval);
        if let Some((in_database, reading)) = due {
            let datname = others.iter().find(|(dbid, _)| *dbid == in_database);
            let datname = datname.map_or(own, |(_, datname)| datname);
            let name = Arc::clone(&reading.key.name);
            counted.insert((in_database, Arc::clone(&name)), now);
            let result = duplicates::count(session, datname, reading, bounds).await;
            sample.count = Some(Count { dbid: in_database, name, result });
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
fn due<'a>(
    databases: &'a [Database],
    counted: &BTreeMap<Place, Duration>,
    now: Duration,
    interval: Duration,
) -> Option<(u32, &'a Reading)> {
    let all = databases
        .iter()
        .flat_map(|database| database.keys.iter().map(move |reading| (database.dbid, reading)));
    all.filter(|(_, reading)| !reading.is_unique && !reading.is_large)
        .filter_map(|(dbid, reading)| {
            let last = counted.get(&(dbid, Arc::clone(&reading.key.name)));
            let is_due = last.is_none_or(|last| now.saturating_sub(*last) >= interval);
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

    fn names(counted: &[(&str, u64)], now: u64) -> Option<String> {
        let keys = vec![
            reading("none", Some(0)),
            reading("many", Some(50)),
            reading("unseen", None),
            Reading { is_unique: true, ..reading("unique", None) },
        ];
        let counted = counted
            .iter()
            .map(|(name, at)| ((7, Arc::from(*name)), Duration::from_secs(*at)))
            .collect();
        let databases = [Database { dbid: 7, keys, unread: Vec::new() }];
        let (now, interval) = (Duration::from_secs(now), Duration::from_secs(100));
        due(&databases, &counted, now, interval).map(|(_, due)| due.key.name.to_string())
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
        let next = due(&databases, &BTreeMap::new(), second, second);
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
    }
}
