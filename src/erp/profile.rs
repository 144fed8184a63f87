//! One ERP as a file describes it.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use super::file::{self, File, MOST_APPLICATIONS, MOST_MODULES, ProfileError};
use super::key::Key;
use super::pattern::{Patterns, named};
use super::queue::Queue;

/// What a session is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Somebody waits for it.
    Interactive,
    /// A queue worker, scheduler or integration in the background.
    Job,
    /// Reads much, for people who look at figures.
    Report,
    /// Backups, vacuum and the like.
    Maintenance,
}

impl Kind {
    /// As in profiles.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Interactive => "interactive",
            Self::Job => "job",
            Self::Report => "report",
            Self::Maintenance => "maintenance",
        }
    }
}

/// What is known of one ERP. What its file does not know, the profile it extends is asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    name: String,
    digest: u64,
    recognised_by: Vec<String>,
    modules: Patterns<Arc<str>>,
    applications: Patterns<Arc<str>>,
    roles: Patterns<Arc<str>>,
    kinds: Patterns<Kind>,
    states: Vec<String>,
    queues: Vec<Arc<Queue>>,
    keys: Vec<Arc<Key>>,
    extends: Option<Arc<Profile>>,
}

impl Profile {
    /// Reads a profile's file. What it extends must be among `others`; its own name must not be
    /// among `taken`.
    ///
    /// # Errors
    /// Every fault there is, not only the first.
    pub(super) fn parse<'a>(
        text: &str,
        others: impl Iterator<Item = &'a Arc<Self>>,
        taken: &[Arc<Self>],
    ) -> Result<Self, ProfileError> {
        let (file, mut faults) = file::read(text);
        let others: Vec<_> = others.collect();
        let extends = file.extends.as_ref().and_then(|wanted| {
            let found = others.iter().find(|other| other.name == wanted.word);
            if found.is_none() {
                let names: Vec<&str> = others.iter().map(|other| other.name()).collect();
                let problem = format!(
                    "there is no profile {:?} to extend; there are {}, and those of files that \
                     stand before this one in `profiles`",
                    wanted.word,
                    names.join(", ")
                );
                faults.add(wanted.line, "extends", problem);
            }
            found.map(|&found| Arc::clone(found))
        });
        if taken.iter().any(|other| other.name == file.name.word) {
            let problem = "another file gives a profile of this name: give each its own";
            faults.add(file.name.line, "name", problem);
        }
        let lines = (file.modules.line, file.applications.line);
        let mut digest = DefaultHasher::new();
        (text, extends.as_ref().map(|base| base.digest)).hash(&mut digest);
        let profile = Self::of(file, digest.finish(), extends);
        let few = [
            (lines.0, "modules", profile.all_modules(), MOST_MODULES),
            (lines.1, "applications", profile.all_applications(), MOST_APPLICATIONS),
        ];
        for (line, key, names, most) in few {
            if let Some(problem) = file::too_many(key, &names, most) {
                faults.add(line, key, problem);
            }
        }
        faults.finish().map(|()| profile)
    }

    fn of(file: File, digest: u64, extends: Option<Arc<Self>>) -> Self {
        let inherited = || extends.as_ref().map(|base| base.recognised_by.clone());
        let kinds = file.kinds.names.into_iter();
        let kinds = kinds.flat_map(|(kind, list)| list.into_iter().map(move |text| (text, kind)));
        Self {
            digest,
            recognised_by: file.recognised_by.or_else(inherited).unwrap_or_default(),
            name: file.name.word,
            modules: named(&file.modules.names),
            applications: named(&file.applications.names),
            roles: named(&file.roles.names),
            kinds: Patterns::new(kinds),
            states: file.states,
            queues: file.queues,
            keys: file.keys,
            extends,
        }
    }

    /// Its name, by which a config chooses it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Of its file and of those that it extends: another one when they are changed. Not the same
    /// in every build of the program.
    pub(super) const fn digest(&self) -> u64 {
        self.digest
    }

    /// Tables that only this ERP has; all of them are there where it is.
    pub fn telling_tables(&self) -> impl Iterator<Item = &str> {
        self.recognised_by.iter().map(String::as_str)
    }

    /// Whether the tables that only this ERP has are all there.
    pub(super) fn is_recognised_by(&self, tables: &BTreeSet<&str>) -> bool {
        !self.recognised_by.is_empty()
            && self.recognised_by.iter().all(|table| tables.contains(table.as_str()))
    }

    pub(super) fn module(&self, table: &str) -> Option<&Arc<str>> {
        self.lineage().find_map(|profile| profile.modules.find(table))
    }

    pub(super) fn application(&self, application_name: &str) -> Option<&Arc<str>> {
        self.lineage().find_map(|profile| profile.applications.find(application_name))
    }

    pub(super) fn role(&self, usename: &str) -> Option<&Arc<str>> {
        self.lineage().find_map(|profile| profile.roles.find(usename))
    }

    pub(super) fn kind(&self, application_name: &str) -> Option<Kind> {
        self.lineage().find_map(|profile| profile.kinds.find(application_name)).copied()
    }

    /// Columns (`column` or `table.column`) that hold words of the program and nothing of its users.
    pub(super) fn states(&self) -> impl Iterator<Item = &str> {
        self.lineage().flat_map(|profile| &profile.states).map(String::as_str)
    }

    /// Tables that are queues.
    pub(super) fn queues(&self) -> impl Iterator<Item = &Arc<Queue>> {
        self.lineage().flat_map(|profile| &profile.queues)
    }

    /// Business keys of its tables.
    pub(super) fn keys(&self) -> impl Iterator<Item = &Arc<Key>> {
        self.lineage().flat_map(|profile| &profile.keys)
    }

    /// Every application that it can name a session by.
    pub(super) fn all_applications(&self) -> BTreeSet<&str> {
        self.lineage()
            .flat_map(|profile| profile.applications.values().chain(profile.roles.values()))
            .map(|name| &**name)
            .collect()
    }

    fn all_modules(&self) -> BTreeSet<&str> {
        self.lineage().flat_map(|profile| profile.modules.values()).map(|name| &**name).collect()
    }

    /// Itself, then what it extends, and so on.
    fn lineage(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |profile| profile.extends.as_deref())
    }
}
