//! What is known, and not to be told for a while.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use super::Candidate;
use crate::erp::Pattern;

/// One `[[mute]]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Mute {
    /// Of these rules, as written.
    pub rule: String,
    /// Of these subjects, as written.
    pub subject: String,
    /// Of these servers, as written.
    pub server: String,
    /// Why.
    pub reason: Arc<str>,
    /// The last day, as written.
    pub until: String,
    /// When that is over.
    pub end: SystemTime,
}

impl Mute {
    /// Whether it is not over.
    #[must_use]
    pub fn is_in_force(&self, now: SystemTime) -> bool {
        now < self.end
    }

    /// Whether it is about this.
    #[must_use]
    pub fn fits(&self, rule: &str, server: &str, candidate: &Candidate) -> bool {
        Pattern::new(&self.rule).fits(rule)
            && Pattern::new(&self.subject).fits(&candidate.subject)
            && Pattern::new(&self.server).fits(server)
    }
}

impl fmt::Display for Mute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rule, subject, reason, until, .. } = self;
        write!(f, "{rule} of {subject} (\"{reason}\"), until {until}")
    }
}
