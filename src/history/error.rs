//! What can go wrong with the file.

use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

/// Why something was not written or read.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// Another agent writes it.
    #[error(
        "the history file {} is written by another agent: give each agent a `history.path` of its own, or stop the other one",
        .0.display()
    )]
    Taken(PathBuf),
    /// Its lock cannot be made.
    #[error(
        "cannot make {} to lock the history file: {source}; the agent needs a folder that it may write to",
        path.display()
    )]
    Lock {
        /// The lock.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is not what we write.
    #[error("the history file {} {what}", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What it is.
        what: &'static str,
    },
    /// It has a later layout.
    #[error(
        "the history file {} was written by a later erpscope (layout {found}, this one knows {known}): use that version, or give another `history.path`",
        path.display()
    )]
    Later {
        /// The file.
        path: PathBuf,
        /// Its layout.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// There is none.
    #[error(
        "there is no history file {}: it is written by `erpscope run` with this `history.path`",
        .0.display()
    )]
    Absent(PathBuf),
    /// SQLite cannot do it.
    #[error("cannot {doing} the history {}: {source}{}", place(path.as_deref()), remedy(source))]
    Sqlite {
        /// Such as `write to`.
        doing: &'static str,
        /// The file; `None` in memory.
        path: Option<PathBuf>,
        /// Why.
        source: rusqlite::Error,
    },
    /// Nobody answers.
    #[error("the thread that keeps the history has ended; restart the agent")]
    Ended,
}

impl HistoryError {
    /// Whether the file is not, or no more, one that we can use, so that a new one is to be begun.
    pub(super) fn is_corrupt(&self) -> bool {
        match self {
            Self::Foreign { .. } => true,
            Self::Sqlite { source, .. } => matches!(
                source.sqlite_error_code(),
                Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
            ),
            _ => false,
        }
    }
}

fn place(path: Option<&Path>) -> String {
    path.map_or_else(|| "in memory".to_owned(), |path| format!("file {}", path.display()))
}

fn remedy(error: &rusqlite::Error) -> &'static str {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => "; make room on its disk",
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => {
            "; the agent needs to write to the file and to its folder"
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            "; another program holds it: read it with `erpscope advise`, or a copy"
        }
        _ => "",
    }
}
