//! What comes out: sums over a period, hours, and how long was looked at.

use super::row::{IndexUse, Place, TableUse, Work};

/// Hours of one database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Period {
    /// Which.
    pub place: Place,
    /// Hours that end after this, in seconds since 1970.
    pub from: i64,
    /// Hours that begin before this.
    pub until: i64,
}

impl Period {
    /// The `days` before `now`, in seconds since 1970.
    #[must_use]
    pub fn last_days(place: Place, days: u32, now: i64) -> Self {
        Self { place, from: now - i64::from(days) * 86_400, until: now + 1 }
    }
}

/// How much of a period was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Coverage {
    /// Seconds between samples, together: what grew, grew in this time.
    pub seconds: f64,
    /// The first hour of which something is known.
    pub first_hour: Option<i64>,
    /// The last one.
    pub last_hour: Option<i64>,
    /// Counters that had gone back: what they had grown until then since the sample before is lost.
    pub resets: u64,
}

/// All statements of one database in one hour.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HourLoad {
    /// The hour.
    pub hour: i64,
    /// Seconds that they took.
    pub exec_seconds: f64,
    /// How long was looked at.
    pub covered_seconds: f64,
}

/// Rows and how much of the period they are of.
#[derive(Clone, Debug, PartialEq)]
pub struct Sums<T> {
    /// How much was looked at.
    pub coverage: Coverage,
    /// The sums.
    pub rows: Vec<T>,
}

/// A statement over a period.
#[derive(Clone, Debug, PartialEq)]
pub struct StatementSum {
    /// Hash of its shape; `None` for the rest: what was not among the heaviest of its hour, or
    /// could not be told apart.
    pub queryid: Option<i64>,
    /// Its normalised text, if it was read.
    pub text: Option<String>,
    /// What it took.
    pub work: Work,
    /// The first hour in which it ran.
    pub first_hour: i64,
    /// The last one.
    pub last_hour: i64,
    /// In how many hours it ran.
    pub hours: u64,
}

/// A statement in one hour.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StatementHour {
    /// Which.
    pub hour: i64,
    /// What it took.
    pub work: Work,
}

/// A table over a period; one that nothing happened to is listed with zeros.
#[derive(Clone, Debug, PartialEq)]
pub struct TableSum {
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub table: String,
    /// What happened to it.
    pub growth: TableUse,
    /// Live rows when it was last seen.
    pub n_live_tup: u64,
    /// Bytes when it was last seen.
    pub bytes: u64,
    /// The hour in which it was first seen: zeros say nothing of the time before.
    pub first_hour: i64,
    /// The hour in which it was last seen; earlier than the coverage's when it is gone.
    pub last_hour: i64,
}

/// Rows that were deleted from a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeletedRows {
    /// Its database.
    pub place: Place,
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub table: String,
    /// How many.
    pub rows: u64,
}

/// An index over a period; one that was not used is listed with zeros.
#[derive(Clone, Debug, PartialEq)]
pub struct IndexSum {
    /// Its schema.
    pub schema: String,
    /// Its table.
    pub table: String,
    /// Its name.
    pub index: String,
    /// What happened to it.
    pub growth: IndexUse,
    /// The last hour in which it was scanned, if it was.
    pub last_scan_hour: Option<i64>,
    /// Bytes when it was last seen.
    pub bytes: u64,
    /// The hour in which it was first seen: zeros say nothing of the time before.
    pub first_hour: i64,
    /// The hour in which it was last seen; earlier than the coverage's when it is gone.
    pub last_hour: i64,
}
