//! One session at one moment: what kind of process it is, what it does and waits for.

use std::net::IpAddr;
use std::time::SystemTime;

use crate::integration::comment::Comment;

/// What a session is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// Executing a statement.
    Active,
    /// In a transaction, between two statements.
    IdleInTransaction,
    /// The same after an error.
    Aborted,
    /// In no transaction. It can still hold advisory locks.
    Idle,
    /// The role may not see it, or track_activities is off.
    Hidden,
}

impl State {
    /// As pg_stat_activity has it; the label `state`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::IdleInTransaction => "idle in transaction",
            Self::Aborted => "idle in transaction (aborted)",
            Self::Idle => "idle",
            Self::Hidden => "hidden",
        }
    }

    /// From pg_stat_activity.
    #[must_use]
    pub fn of(text: Option<&str>) -> Self {
        match text {
            Some("active" | "fastpath function call") => Self::Active,
            Some("idle in transaction") => Self::IdleInTransaction,
            Some("idle in transaction (aborted)") => Self::Aborted,
            Some("idle") => Self::Idle,
            _ => Self::Hidden,
        }
    }
}

/// What kind of process a session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Backend {
    /// A client's own.
    Client,
    /// Helps a client's own with one statement.
    ParallelWorker,
    /// Vacuums or analyses a table.
    Autovacuum,
    /// Sends to or applies from another server.
    Replication,
    /// Anything else of the server.
    Background,
}

impl Backend {
    /// The type is null where the role may not see it, and while a worker ends.
    pub(super) fn of(text: Option<&str>, state: State) -> Self {
        let text = text.unwrap_or_default();
        match text {
            "" if state == State::Hidden => Self::Client,
            "" => Self::Background,
            "client backend" => Self::Client,
            "parallel worker" => Self::ParallelWorker,
            _ if text.starts_with("autovacuum") => Self::Autovacuum,
            _ if text.starts_with("wal") || text.contains("replication") => Self::Replication,
            _ => Self::Background,
        }
    }
}

/// One session at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Session {
    /// Its process.
    pub pid: i32,
    /// Its database; 0 for none.
    pub dbid: u32,
    /// Its role; 0 for none.
    pub userid: u32,
    /// As the client named itself.
    pub application_name: String,
    /// Address of the client; absent for a Unix socket.
    pub client_addr: Option<IpAddr>,
    /// What kind of process it is.
    pub backend: Backend,
    /// The process that a parallel worker helps.
    pub leader: Option<i32>,
    /// When it began: tells apart two processes with the same pid.
    pub backend_start: Option<SystemTime>,
    /// What it is doing.
    pub state: State,
    /// Since when.
    pub state_change: Option<SystemTime>,
    /// When its transaction began.
    pub xact_start: Option<SystemTime>,
    /// When its statement, or its last one, began.
    pub query_start: Option<SystemTime>,
    /// `wait_event_type` and `wait_event`; absent while it computes.
    pub wait: Option<(String, String)>,
    /// Hash of its statement's shape (PostgreSQL 14 and later).
    pub queryid: Option<i64>,
    /// Its statement, normalised; only when it is new since the last sample.
    pub query: Option<String>,
    /// What the comments in that say; they are no part of the normalised text.
    pub comment: Option<Comment>,
    /// How many transactions ago that began which it keeps vacuum from: its snapshot, or its transaction once that has changed
    /// something. Absent if it has neither, and of a vacuum.
    pub xmin_age: Option<u32>,
    /// Whether its transaction has changed something.
    pub holds_xid: bool,
}

impl Session {
    /// Whether it waits for a lock that another session holds.
    #[must_use]
    pub fn waits_for_lock(&self) -> bool {
        self.wait.as_ref().is_some_and(|(class, _)| class == "Lock")
    }

    /// Whether a wait for a lock may go on though it is not shown. When a wait has lasted for
    /// `deadlock_timeout` its process looks for a deadlock: meanwhile it shows nothing, or that it
    /// waits for the lock manager's own locks (its leader: that it waits for its workers). That
    /// takes long when many do so at a time.
    #[must_use]
    pub fn may_wait_unseen(&self) -> bool {
        let class = self.wait.as_ref().map(|(class, _)| class.as_str());
        self.state == State::Active && matches!(class, None | Some("LWLock" | "IPC"))
    }
}

#[cfg(test)]
mod tests {
    use super::{Backend, State};

    #[test]
    fn a_process_without_a_type_is_a_clients_if_nothing_of_it_is_shown_and_else_a_worker_that_ends()
    {
        assert_eq!(Backend::of(None, State::Hidden), Backend::Client);
        assert_eq!(Backend::of(None, State::Active), Backend::Background);
        assert_eq!(Backend::of(Some("client backend"), State::Active), Backend::Client);
        assert_eq!(Backend::of(Some("parallel worker"), State::Active), Backend::ParallelWorker);
    }
}
