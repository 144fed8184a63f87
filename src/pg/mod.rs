//! Connections to PostgreSQL: how to get one, what guards it, what the server can. Ignorant of
//! what is asked.

mod backoff;
mod error;
mod hypopg;
mod lossy;
mod probe;
mod quoted;
mod session;
mod tls;

pub use backoff::Backoff;
pub use error::{ConnectError, reason};
pub use hypopg::{HypoPgThere, hypopg};
pub use lossy::Lossy;
pub use probe::{
    Capabilities, HypoPg, ProbeError, Settings, StatStatements, StatStatementsMissing, probe,
};
pub use quoted::quoted;
pub use session::{Session, connect, connect_to_plan};
