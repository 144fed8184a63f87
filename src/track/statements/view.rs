//! The statements of one server as others see them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::unit::{Display, Unit, Wanted};
use super::{Counts, OtherKey};
use crate::sample::statements::Counters;
use crate::sample::texts::TextKey;
use crate::track::names::UNKNOWN;

/// Texts that are asked for in one go.
const TEXTS: usize = 5_000;

/// One statement that is shown singly.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown {
    /// Its database.
    pub datname: Arc<str>,
    /// Its role.
    pub usename: Arc<str>,
    /// Hash of its shape.
    pub queryid: i64,
    /// The business module of its tables.
    pub module: Arc<str>,
    /// Its normalised text, once read.
    pub query: Option<Arc<str>>,
    /// What its series show: growth while it was shown singly.
    pub series: Counters,
    /// All growth since the agent first saw it.
    pub total: Counters,
    /// Growth since it came into this picture: whatever it took before is not in it.
    pub here: Counters,
    /// It has left the top: its series no longer move and will go away.
    pub leaving: bool,
}

/// An immutable picture of a server's statements.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct View {
    /// At most so many are shown singly: those at the top, and as many that just left it.
    pub limit: usize,
    /// Shown singly, ordered by database, queryid and role.
    pub shown: Vec<Shown>,
    /// The rest, by database and module.
    pub other: Vec<(OtherKey, Counters)>,
    /// How many there are, and what could not be told.
    pub counts: Counts,
    /// Texts that are wanted.
    pub wanted: Vec<TextKey>,
}

impl View {
    pub(super) fn of(
        units: &HashMap<TextKey, Unit>,
        other: &BTreeMap<OtherKey, Counters>,
        counts: Counts,
        top: usize,
    ) -> Self {
        let mut shown: Vec<Shown> = units
            .iter()
            .filter(|(_, unit)| unit.display != Display::Other)
            .filter_map(|(key, unit)| {
                let (datname, usename) = unit.labels()?.clone();
                Some(Shown {
                    datname,
                    usename,
                    queryid: key.queryid,
                    module: unit.module().map_or_else(|| UNKNOWN.into(), Arc::clone),
                    query: unit.text().cloned(),
                    series: unit.series,
                    total: unit.total,
                    here: unit.here,
                    leaving: unit.display != Display::Single,
                })
            })
            .collect();
        shown.sort_unstable_by(|a, b| {
            (&a.datname, a.queryid, &a.usename).cmp(&(&b.datname, b.queryid, &b.usename))
        });
        let mut wanted: Vec<(Wanted, TextKey)> =
            units.iter().filter_map(|(key, unit)| Some((unit.wants_text()?, *key))).collect();
        wanted.sort_unstable();
        let wanted = wanted.into_iter().take(TEXTS).map(|(_, key)| key).collect();
        let other = other.iter().map(|(key, sum)| (key.clone(), *sum)).collect();
        Self { limit: top.saturating_mul(2), shown, other, counts, wanted }
    }
}
