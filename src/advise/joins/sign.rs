//! What can be wrong with a join.

use serde::Serialize;

use super::estimate::LEAST_TIMES;

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Sign {
    /// The planner expects far more or far fewer rows than come.
    WrongEstimate {
        /// Rows of one call that it expects.
        planned_rows: f64,
        /// Rows of one call that were counted, in the mean.
        real_rows: f64,
    },
    /// The key is cast to the type of the other side, so no index on it can be used, if there is one.
    DifferentTypes {
        /// Rows of the table that is read whole.
        table_rows: f64,
        /// How often in one call, as the planner expects.
        rounds: f64,
        /// The key's type.
        column_type: String,
        /// The other side's, if that is a column.
        other_type: Option<String>,
        /// What the key is cast to.
        compared_as: String,
        /// An index that could be used otherwise.
        unusable_index: Option<String>,
    },
    /// The key has no index, and a whole table is read to find a few rows by it.
    UnindexedKey {
        /// Rows of the table that is read whole.
        table_rows: f64,
        /// Rows that are looked for.
        wanted_rows: f64,
        /// How often in one call, as the planner expects.
        rounds: f64,
    },
    /// A table, or what is kept of it, is gone through again for each row of another, and no equality could
    /// find its rows.
    Rescanned {
        /// Rows of the table.
        table_rows: f64,
        /// How often in one call, as the planner expects.
        rounds: f64,
        /// Rows that are looked at in all of these rounds.
        looped_rows: f64,
    },
    /// A hash table does not fit into memory, and temporary files were written.
    HashSpill {
        /// Bytes of the hash table, as the planner expects.
        expected_bytes: f64,
        /// Bytes that it may have: `work_mem` times `hash_mem_multiplier`.
        memory_bytes: f64,
        /// Bytes of temporary files that a call wrote and read.
        temp_bytes_per_call: f64,
    },
}

/// From what on a sign is told.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Terms {
    /// Statements with it take at least so much of a day.
    pub seconds_per_day: f64,
    /// An estimate is wrong by so many times.
    pub times: f64,
    /// A table that is read whole has so many rows.
    pub rows: f64,
    /// A table that is read again and again gives so many rows in all of its rounds.
    pub looped_rows: f64,
    /// Temporary files of a call are so large.
    pub temp_bytes: f64,
}

impl Default for Terms {
    /// As the config has them where nobody has changed them.
    fn default() -> Self {
        Self {
            seconds_per_day: 60.0,
            times: 100.0,
            rows: 10_000.0,
            looped_rows: 1_000_000.0,
            temp_bytes: 1_048_576.0,
        }
    }
}

impl Sign {
    /// Its name.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::WrongEstimate { .. } => "wrong_estimate",
            Self::DifferentTypes { .. } => "different_types",
            Self::UnindexedKey { .. } => "unindexed_key",
            Self::Rescanned { .. } => "rescanned",
            Self::HashSpill { .. } => "hash_spill",
        }
    }

    /// The same for people, with the direction of an estimate that is wrong.
    #[must_use]
    pub fn words(&self) -> &'static str {
        match self {
            Self::WrongEstimate { planned_rows, real_rows } if planned_rows < real_rows => {
                "wrong estimate (too few)"
            }
            Self::WrongEstimate { .. } => "wrong estimate (too many)",
            Self::DifferentTypes { .. } => "different types",
            Self::UnindexedKey { .. } => "key without an index",
            Self::Rescanned { .. } => "read again and again",
            Self::HashSpill { .. } => "hash join on disk",
        }
    }

    /// By how many times an estimate is wrong, either way; a plan never expects less than one row.
    #[must_use]
    pub fn times(&self) -> Option<f64> {
        let Self::WrongEstimate { planned_rows, real_rows } = self else { return None };
        let (planned, real) = (planned_rows.max(1.0), real_rows.max(1.0));
        Some((planned / real).max(real / planned))
    }

    /// How bad it is beside others of its kind, by what it is told for.
    pub(super) fn badness(&self) -> f64 {
        match self {
            Self::WrongEstimate { .. } => self.times().unwrap_or_default(),
            Self::DifferentTypes { table_rows, rounds, .. }
            | Self::UnindexedKey { table_rows, rounds, .. } => table_rows * rounds.max(1.0),
            Self::Rescanned { looped_rows, .. } => *looped_rows,
            Self::HashSpill { temp_bytes_per_call, .. } => *temp_bytes_per_call,
        }
    }

    /// Whether it is bad enough to be told, but for the time that it takes.
    #[must_use]
    pub fn is_told(&self, terms: &Terms) -> bool {
        match self {
            Self::WrongEstimate { .. } => {
                self.times().is_some_and(|times| times >= terms.times.max(LEAST_TIMES))
            }
            Self::DifferentTypes { table_rows, rounds, .. }
            | Self::UnindexedKey { table_rows, rounds, .. } => {
                *table_rows >= terms.rows || table_rows * rounds >= terms.looped_rows
            }
            Self::Rescanned { looped_rows, .. } => *looped_rows >= terms.looped_rows,
            Self::HashSpill { temp_bytes_per_call, .. } => *temp_bytes_per_call >= terms.temp_bytes,
        }
    }
}

/// In one sentence, with its figures.
impl std::fmt::Display for Sign {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::WrongEstimate { planned_rows, real_rows } => write!(
                f,
                "the planner expects {planned_rows:.0} rows of a call and {real_rows:.1} come"
            ),
            Self::DifferentTypes {
                table_rows, column_type, compared_as, unusable_index, ..
            } => match unusable_index {
                Some(_) => write!(
                    f,
                    "{table_rows:.0} rows are read because a {column_type} is compared as {compared_as}"
                ),
                None => write!(
                    f,
                    "{table_rows:.0} rows are read: a {column_type} is compared as {compared_as}, and no index \
                     begins with it either"
                ),
            },
            Self::UnindexedKey { table_rows, wanted_rows, rounds } => {
                write!(f, "{table_rows:.0} rows are read to find about {wanted_rows:.0}")?;
                if *rounds >= 2.0 { write!(f, ", {rounds:.0} times a call") } else { Ok(()) }
            }
            Self::Rescanned { rounds, looped_rows, .. } => {
                write!(f, "gone through {rounds:.0} times a call, {looped_rows:.0} rows in all")
            }
            Self::HashSpill { expected_bytes, memory_bytes, temp_bytes_per_call } => write!(
                f,
                "a hash table of about {:.0} MB has {:.0} MB of memory, {:.0} MB of temporary files a call",
                expected_bytes / 1e6,
                memory_bytes / 1e6,
                temp_bytes_per_call / 1e6
            ),
        }
    }
}
