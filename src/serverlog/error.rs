//! Why a log cannot be read.

use std::io;
use std::path::PathBuf;

/// What is wrong with the log, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LogError {
    /// Nothing is where the config says.
    #[error(
        "cannot follow the server's log {path:?}: no csvlog or jsonlog is there; \
         set log_destination to csvlog or jsonlog and logging_collector to on, or correct `log` in \
         the config (`erpscope check` tells which)"
    )]
    Missing {
        /// As configured.
        path: PathBuf,
    },
    /// The file that was followed is deleted and there is no other.
    #[error(
        "the server's log {path:?} was deleted while PostgreSQL writes to it; it is followed until \
         a new one begins: run `select pg_rotate_logfile();`"
    )]
    Deleted {
        /// Where it was.
        path: PathBuf,
    },
    /// It is there and may not be read.
    #[error(
        "cannot read the server's log {path:?}: permission denied; set log_file_mode = 0640, add \
         the account of erpscope to the file's group, and let that group into the folder"
    )]
    Denied {
        /// File or folder.
        path: PathBuf,
    },
    /// Anything else.
    #[error("cannot read the server's log {path:?}: {kind}; it is tried again at the next turn")]
    Io {
        /// File or folder.
        path: PathBuf,
        /// As the system says it.
        kind: io::ErrorKind,
    },
}

impl LogError {
    pub(super) fn new(path: impl Into<PathBuf>, error: &io::Error) -> Self {
        let path = path.into();
        match error.kind() {
            io::ErrorKind::NotFound => Self::Missing { path },
            io::ErrorKind::PermissionDenied => Self::Denied { path },
            kind => Self::Io { path, kind },
        }
    }
}
