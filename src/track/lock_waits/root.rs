//! A root blocker, as those see it who wait for it.

use std::sync::Arc;
use std::time::SystemTime;

use super::{Scene, root_state};
use crate::erp::OTHER;
use crate::track::names::UNKNOWN;
use crate::track::sessions::{Origin, Statement, Who};

/// Who is at the root of a wait.
#[derive(Clone, Debug)]
pub struct Root {
    /// Its process; 0 for a prepared transaction, `None` if it was never seen.
    pub pid: Option<i32>,
    /// Its application.
    pub application: Arc<str>,
    /// What it was doing, from a closed set; the label `root_state`.
    pub state: &'static str,
    /// Whose session it is.
    pub who: Option<Arc<Who>>,
    /// What it runs, or ran last.
    pub statement: Option<Arc<Statement>>,
    /// On whose behalf.
    pub origin: Option<Arc<Origin>>,
    /// Its transaction, by when that began on the server's clock.
    pub xact_start: Option<SystemTime>,
}

impl Root {
    /// A wait that ended before anybody looked whom it was for.
    #[must_use]
    pub fn unknown() -> Self {
        Self {
            pid: None,
            application: UNKNOWN.into(),
            state: UNKNOWN,
            who: None,
            statement: None,
            origin: None,
            xact_start: None,
        }
    }

    /// The root of this pid; `None` while the sample does not show its session.
    pub(super) fn of(pid: i32, circle: bool, scene: Scene<'_>) -> Option<Self> {
        if pid == 0 {
            let (application, state) = (OTHER.into(), "prepared transaction");
            return Some(Self { pid: Some(0), application, state, ..Self::unknown() });
        }
        let seen = scene.seen.get(&pid)?;
        let state = if circle { "deadlock" } else { root_state(&seen.who, seen.row.state.name()) };
        Some(Self {
            pid: Some(pid),
            application: Arc::clone(&seen.who.application),
            state,
            who: Some(Arc::clone(&seen.who)),
            statement: Some(Arc::clone(&seen.statement)),
            origin: Some(Arc::clone(&seen.origin)),
            xact_start: seen.row.xact_start,
        })
    }

    /// The same session in the same state.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        (self.pid, self.state) == (other.pid, other.state)
    }
}
