//! What has happened that somebody should know: told once, when it is over (an incident also when
//! it begins). Each is one JSON object.

mod breach;
mod call;
mod suggestion;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::{Serialize, Serializer};

pub use self::breach::BoundaryBreach;
pub use self::call::{CallReport, Evidence, HeldOpen, Made, Sent};
pub use self::suggestion::SuggestionReport;
use super::findings::FindingReport;
use super::lock_tree::Blocker;
use super::lock_waits::{self, Root};
use super::sessions::{Origin, Statement, Who};
use super::timeline::{in_seconds, span};
use super::transactions;
use crate::integration::TraceId;

/// One report.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Report {
    /// A wait for a lock has ended.
    LockWait(LockWait),
    /// A slow transaction has ended.
    SlowTransaction(SlowTransaction),
    /// A root blocker had many victims, or one for long.
    LockIncident(LockIncident),
    /// PostgreSQL has ended a deadlock; only the server's log tells.
    Deadlock(Deadlock),
    /// An integration has written what it does not own.
    BoundaryBreach(BoundaryBreach),
    /// A call of an integration was slow, failed, or the database had to do with it.
    IntegrationCall(CallReport),
    /// A rule's finding has opened or closed.
    Finding(FindingReport),
    /// Something has become of a suggestion of the index advisor.
    Suggestion(SuggestionReport),
}

impl Report {
    /// The value of the label `kind`.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::LockWait(_) => "lock_wait",
            Self::SlowTransaction(_) => "slow_transaction",
            Self::LockIncident(_) => "lock_incident",
            Self::Deadlock(_) => "deadlock",
            Self::BoundaryBreach(_) => "boundary_breach",
            Self::IntegrationCall(_) => "integration_call",
            Self::Finding(_) => "finding",
            Self::Suggestion(_) => "suggestion",
        }
    }
}

impl Report {
    /// From when to when that was which it tells of, at `told`; `None` while it goes on.
    #[must_use]
    pub fn span(&self, told: SystemTime) -> Option<(SystemTime, SystemTime)> {
        let (started, seconds) = match self {
            Self::LockIncident(incident) if incident.phase != "ended" => return None,
            Self::LockIncident(incident) => (incident.started, incident.seconds),
            Self::LockWait(wait) => (wait.started, wait.seconds),
            Self::SlowTransaction(transaction) => (transaction.started, transaction.seconds),
            Self::IntegrationCall(call) => (call.started, call.seconds),
            Self::Finding(finding) => (finding.started, finding.seconds),
            Self::Deadlock(_) | Self::BoundaryBreach(_) | Self::Suggestion(_) => (told, 0.0),
        };
        let took = Duration::try_from_secs_f64(seconds).unwrap_or_default();
        Some((started, started.checked_add(took).unwrap_or(started)))
    }
}

/// Whose session.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Party {
    /// Its process; absent for a prepared transaction.
    pub pid: Option<i32>,
    /// Its database.
    pub datname: Option<Arc<str>>,
    /// Its role.
    pub usename: Option<Arc<str>>,
    /// Its application, in the profile's words.
    pub application: Arc<str>,
    /// The integration on whose behalf it works.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub integration: Option<Arc<str>>,
    /// The request it works for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<TraceId>,
    /// The route or job it works for, as the comment of its statement says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route: Option<Arc<str>>,
    /// As it named itself.
    pub application_name: Option<Arc<str>>,
    /// Address of its client; absent for a Unix socket.
    pub client_addr: Option<String>,
    /// Its statement, normalised, if it is known.
    pub query: Option<Arc<str>>,
    /// Hash of that statement's shape, as text: JavaScript cannot hold 64 bits.
    pub queryid: Option<String>,
}

