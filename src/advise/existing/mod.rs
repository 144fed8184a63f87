//! Indexes that are there: which should not be, and which should be built anew.
//!
//! All of them are looked at, also those of tables that the workload does not touch. The rules are
//! pure: each has a file, and gives its verdicts on an [`Inventory`].

mod bloated;
mod covered;
mod credit;
mod duplicate;
mod foreign_key;
mod invalid;
mod judge;
mod parts;
mod read;
mod unused;
mod usage;
mod write;

use std::collections::{BTreeMap, BTreeSet};

pub use foreign_key::ForeignKey;
pub use judge::{Planned, judge};
pub use read::{estimates, read};
pub use unused::in_question;
pub use usage::{Idle, Remembered, Span};
pub use write::{Told, write};

use super::catalog::Writes;
use super::suggestion::Confidence;

/// Every index of a database, and what is known around them.
#[derive(Clone, Debug, Default)]
pub struct Inventory {
    /// The indexes, by table.
    pub indexes: Vec<Existing>,
    /// Tables that were locked to all others: nothing is said of them, nor of what they are a part of.
    pub locked: usize,
    /// Their tables, by oid.
    pub owners: BTreeMap<u32, Owner>,
    /// Foreign keys of all tables.
    pub foreign_keys: Vec<ForeignKey>,
    /// Columns that updates set, by the table's name: what is known from the workload.
    pub sets: BTreeMap<String, BTreeSet<String>>,
    /// Indexes that plans of the workload use, with what is suggested, and those that they are parts of.
    pub planned: BTreeSet<u32>,
    /// Days since the server counts.
    pub counted_days: f64,
    /// A standby: how its primary uses an index is not known here.
    pub in_recovery: bool,
    /// Servers that follow this one, and may read by indexes that it does not use itself.
    pub followers: i64,
}

/// An index that is there.
#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts, not states")]
pub struct Existing {
    /// `pg_class.oid`; an older index has a smaller one, until they wrap around.
    pub oid: u32,
    /// Its table's.
    pub table: u32,
    /// Schema of both.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// Its table's name.
    pub table_name: String,
    /// `btree`, `gin`, ...
    pub method: String,
    /// Of a partitioned table: its parts are indexes of the partitions.
    pub is_partitioned: bool,
    /// No two rows are equal in it.
    pub is_unique: bool,
    /// Uniqueness is checked at once, not at the end of the transaction.
    pub is_immediate: bool,
    /// The primary key's.
    pub is_primary: bool,
    /// Of an exclusion constraint.
    pub is_exclusion: bool,
    /// Valid, ready and alive.
    pub is_valid: bool,
    /// `cluster` orders the table by it.
    pub is_clustered: bool,
    /// Logical replication finds rows by it.
    pub is_replica_identity: bool,
    /// The constraint that stands on it.
    pub constraint: Option<String>,
    /// A foreign key points to its columns.
    pub is_referenced: bool,
    /// The index of the partitioned table that it is a part of.
    pub parent: Option<u32>,
    /// What it is searched by, the first first.
    pub keys: Vec<KeyPart>,
    /// Columns that are only carried along, in order of their names.
    pub includes: Vec<String>,
    /// Rows that it holds, if not all.
    pub predicate: Option<String>,
    /// Nulls are equal for uniqueness.
    pub is_nulls_equal: bool,
    /// What creates it.
    pub definition: String,
    /// Bytes; of a partitioned one, of all parts.
    pub bytes: f64,
    /// Scans since the server counts.
    pub scans: f64,
    /// Entries that they returned.
    pub entries_read: f64,
    /// Days since the last scan, where the server tells (16 and later).
    pub last_scan_days: Option<f64>,
    /// Days since it was created or changed, where the server tells (`track_commit_timestamp`).
    pub age_days: Option<f64>,
    /// How full its pages are made, in percent.
    pub fillfactor: Option<f64>,
    /// Storage parameters that are set and shape what is in it, as `pages_per_range=8`, in order.
    pub storage: Vec<String>,
    /// Its tablespace, if it is not the database's.
    pub tablespace: Option<String>,
    /// Somebody builds, drops, alters or vacuums it or its table now.
    pub is_busy: bool,
    /// What the history remembers of its use.
    pub remembered: Option<Span>,
}

