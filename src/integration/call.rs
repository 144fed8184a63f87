//! One call of an integration, whoever saw it.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::Serialize;

use super::trace::TraceId;

/// Who calls whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// The integration calls the ERP, or works in its database.
    Inbound,
    /// The ERP calls the integration.
    Outbound,
}

impl Direction {
    /// The label `direction`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Inbound => "inbound",
            Self::Outbound => "outbound",
        }
    }
}

/// Who saw a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// A span told of it.
    Span,
    /// It went through the reverse proxy.
    Proxy,
    /// It went through the forward proxy, which sees a connection, not the calls in it.
    Tunnel,
}

/// Why a call failed; the label `kind` of errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// The name has no address.
    Dns,
    /// No connection: refused, unreachable, reset while connecting.
    Connect,
    /// No TLS: certificate, version.
    Tls,
    /// It took too long.
    Timeout,
    /// The connection broke within the answer.
    Broken,
    /// The caller went away before the answer was complete.
    Cancelled,
    /// Answered: the caller did something wrong (HTTP 4xx but 408 and 429).
    Client,
    /// Answered: too many calls (HTTP 429).
    Throttled,
    /// Answered: the called one is at fault (HTTP 5xx, a failed RPC).
    Server,
    /// A span that says that it failed and not how.
    Other,
}

impl Fault {
    /// The label `kind`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Timeout => "timeout",
            Self::Broken => "broken",
            Self::Cancelled => "cancelled",
            Self::Client => "client",
            Self::Throttled => "throttled",
            Self::Server => "server",
            Self::Other => "other",
        }
    }

    /// What an HTTP status says, `None` if it is no fault.
    #[must_use]
    pub const fn of_http(status: u16) -> Option<Self> {
        match status {
            408 | 504 => Some(Self::Timeout),
            429 => Some(Self::Throttled),
            400..=499 => Some(Self::Client),
            500.. => Some(Self::Server),
            _ => None,
        }
    }
}

/// A statement that a client of PostgreSQL has sent, as its span tells.
#[derive(Clone, Debug, PartialEq)]
pub struct DatabaseSpan {
    /// The request it belongs to.
    pub trace: TraceId,
    /// When it began, by the client's clock.
    pub began: SystemTime,
    /// How long it was, the way there and back included.
    pub length: Duration,
    /// Normalised; absent if the span does not tell.
    pub query: Option<Arc<str>>,
}

/// What somebody who sees calls has to tell.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Told {
    /// Calls that have ended.
    pub calls: Vec<Call>,
    /// Statements that were sent for some call.
    pub database: Vec<DatabaseSpan>,
}

impl Told {
    /// Whether it is nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.calls.is_empty() && self.database.is_empty()
    }
}

/// A call that has ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// The name of the integration.
    pub integration: Arc<str>,
    /// Who calls whom.
    pub direction: Direction,
    /// What is called: a route's template such as `POST /orders/{id}`, never a raw path.
    pub operation: Arc<str>,
    /// When it began, by the clock of who saw it.
    pub began: SystemTime,
    /// How long it was.
    pub length: Duration,
    /// Why it failed; `None` if it did not.
    pub fault: Option<Fault>,
    /// The request it belongs to.
    pub trace: Option<TraceId>,
    /// Who saw it.
    pub source: Source,
}