impl Party {
    pub(super) fn of(pid: i32, who: &Who, statement: &Statement, origin: Option<&Origin>) -> Self {
        let integration = origin.and_then(|origin| origin.integration.as_ref());
        Self {
            integration: integration.map(|integration| Arc::clone(&integration.name)),
            trace_id: origin.and_then(|origin| origin.trace),
            route: origin.and_then(|origin| origin.route.clone()),
            pid: Some(pid),
            datname: Some(Arc::clone(&who.datname)),
            usename: Some(Arc::clone(&who.usename)),
            application: Arc::clone(&who.application),
            application_name: Some(Arc::clone(&who.application_name)),
            client_addr: who.client_addr.map(|addr| addr.to_string()),
            query: statement.text.clone(),
            queryid: statement.queryid.map(|id| id.to_string()),
        }
    }

    fn root(root: &Root) -> Self {
        match (&root.who, &root.statement) {
            (Some(who), Some(statement)) => {
                Self::of(root.pid.unwrap_or(0), who, statement, root.origin.as_deref())
            }
            _ => Self {
                pid: root.pid.filter(|pid| *pid != 0),
                application: Arc::clone(&root.application),
                ..Self::default()
            },
        }
    }
}

/// A session whose transaction PostgreSQL gave up to end a deadlock.
#[derive(Clone, Debug, Serialize)]
pub struct Deadlock {
    /// Whose.
    #[serde(flatten)]
    pub party: Party,
    /// The table of the row it waited for, as the log names it.
    pub relation: Option<String>,
    /// The business module of that, or of its statement.
    pub module: Arc<str>,
}

/// A wait that has ended.
#[derive(Clone, Debug, Serialize)]
pub struct LockWait {
    /// `samples`, or `log` for one that sampling has missed.
    pub source: &'static str,
    /// When it began, by the server's clock.
    #[serde(serialize_with = "moment")]
    pub started: SystemTime,
    /// How long it was.
    pub seconds: f64,
    /// How much of that may be wrong.
    pub error_seconds: f64,
    /// Such as `ShareLock`.
    pub mode: Arc<str>,
    /// What it was for.
    pub object: String,
    /// The business module of that.
    pub module: Arc<str>,
    /// Who waited.
    pub waiter: Option<Party>,
    /// For whom, longest first.
    pub roots: Vec<Blame>,
}

/// A root blocker's part in a wait.
#[derive(Clone, Debug, Serialize)]
pub struct Blame {
    /// Who.
    #[serde(flatten)]
    pub party: Party,
    /// What it was doing.
    pub state: &'static str,
    /// How long.
    pub seconds: f64,
}

impl LockWait {
    /// Tells of a finished wait for `object`, which sampling at `interval` has seen.
    #[must_use]
    pub fn of(finished: &lock_waits::Finished, object: String, interval: Duration) -> Self {
        let wait = &finished.wait;
        let mut roots: Vec<Blame> = wait
            .roots
            .iter()
            .map(|(root, time)| Blame {
                party: Party::root(root),
                state: root.state,
                seconds: in_seconds(*time),
            })
            .collect();
        roots.sort_by(|a, b| b.seconds.total_cmp(&a.seconds));
        Self {
            source: "samples",
            started: wait.start,
            seconds: in_seconds(span(wait.start, finished.end)),
            error_seconds: in_seconds(wait.error(interval)),
            mode: wait.object.as_ref().map_or_else(|| "".into(), |object| Arc::clone(&object.mode)),
            object,
            module: Arc::clone(&wait.module),
            waiter: wait.who.as_ref().zip(wait.statement.as_ref()).map(|(who, statement)| {
                Party::of(finished.pid, who, statement, wait.origin.as_deref())
            }),
            roots,
        }
    }
}

