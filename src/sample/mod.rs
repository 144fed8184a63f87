//! Samplers: each asks one question of the server and returns plain data.
//!
//! A sampler is one `.sql` file (what it costs is in its header) and, where rows become more than
//! numbers, one `.rs` beside it. Samplers know SQL and nothing else: no state, no clock, no retry.

pub mod activity;
pub mod bloat;
pub mod catalog;
pub mod database;
mod decode;
pub mod duplicates;
mod elsewhere;
mod error;
pub mod extent;
pub mod function_usage;
pub mod index_usage;
pub mod io;
pub mod layout;
mod normalise;
pub mod queues;
pub mod relations;
pub mod replication;
pub mod settings;
pub mod statements;
pub mod table_options;
pub mod table_usage;
pub mod texts;
pub mod usage;
pub mod vacuum;

use std::time::{Duration, SystemTime};

pub use error::{Outcome, SampleError};
pub use normalise::normalise;

/// Every sampler there is; the label `sampler`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sampler {
    /// pg_stat_database, connections, names and facts about the server.
    Database,
    /// Counters of pg_stat_statements.
    Statements,
    /// Texts of pg_stat_statements.
    Texts,
    /// Names of relations that sessions wait for.
    Relations,
    /// Settings that decide how well an ERP runs, and limits of roles.
    Settings,
    /// How tables, indexes and functions are used and kept.
    Usage,
    /// Ages of databases in transactions, and running vacuums.
    Vacuum,
    /// Standbys, slots, and lag.
    Replication,
    /// Checkpoints, WAL, and I/O by who does it.
    Io,
    /// What catalogs say: foreign keys without an index, numbers that run out, triggers, sizes.
    Catalog,
    /// How long the queues of ERPs are.
    Queues,
    /// Records that are there twice by the business keys of ERPs.
    Duplicates,
    /// Sessions that are not idle.
    Activity,
    /// Who blocks whom, while somebody waits.
    Blockers,
    /// The server's own log.
    Log,
    /// The index advisor: the planner is asked which indexes are worth having.
    Advisor,
    /// Whether what was suggested is in the catalog by now.
    Ledger,
}

impl Sampler {
    /// All samplers, in the order in which a new connection runs them.
    pub const ALL: [Self; 17] = [
        Self::Database,
        Self::Statements,
        Self::Texts,
        Self::Relations,
        Self::Settings,
        Self::Usage,
        Self::Vacuum,
        Self::Replication,
        Self::Io,
        Self::Catalog,
        Self::Queues,
        Self::Duplicates,
        Self::Activity,
        Self::Blockers,
        Self::Log,
        Self::Advisor,
        Self::Ledger,
    ];

    /// The value of the label `sampler`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Database => "database",
            Self::Statements => "statements",
            Self::Texts => "texts",
            Self::Relations => "relations",
            Self::Settings => "settings",
            Self::Usage => "usage",
            Self::Vacuum => "vacuum",
            Self::Replication => "replication",
            Self::Io => "io",
            Self::Catalog => "catalog",
            Self::Queues => "queues",
            Self::Duplicates => "duplicates",
            Self::Activity => "activity",
            Self::Blockers => "blockers",
            Self::Log => "log",
            Self::Advisor => "advisor",
            Self::Ledger => "ledger",
        }
    }
}

/// When a sample was taken, by the agent's clocks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moment {
    /// Wall clock: for people and for timestamps. May jump.
    pub wall: SystemTime,
    /// Time since the agent's start: for intervals. Never goes back.
    pub elapsed: Duration,
}

impl Moment {
    /// The wall clock in seconds since 1970.
    #[must_use]
    pub fn unix_seconds(&self) -> f64 {
        unix_seconds(self.wall)
    }
}

/// A wall clock time in seconds since 1970; times before that are 0.
#[must_use]
pub fn unix_seconds(time: SystemTime) -> f64 {
    time.duration_since(SystemTime::UNIX_EPOCH).map_or(0.0, |d| d.as_secs_f64())
}
