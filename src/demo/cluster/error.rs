//! Why there is no throw-away cluster.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Why there is no throw-away cluster.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// PostgreSQL's server programs are not installed.
    #[error(
        "PostgreSQL's server programs (initdb, postgres) were not found; looked in {}; install the \
         server (Debian and Ubuntu: `apt install postgresql`; Fedora: `dnf install \
         postgresql-server postgresql-contrib`) or name the folder with --pg-bin",
        looked_in.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
    )]
    NoBinaries {
        /// Where.
        looked_in: Vec<PathBuf>,
    },
    /// As root, and no other account to run PostgreSQL under.
    #[error(
        "PostgreSQL refuses to run as root, and there is no account `postgres` or `nobody` to run it under"
    )]
    NoAccount,
    /// No folder for it.
    #[error("cannot make or use {path}: {source}; is the disk full, or TMPDIR not writable?")]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A temporary folder to which the server's account has no way.
    #[error(
        "the account that PostgreSQL runs under may not enter {folder}; set TMPDIR to a folder \
         that everyone may enter, such as /tmp"
    )]
    Barred {
        /// Where its way ends.
        folder: PathBuf,
    },
    /// No port.
    #[error("no free port on 127.0.0.1: {0}")]
    Port(#[source] io::Error),
    /// A program cannot be run.
    #[error("cannot run {program}: {source}")]
    Run {
        /// Which.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// A program failed.
    #[error("{program} failed; its last words:\n{output}")]
    Failed {
        /// Which.
        program: String,
        /// The end of what it printed.
        output: String,
    },
    /// The server did not start or stop in time.
    #[error("the throw-away server did not {what} within {patience:?}; its last words:\n{output}")]
    TooSlow {
        /// What it was to do.
        what: &'static str,
        /// How long it was given.
        patience: Duration,
        /// The end of its log.
        output: String,
    },
}

impl ClusterError {
    /// Whether the server did not start because another program has its port.
    pub(super) fn is_taken_port(&self) -> bool {
        matches!(self, Self::Failed { output, .. } if output.contains("could not bind"))
    }
}