/// A slow transaction.
#[derive(Clone, Debug, Serialize)]
pub struct SlowTransaction {
    /// Whose; its statement is the last one.
    #[serde(flatten)]
    pub party: Party,
    /// `interactive`, `job`, `report`, `maintenance`.
    pub session_kind: &'static str,
    /// The business module of what took most of its time.
    pub module: Arc<str>,
    /// The business module of its last statement.
    #[serde(skip)]
    pub last_module: Arc<str>,
    /// When it began, by the server's clock.
    #[serde(serialize_with = "moment")]
    pub started: SystemTime,
    /// How long it was, or is.
    pub seconds: f64,
    /// What it was seen doing last.
    pub state: &'static str,
    /// How long it was idle between statements.
    pub idle_seconds: f64,
    /// How long it waited for locks.
    pub waited_seconds: f64,
    /// How long others waited because of it, all together.
    pub blocked_others_seconds: f64,
    /// How many others.
    pub victims: usize,
    /// Transactions that it kept back from vacuum, at most.
    pub xmin_age: u32,
    /// Transactions that it kept back when it was last seen; `None` if it kept back none.
    #[serde(skip)]
    pub keeps_back: Option<u32>,
    /// The longest that it kept some back at a stretch.
    #[serde(skip)]
    pub kept_back_seconds: f64,
    /// Whether it changed something.
    pub wrote: bool,
    /// What was seen in it, longest first.
    pub statements: Vec<Part>,
    /// Seconds of statements that are not listed.
    pub other_statements_seconds: f64,
}

/// A statement's part in a transaction.
#[derive(Clone, Debug, Serialize)]
pub struct Part {
    /// Normalised, if it is known.
    pub query: Option<Arc<str>>,
    /// Hash of its shape, as text: JavaScript cannot hold 64 bits.
    pub queryid: Option<String>,
    /// The business module of its tables.
    pub module: Arc<str>,
    /// How long it was seen to execute.
    pub seconds: f64,
}

impl SlowTransaction {
    /// Tells of a transaction up to `end`.
    #[must_use]
    pub fn of(pid: i32, transaction: &transactions::Open, end: SystemTime) -> Self {
        let mut statements: Vec<Part> = transaction
            .statements
            .iter()
            .filter(|share| !share.time.is_zero())
            .map(|share| Part {
                query: share.statement.text.clone(),
                queryid: share.statement.queryid.map(|id| id.to_string()),
                module: Arc::clone(&share.statement.module),
                seconds: in_seconds(share.time),
            })
            .collect();
        statements.sort_by(|a, b| b.seconds.total_cmp(&a.seconds));
        Self {
            party: Party::of(
                pid,
                &transaction.who,
                &transaction.statement,
                Some(&transaction.origin),
            ),
            session_kind: transaction.who.kind.name(),
            module: transaction.module(),
            last_module: Arc::clone(&transaction.statement.module),
            started: transaction.start,
            seconds: in_seconds(span(transaction.start, end)),
            state: transaction.state.name(),
            idle_seconds: in_seconds(transaction.idle),
            waited_seconds: in_seconds(transaction.waited),
            blocked_others_seconds: in_seconds(transaction.caused),
            victims: transaction.victims.len(),
            xmin_age: transaction.xmin_age,
            keeps_back: transaction.keeps_back.map(|(age, _)| age),
            kept_back_seconds: in_seconds(transaction.kept_back),
            wrote: transaction.holds_xid,
            statements,
            other_statements_seconds: in_seconds(transaction.other_statements),
        }
    }
}

/// A root blocker and those who waited because of it.
#[derive(Clone, Debug, Serialize)]
pub struct LockIncident {
    /// `open` when it has become an incident, `ended` when nobody waits any more.
    pub phase: &'static str,
    /// When the first victim began to wait, by the server's clock.
    #[serde(serialize_with = "moment")]
    pub started: SystemTime,
    /// How long somebody has waited because of it.
    pub seconds: f64,
    /// The most victims at a time.
    pub most_victims: usize,
    /// What all victims have waited together.
    pub blocked_seconds: f64,
    /// The tree at its worst, or so far.
    pub tree: Blocker,
}

/// Writes a moment as `2026-01-31T12:00:00.000Z`.
pub fn moment<S: Serializer>(time: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&humantime::format_rfc3339_millis(*time))
}
