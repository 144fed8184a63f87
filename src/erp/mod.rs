//! What is known of one ERP: which table belongs to which business module, which application_name
//! to which application. Profiles are data (`profiles/*.toml`); every label value comes from them,
//! so the set of values is bounded, whatever tables and names there are.

mod declared;
mod file;
mod key;
mod pattern;
mod profile;
mod profiles;
mod queue;
mod statement;

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

pub use file::{ProfileError, ProfileFault, value_of_label};
pub use key::{Fold, Key};
pub use pattern::Pattern;
pub use profile::{Kind, Profile};
pub use profiles::{Profiles, built_in};
pub use queue::{Queue, Zone};

/// The label of what no pattern matches.
pub const OTHER: &str = "other";

/// The tables that a statement names, without schema: those it writes, then those it reads.
#[must_use]
pub fn tables_of(text: &str) -> Vec<String> {
    let statement::Tables { written, read } = statement::tables(text);
    written.into_iter().chain(read).collect()
}

/// The tables whose rows or definition a statement changes, without schema.
#[must_use]
pub fn tables_changed(text: &str) -> Vec<String> {
    if statement::changes(text) { statement::tables(text).written } else { Vec::new() }
}

/// What a statement is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meaning {
    /// Its business module.
    pub module: Arc<str>,
    /// The tables that it changes, in rows or definition.
    pub changed: Vec<Changed>,
}

/// A table that a statement changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// Its name without schema.
    pub table: Arc<str>,
    /// Its business module.
    pub module: Arc<str>,
}

/// The words for one database: a profile, and `generic` for what it does not know.
#[derive(Clone, Debug)]
pub struct Erp {
    profiles: Vec<Arc<Profile>>,
    other: Arc<str>,
}

impl Erp {
    /// Asks these profiles in turn.
    #[must_use]
    pub fn new(profiles: Vec<Arc<Profile>>) -> Self {
        Self { profiles, other: OTHER.into() }
    }

    /// The module of a table, by its name without schema.
    #[must_use]
    pub fn module(&self, table: &str) -> Arc<str> {
        self.first(|profile| profile.module(table))
    }

    /// Tells words apart: where it is the same, a table is of the same module. It may change with the
    /// program.
    #[must_use]
    pub fn digest(&self) -> u64 {
        let mut digest = DefaultHasher::new();
        self.profiles.iter().for_each(|profile| profile.digest().hash(&mut digest));
        digest.finish()
    }

    /// Columns (`column` or `table.column`) whose values are words of the ERP, such as states of documents.
    pub fn states(&self) -> impl Iterator<Item = &str> {
        self.profiles.iter().flat_map(|profile| profile.states())
    }

    /// Tables that are queues, those of the most particular profile first.
    pub fn queues(&self) -> impl Iterator<Item = &Arc<Queue>> {
        self.profiles.iter().flat_map(|profile| profile.queues())
    }

    /// Business keys, those of the most particular profile first.
    pub fn keys(&self) -> impl Iterator<Item = &Arc<Key>> {
        self.profiles.iter().flat_map(|profile| profile.keys())
    }

    /// The module of a statement, from the tables in its text; `other` without any that is known.
    #[must_use]
    pub fn module_of_statement(&self, text: &str) -> Arc<str> {
        self.meaning(text).module
    }

    /// What a statement is about.
    ///
    /// What a statement changes says more of the business than what it looks up on the way, so
    /// the first table that it writes decides; of a query, most of its tables do, and among
    /// equals the first.
    #[must_use]
    pub fn meaning(&self, text: &str) -> Meaning {
        let tables = statement::tables(text);
        let module = self.module_of_tables(&tables);
        let changed = if statement::changes(text) { tables.written } else { Vec::new() };
        let with_module = |table: String| (self.module(&table), table);
        let changed = changed.into_iter().map(with_module);
        Meaning {
            module,
            changed: changed
                .map(|(module, table)| Changed { table: table.into(), module })
                .collect(),
        }
    }

    fn module_of_tables(&self, tables: &statement::Tables) -> Arc<str> {
        let known = |table: &String| self.profiles.iter().find_map(|profile| profile.module(table));
        if let Some(module) = tables.written.iter().find_map(known) {
            return Arc::clone(module);
        }
        let mut counts: Vec<(&Arc<str>, usize)> = Vec::new();
        for module in tables.read.iter().filter_map(known) {
            match counts.iter_mut().find(|(counted, _)| *counted == module) {
                Some((_, count)) => *count += 1,
                None => counts.push((module, 1)),
            }
        }
        let most = counts.iter().rev().max_by_key(|(_, count)| *count);
        most.map_or_else(|| Arc::clone(&self.other), |(module, _)| Arc::clone(module))
    }

    /// The application behind a session, from the name it gave itself; from its role if it gave
    /// none, or one that no pattern matches.
    #[must_use]
    pub fn application(&self, application_name: &str, usename: &str) -> Arc<str> {
        let named = Some(application_name).filter(|name| !name.is_empty());
        let by_name = |name| self.profiles.iter().find_map(|profile| profile.application(name));
        named
            .and_then(by_name)
            .map_or_else(|| self.first(|profile| profile.role(usename)), Arc::clone)
    }

    /// What a session of this name is for.
    #[must_use]
    pub fn kind(&self, application_name: &str) -> Kind {
        self.profiles
            .iter()
            .find_map(|profile| profile.kind(application_name))
            .unwrap_or(Kind::Interactive)
    }

    fn first<'a>(&'a self, ask: impl Fn(&'a Profile) -> Option<&'a Arc<str>>) -> Arc<str> {
        let found = self.profiles.iter().find_map(|profile| ask(profile));
        Arc::clone(found.unwrap_or(&self.other))
    }
}

/// The words for each database of a server.
#[derive(Clone, Debug)]
pub struct Erps {
    by_datname: BTreeMap<String, Erp>,
    rest: Erp,
}

impl Erps {
    /// These databases have words of their own; all others have those of `rest`.
    #[must_use]
    pub fn new(by_datname: BTreeMap<String, Erp>, rest: Erp) -> Self {
        Self { by_datname, rest }
    }

    /// Whether an ERP is known to be in a database: it has more words than those of `generic`.
    #[must_use]
    pub fn is_known(&self, datname: &str) -> bool {
        self.of(datname).profiles.len() > 1
    }

    /// Tells words apart as [`Erp::digest`] does: where it is the same, each database has the same.
    #[must_use]
    pub fn digest(&self) -> u64 {
        let mut digest = DefaultHasher::new();
        for (datname, erp) in &self.by_datname {
            (datname, erp.digest()).hash(&mut digest);
        }
        self.rest.digest().hash(&mut digest);
        digest.finish()
    }

    /// The words for a database.
    #[must_use]
    pub fn of(&self, datname: &str) -> &Erp {
        self.by_datname.get(datname).unwrap_or(&self.rest)
    }
}

impl Default for Erps {
    /// The words of `generic` everywhere.
    fn default() -> Self {
        Self::new(BTreeMap::new(), Profiles::default().words(None))
    }
}

#[cfg(test)]
mod tests;
