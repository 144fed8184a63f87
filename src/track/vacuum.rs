//! How near databases are to wraparound, and what vacuum does.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::names::Names;
use super::tables;
use crate::erp::Erps;
use crate::sample::Moment;
use crate::sample::vacuum::{Running as Read, Sample};

/// All databases of one server.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct View {
    /// When that was read; `None` before.
    pub at: Option<Moment>,
    /// By label `datname`; of those in `other` the oldest.
    pub ages: BTreeMap<Arc<str>, Age>,
    /// Transaction ids that the server uses in a second, over the last hour; `None` before the
    /// second sample.
    pub xids_per_second: Option<f64>,
    /// Vacuums that run, the oldest first.
    pub running: Vec<Running>,
}

/// Transactions since the oldest that is not frozen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Age {
    /// Transactions.
    pub xids: u32,
    /// Multixacts.
    pub mxids: u32,
}

/// Ids after which the server takes no more writes: 2^31 less three million (SetTransactionIdLimit
/// in src/backend/access/transam/varsup.c).
pub const WRAPAROUND: f64 = 2_147_483_648.0 - 3_000_000.0;

impl View {
    /// Days until the server takes no more writes if no vacuum comes, at the rate of late.
    #[must_use]
    pub fn days_left(&self, age: Age) -> Option<f64> {
        let rate = self.xids_per_second.filter(|rate| *rate > 0.0)?;
        Some((WRAPAROUND - f64::from(age.xids)).max(0.0) / rate / 86_400.0)
    }
}

/// A vacuum that runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Running {
    /// Label `datname`.
    pub datname: Arc<str>,
    /// Schema and name, if that is known.
    pub relation: Option<(Arc<str>, Arc<str>)>,
    /// The table's module, else `other`.
    pub module: Arc<str>,
    /// How far it is.
    pub read: Read,
}

impl Running {
    /// Share of the table's blocks that were scanned.
    #[must_use]
    pub fn scanned_ratio(&self) -> Option<f64> {
        let Read { blocks, blocks_scanned, .. } = self.read;
        #[expect(clippy::cast_precision_loss, reason = "a share")]
        (blocks > 0).then(|| blocks_scanned as f64 / blocks as f64)
    }
}

/// The rate of transaction ids is that of the last hour.
const OF_LATE: Duration = Duration::from_secs(3_600);
/// Samples that are kept for it.
const MOST: usize = 120;

/// What is known of one server.
#[derive(Debug, Default)]
pub struct Vacuums {
    seen: VecDeque<(Duration, u64)>,
}

impl Vacuums {
    /// Folds a sample in; `tables` says the names behind oids.
    pub fn apply(
        &mut self,
        at: Moment,
        sample: Sample,
        names: &Names,
        erps: &Erps,
        tables: &tables::View,
    ) -> View {
        // Another server's, or one that was set up anew.
        if self.seen.back().is_some_and(|(_, xid)| *xid > sample.next_xid) {
            self.seen.clear();
        }
        self.seen.push_back((at.elapsed, sample.next_xid));
        while self.seen.len() > MOST
            || self.seen.front().is_some_and(|(then, _)| at.elapsed.saturating_sub(*then) > OF_LATE)
        {
            self.seen.pop_front();
        }
        let mut ages: BTreeMap<Arc<str>, Age> = BTreeMap::new();
        for read in &sample.ages {
            let age = ages.entry(names.datname(read.dbid)).or_default();
            age.xids = age.xids.max(read.xids);
            age.mxids = age.mxids.max(read.mxids);
        }
        let name = |read: Read| {
            let datname = names.datname(read.dbid);
            let relation = named(&datname, &read, tables);
            let words = erps.of(&datname);
            let module = words.module(relation.as_ref().map_or("", |(_, table)| table));
            Running { datname, relation, module, read }
        };
        View {
            at: Some(at),
            ages,
            xids_per_second: self.rate(),
            running: sample.running.into_iter().map(name).collect(),
        }
    }

    fn rate(&self) -> Option<f64> {
        let ((then, before), (now, xid)) = (self.seen.front()?, self.seen.back()?);
        let seconds = now.saturating_sub(*then).as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "a rate")]
        (seconds > 0.0).then(|| xid.saturating_sub(*before) as f64 / seconds)
    }
}

/// Schema and name of what is vacuumed: as the worker says, else as the tables looked at say.
fn named(datname: &str, read: &Read, tables: &tables::View) -> Option<(Arc<str>, Arc<str>)> {
    if let Some((schema, table)) = read.relation.as_deref().and_then(|name| name.split_once('.')) {
        return Some((schema.into(), table.into()));
    }
    let oid = read.relid?;
    let table = tables.databases.get(datname)?.tables.iter().find(|table| table.oid == oid)?;
    Some((Arc::clone(&table.schema), Arc::clone(&table.table)))
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn the_rate_of_transaction_ids_is_that_of_the_last_hour_and_tells_the_days_left() {
        let mut vacuums = Vacuums::default();
        let mut fold = |minute: u64, next_xid| {
            let elapsed = Duration::from_secs(minute * 60);
            let at = Moment { wall: SystemTime::UNIX_EPOCH, elapsed };
            let sample = Sample { next_xid, ..Sample::default() };
            let (names, erps) = (Names::new(5), Erps::default());
            vacuums.apply(at, sample, &names, &erps, &tables::View::default())
        };
        assert_eq!(fold(0, 1_000_000).xids_per_second, None);
        assert_eq!(fold(1, 1_000_600).xids_per_second, Some(10.0));
        for minute in 2..=90 {
            fold(minute, 1_000_600 + (minute - 1) * 1_200);
        }
        let view = fold(91, 1_000_600 + 90 * 1_200);
        assert_eq!(view.xids_per_second, Some(20.0), "the quiet time is forgotten");
        let days = view.days_left(Age { xids: 2_000_000_000, mxids: 0 }).unwrap();
        assert!((days - 144_483_648.0 / 20.0 / 86_400.0).abs() < 1e-6, "{days}");
        assert_eq!(fold(92, 7).xids_per_second, None, "another server");
    }
}
