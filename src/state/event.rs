//! What came back from a server, or did not.

use std::sync::Arc;
use std::time::Duration;

use crate::sample::{Moment, Outcome, Sampler, database, statements, texts};

/// Something that happened to one server.
#[derive(Debug)]
pub struct Event {
    /// Its name in the config.
    pub server: Arc<str>,
    /// When.
    pub at: Moment,
    /// What.
    pub what: What,
}

/// Everything that can happen.
#[derive(Debug)]
pub enum What {
    /// The server is watched from now on, or with other limits.
    Added(Limits),
    /// It is watched no more.
    Removed,
    /// A connection stands and was probed. What it lacks is said for people, one line each.
    Connected {
        /// Such as "pg_stat_statements: ...".
        lacking: Vec<String>,
    },
    /// There is no connection.
    Lost {
        /// Bounded reason, such as `password`.
        kind: &'static str,
        /// For people: what, where, what to do.
        message: String,
    },
    /// A sampler has run.
    Ran {
        /// Which.
        sampler: Sampler,
        /// From asking to the last row.
        took: Duration,
        /// What it brought.
        result: Result<Sampled, Failure>,
        /// The server's budget after it.
        spending: Spending,
    },
}

/// How much of one server is shown singly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Statements.
    pub statements: usize,
    /// Databases.
    pub databases: usize,
}

/// A sample of any sampler.
#[derive(Debug)]
pub enum Sampled {
    /// Of `database`.
    Database(Box<database::Sample>),
    /// Of `statements`.
    Statements(statements::Sample),
    /// Of `texts`.
    Texts(texts::Sample),
}

/// Why a run brought nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Bounded reason.
    pub outcome: Outcome,
    /// For people.
    pub message: String,
}

/// What sampling a server costs it, in cores.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spending {
    /// What it may cost.
    pub limit: f64,
    /// What it would cost at the configured intervals.
    pub demand: f64,
    /// By what intervals are stretched to stay within the limit.
    pub stretch: f64,
}
