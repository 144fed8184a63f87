//! Saying a thing once, not once a tick, and what to do about it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::sample::{Outcome, SampleError, Sampler};

/// What was last said of one server.
#[derive(Debug)]
pub(super) struct Messages {
    server: Arc<str>,
    lost: Option<(&'static str, String)>,
    lacking: Vec<String>,
    failing: BTreeMap<Sampler, Outcome>,
    has_unwatched: bool,
}

impl Messages {
    pub(super) fn new(server: Arc<str>) -> Self {
        let (lacking, failing) = (Vec::new(), BTreeMap::new());
        Self { server, lost: None, lacking, failing, has_unwatched: false }
    }

    /// A connection stands.
    pub(super) fn connected(&mut self, lacking: &[String]) {
        if self.lost.take().is_some() {
            tracing::info!(server = %self.server, "connected again");
        } else if self.lacking.is_empty() && lacking.is_empty() {
            tracing::info!(server = %self.server, "connected");
        }
        for line in lacking.iter().filter(|line| !self.lacking.contains(line)) {
            tracing::warn!(server = %self.server, "{line}");
        }
        for line in self.lacking.iter().filter(|line| !lacking.contains(line)) {
            tracing::info!(server = %self.server, "mended: {line}");
        }
        self.lacking = lacking.to_vec();
    }

    /// There is no connection. Returns whether this is news.
    pub(super) fn lost(&mut self, kind: &'static str, message: &str) -> bool {
        let news = self.lost.as_ref().is_none_or(|(said, text)| *said != kind || text != message);
        let reason_is_new = self.lost.as_ref().is_none_or(|(said, _)| *said != kind);
        if reason_is_new {
            tracing::warn!(server = %self.server, reason = kind, "{message}");
        }
        self.lost = Some((kind, message.to_owned()));
        news
    }

    /// So many databases of ERPs are not looked into.
    pub(super) fn unwatched(&mut self, databases: usize) {
        let had_some = std::mem::replace(&mut self.has_unwatched, databases > 0);
        if databases > 0 && !had_some {
            tracing::warn!(
                server = %self.server,
                "{databases} databases of ERPs are not looked into, as only `database.top` have names of \
                 their own: raise it, or watch them with an agent of their own"
            );
        } else if databases == 0 && had_some {
            tracing::info!(server = %self.server, "all databases of ERPs are looked into");
        }
    }

    /// A sampler ran; `failure` says why it brought nothing.
    pub(super) fn ran(&mut self, sampler: Sampler, failure: Option<(Outcome, &str)>) {
        match failure {
            None => {
                if self.failing.remove(&sampler).is_some() {
                    tracing::info!(server = %self.server, sampler = sampler.name(), "works again");
                }
            }
            Some((outcome, message)) => {
                if self.failing.insert(sampler, outcome) != Some(outcome) {
                    tracing::warn!(
                        server = %self.server,
                        sampler = sampler.name(),
                        result = outcome.name(),
                        "{message}"
                    );
                }
            }
        }
    }
}

/// Why a sampler brought nothing, and what to do about it.
pub(super) fn describe(sampler: Sampler, error: &SampleError) -> String {
    let hint = match (sampler, error.outcome()) {
        (Sampler::Texts, Outcome::Timeout) => {
            "; the texts take too long to read and are asked for ever more rarely: lower \
             pg_stat_statements.max, reset pg_stat_statements, or raise statement_timeout"
        }
        (Sampler::Texts, _) if error.is_of_encoding() => {
            "; one statement of a database in another encoding hides all texts: create \
             pg_stat_statements in a database with encoding SQL_ASCII, which shows them all, and make \
             it `dbname`"
        }
        (_, Outcome::Timeout) => {
            "; it runs again at its next turn: raise statement_timeout if it stays"
        }
        (_, Outcome::Refused) => "; grant the role pg_monitor, see `erpscope check`",
        (_, Outcome::Missing) => "; see `erpscope check`",
        _ => "",
    };
    format!("the {} sampler brought nothing: {error}{hint}", sampler.name())
}
