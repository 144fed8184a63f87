//! A server's own log, for what sampling cannot see: waits shorter than a sample, deadlocks,
//! serialization failures, locks refused at once, cancelled statements.
//!
//! [`Follower::read`] brings what is new in csvlog or jsonlog; the rest of this part is pure. Of a
//! line only what [`Entry`] names is kept: DETAIL and message texts hold values, and statements are
//! normalised before they leave.
//!
//! What it cannot see: with `lc_messages` other than English the lines of waits are other sentences
//! and are passed over; failures are told by their SQLSTATE in every language, then without relation.
//! With `log_min_error_statement = panic` there are no statements.

mod csv;
mod entry;
mod error;
mod follow;
mod json;
mod line;
mod object;
mod place;
mod splitter;
mod tail;
mod timestamp;

use std::time::{Duration, SystemTime};

pub use error::LogError;
pub use follow::Follower;
pub use object::Object;

/// One line of the log that says something about locks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The server's clock when it logged this, to the millisecond; absent where `log_timezone` is
    /// written as an abbreviation that more than one zone uses, such as `CST`.
    pub at: Option<SystemTime>,
    /// The process that waits or failed; if a parallel worker waits, its leader, as samples have it, too
    /// (PostgreSQL 14 and later: before that the log does not tell).
    pub pid: i32,
    /// Its database; empty for a process without one.
    pub datname: String,
    /// Its role; empty for a process without one.
    pub usename: String,
    /// As the client named itself.
    pub application_name: String,
    /// PostgreSQL 14 and later, where `compute_query_id` is on.
    pub queryid: Option<i64>,
    /// What it ran, normalised. A simple query of several statements stands here whole.
    pub statement: Option<String>,
    /// What happened.
    pub what: What,
}

/// What a line says.
///
/// Messages: PostgreSQL's src/backend/storage/lmgr/proc.c, `ProcSleep`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// It has waited for `deadlock_timeout` and has not got the lock. Logged once a wait.
    ///
    /// `detected deadlock while waiting for` and `failed to acquire` are this, too: the process
    /// waited so long and waits no more; a [`What::Failed`] follows unless a PL/pgSQL handler
    /// caught the error. `avoided deadlock for` is passed over, because `still waiting for` or
    /// `acquired` follows at once with the same figures. A wait that is cancelled has no end in
    /// the log but that failure.
    Waiting {
        /// Such as `ShareLock`: one of the eight modes of `pg_locks.mode`.
        mode: &'static str,
        /// For what.
        object: Object,
        /// The table of the row it stands before, as the line's CONTEXT names it (without schema):
        /// what a wait for a transaction is really about.
        relation: Option<String>,
        /// How long so far.
        after: Duration,
    },
    /// It has the lock, after it had waited for longer than `deadlock_timeout`.
    Acquired {
        /// As of [`What::Waiting`].
        mode: &'static str,
        /// What was waited for.
        object: Object,
        /// As of [`What::Waiting`].
        relation: Option<String>,
        /// The whole wait.
        after: Duration,
    },
    /// Its statement failed. An error that a PL/pgSQL handler caught is not in the log.
    Failed {
        /// Why.
        sqlstate: Sqlstate,
        /// The table, as the error names it (with its schema only if the statement gave one), if it
        /// names one: 40001 seldom does.
        relation: Option<String>,
    },
}

/// The failures that concern concurrency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sqlstate {
    /// 40001: another transaction changed what this one read.
    SerializationFailure,
    /// 40P01.
    DeadlockDetected,
    /// 55P03: `nowait`, or `lock_timeout`.
    LockNotAvailable,
    /// 57014: `statement_timeout`, or somebody cancelled it.
    QueryCanceled,
}

impl Sqlstate {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::SerializationFailure,
        Self::DeadlockDetected,
        Self::LockNotAvailable,
        Self::QueryCanceled,
    ];

    /// The five characters.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::SerializationFailure => "40001",
            Self::DeadlockDetected => "40P01",
            Self::LockNotAvailable => "55P03",
            Self::QueryCanceled => "57014",
        }
    }
}

/// What one [`Follower::read`] brought.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// In the order of the log.
    pub entries: Vec<Entry>,
    /// Records that could be read, whether they became entries or not.
    pub read: u64,
    /// Lines that are neither csvlog nor jsonlog, and records torn by a crash or a rotation.
    pub unreadable: u64,
    /// Records passed over because they are longer than 1 MiB.
    pub too_long: u64,
    /// Times that a file was shorter than what had been read of it, or began anew: what was written
    /// between the last read and that moment is lost.
    pub truncated: u64,
    /// Bytes that were left for the next call because this one had read enough.
    pub behind: u64,
    /// What is wrong now with the file or folder. Following goes on when it is mended.
    pub error: Option<LogError>,
}

impl Batch {
    /// Whether nothing was there to be read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.read + self.unreadable + self.too_long + self.truncated == 0
    }
}

#[cfg(test)]
mod tests;