/// A part of a key.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyPart {
    /// A column's name, or an expression as SQL.
    pub text: String,
    /// It is a column.
    pub is_column: bool,
    /// Operator class.
    pub opclass: u32,
    /// Its name, if it is not the default.
    pub opclass_name: Option<String>,
    /// Parameters of the operator class, as `siglen=32`, if they are set.
    pub parameters: Option<String>,
    /// Collation.
    pub collation: u32,
    /// The collation is not the column's.
    pub has_own_collation: bool,
    /// Bit 0: descending, bit 1: nulls first.
    pub option: i32,
}

/// A table that has indexes.
#[derive(Clone, Debug, Default)]
pub struct Owner {
    /// Its partitioned root, or itself.
    pub root: u32,
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// It is partitioned.
    pub is_partitioned: bool,
    /// Rows.
    pub rows: f64,
    /// Dead rows that wait for a vacuum.
    pub dead: f64,
    /// Rows changed since it was analyzed.
    pub changed_since: f64,
    /// How often it was read, by whichever way, since the statistics or the history began.
    pub reads: f64,
    /// Rows written since the server counts.
    pub written: Writes,
    /// Rows written in a day.
    pub writes: Writes,
    /// Rows were deleted, as far back as the history goes.
    pub is_deleted_from: bool,
    /// Days since the history saw the last of its indexes that were scanned and are not there any more: what is left has
    /// had their work since then only.
    pub index_gone_days: Option<f64>,
}

/// What is wrong with an index.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// Another index is the same.
    Duplicate {
        /// The one that stays, as SQL names it.
        keeps: String,
        /// Its oid.
        keeper: u32,
    },
    /// Another index is searched by the same keys, and more.
    Covered {
        /// Its name, or the id of the suggestion that creates it.
        by: String,
        /// It is yet to be created.
        is_new: bool,
        /// Its bytes.
        bytes: f64,
        /// Seconds a day that the same scans take longer there.
        reads_dearer: f64,
    },
    /// Nothing scans it.
    Unused(Idle),
    /// Nothing may scan it: a build that failed has left it.
    Invalid(Leftover),
    /// Most of it is air.
    Bloated {
        /// Bytes that it would have when built anew.
        bytes_after: f64,
    },
}

/// What left an invalid index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leftover {
    /// `create index concurrently` that failed.
    Created,
    /// `_ccnew`: the copy that `reindex concurrently` did not finish.
    Copy,
    /// `_ccold`: the original that `reindex concurrently` has replaced and could not drop.
    Replaced,
}

/// One judgement.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// The index's oid.
    pub index: u32,
    /// What is wrong.
    pub fault: Fault,
    /// How sure that is.
    pub confidence: Confidence,
    /// What to know before.
    pub warnings: Vec<String>,
}

impl Existing {
    /// As SQL names it.
    #[must_use]
    pub fn qualified(&self) -> String {
        format!(
            "{}.{}",
            super::definition::quote(&self.schema),
            super::definition::quote(&self.name)
        )
    }

    /// Whether it can go without anything else going with it: nobody's key, constraint or identity,
    /// and no part of a partitioned index.
    #[must_use]
    pub fn is_free(&self) -> bool {
        !self.is_primary
            && !self.is_exclusion
            && !self.is_replica_identity
            && !self.is_referenced
            && self.constraint.is_none()
            && self.parent.is_none()
    }

    /// Names of the columns that it is searched by; `None` in the place of an expression.
    pub fn columns(&self) -> impl Iterator<Item = Option<&str>> {
        self.keys.iter().map(|key| key.is_column.then_some(key.text.as_str()))
    }
}

impl Inventory {
    /// An index by its oid.
    #[must_use]
    pub fn index(&self, oid: u32) -> Option<&Existing> {
        self.indexes.iter().find(|index| index.oid == oid)
    }
}

#[cfg(test)]
mod tests;
