//! How a run of a sampler can end.

use tokio_postgres::error::SqlState;

use crate::pg::{ConnectError, reason};

/// The label `result` of a sampler's run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// It returned a sample.
    Ok,
    /// It reached statement_timeout or was cancelled.
    Timeout,
    /// It reached lock_timeout.
    Locked,
    /// The role may not read this.
    Refused,
    /// What it reads is not there (an extension, a column).
    Missing,
    /// The connection ended.
    Closed,
    /// The statistics were reset while it read them: the sample was thrown away.
    Reset,
    /// Anything else.
    Error,
}

impl Outcome {
    /// All outcomes.
    pub const ALL: [Self; 8] = [
        Self::Ok,
        Self::Timeout,
        Self::Locked,
        Self::Refused,
        Self::Missing,
        Self::Closed,
        Self::Reset,
        Self::Error,
    ];

    /// The value of the label `result`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Timeout => "timeout",
            Self::Locked => "locked",
            Self::Refused => "refused",
            Self::Missing => "missing",
            Self::Closed => "closed",
            Self::Reset => "reset",
            Self::Error => "error",
        }
    }
}

/// Why a sampler returned nothing.
#[derive(Debug, thiserror::Error)]
pub enum SampleError {
    /// PostgreSQL or the connection to it failed the query.
    #[error("{}", reason(.0))]
    Query(#[from] tokio_postgres::Error),
    /// A further connection that is needed could not be made.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The statistics were reset between the first and the last row.
    #[error("the statistics were reset while they were read; the next sample starts from zero")]
    Reset,
    /// There is more than can be held.
    #[error("there are more than {most} {what}, which are not read")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many would be read.
        most: usize,
    },
}

impl SampleError {
    /// The bounded reason.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        let error = match self {
            Self::Query(error) => error,
            Self::Reset => return Outcome::Reset,
            Self::TooMany { .. } | Self::Connect(_) => return Outcome::Error,
        };
        if error.is_closed() {
            return Outcome::Closed;
        }
        match error.code() {
            Some(&SqlState::QUERY_CANCELED) => Outcome::Timeout,
            Some(&SqlState::LOCK_NOT_AVAILABLE) => Outcome::Locked,
            Some(&SqlState::INSUFFICIENT_PRIVILEGE) => Outcome::Refused,
            Some(
                &SqlState::UNDEFINED_TABLE
                | &SqlState::UNDEFINED_FUNCTION
                | &SqlState::UNDEFINED_COLUMN
                | &SqlState::INVALID_SCHEMA_NAME
                | &SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE,
            ) => Outcome::Missing,
            Some(
                &SqlState::ADMIN_SHUTDOWN
                | &SqlState::CRASH_SHUTDOWN
                | &SqlState::CANNOT_CONNECT_NOW,
            ) => Outcome::Closed,
            _ => Outcome::Error,
        }
    }

    /// Whether a text has bytes that its database's encoding has not.
    #[must_use]
    pub fn is_of_encoding(&self) -> bool {
        let Self::Query(error) = self else {
            return false;
        };
        matches!(
            error.code(),
            Some(&SqlState::CHARACTER_NOT_IN_REPERTOIRE | &SqlState::UNTRANSLATABLE_CHARACTER)
        )
    }
}
