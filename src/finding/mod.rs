//! Findings: the classic ways an ERP database goes wrong, each a rule in a file of its own.
//!
//! A rule is a pure function of what was measured. What it says at each look becomes an episode in
//! `track/findings`. To add one: its file in `rules/`, its line in [`RULES`], its table in
//! `config/keys/rules/`, its runbook in `docs/runbooks/`.

mod deletes;
mod forecast;
mod grown;
mod hours;
pub mod month;
mod past;
mod rules;
mod shape;
mod sight;

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

pub use self::deletes::{Deleted, Deletes};
pub use self::grown::Grown;
pub use self::hours::{Hours, hours_of_weeks};
pub use self::past::Past;
pub use self::rules::RULES;
pub use self::shape::Shape;
pub use self::sight::{Around, Scene, Sight};
use crate::advise::ledger::OfDatabase;
use crate::track::findings::{About, Candidate, Look, Need};

/// Most that one rule may say of one server.
const MOST: usize = 50;

/// What a rule calls too much, by key; durations in seconds.
pub type Limits = BTreeMap<&'static str, f64>;

/// A rule.
#[derive(Debug)]
pub struct Rule {
    /// What is always true of it.
    pub about: About,
    /// How it looks.
    pub judge: Judge,
}

/// How a rule looks.
#[derive(Clone, Copy, Debug)]
pub enum Judge {
    /// At each server.
    Server(fn(&Sight<'_>) -> Vec<Candidate>),
    /// At calls of integrations, which belong to no server. What it says of one that had to do with them
    /// is of that server; the name is empty otherwise.
    Around(fn(&Around<'_>) -> Vec<OfServer>),
    /// So, and at things that can be out of sight one by one: the second tells the subjects of these.
    Partly(fn(&Around<'_>) -> Vec<OfServer>, fn(&Around<'_>) -> BTreeSet<Arc<str>>),
}

/// What a rule says, with the server of which it says it.
pub type OfServer = (Arc<str>, Candidate);

impl Rule {
    /// Whether what it needs is there; if not, it says nothing, neither way.
    fn can_look(&self, sight: &Sight<'_>) -> bool {
        let is_planned = |of: &OfDatabase| of.last_success.is_some();
        !self.about.needs.contains(&Need::Plans)
            || sight.server.suggestions.databases.values().any(is_planned)
    }

    /// Looks at everything.
    ///
    /// # Errors
    /// When it panics: what the panic said.
    pub fn look(&'static self, scene: &Scene, limits: &Limits) -> Result<Vec<Look>, String> {
        let look = |server: &Arc<str>, mut found: Vec<Candidate>| {
            found.sort_by(Candidate::rank);
            // Of several about one thing the worst and dearest stands for all.
            let mut said = BTreeSet::new();
            found.retain(|one| said.insert((Arc::clone(&one.datname), Arc::clone(&one.subject))));
            found.truncate(MOST);
            let unseen = BTreeSet::new();
            Look { about: &self.about, server: Arc::clone(server), found, unseen }
        };
        // A rule has nothing that it could leave broken: it only reads.
        catch_unwind(AssertUnwindSafe(|| match self.judge {
            Judge::Server(judge) => {
                let servers = scene.servers(limits).filter(|sight| self.can_look(sight));
                servers.map(|sight| look(&sight.server.name, judge(&sight))).collect()
            }
            Judge::Around(judge) | Judge::Partly(judge, _) => {
                let Some(around) = scene.around(limits) else { return Vec::new() };
                let found = judge(&around);
                let unseen = match self.judge {
                    Judge::Partly(_, unseen) => unseen(&around),
                    Judge::Server(_) | Judge::Around(_) => BTreeSet::new(),
                };
                let of = |server: &Arc<str>| {
                    let own = found.iter().filter(|(of, _)| of == server);
                    let own = own.map(|(_, candidate)| candidate.clone()).collect();
                    Look { unseen: unseen.clone(), ..look(server, own) }
                };
                let servers = around.snapshot.servers.iter().map(|server| &server.name);
                std::iter::once(&"".into()).chain(servers).map(of).collect()
            }
        }))
        .map_err(|panic| {
            let said = panic.downcast_ref::<String>().map(String::as_str);
            let said = said.or_else(|| panic.downcast_ref::<&str>().copied());
            said.unwrap_or("it did not say why").to_owned()
        })
    }
}

#[cfg(test)]
mod tests;
