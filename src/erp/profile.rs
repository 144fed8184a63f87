//! One ERP as a file describes it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Deserialize;

use super::pattern::{Patterns, named};

/// What a session is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
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

/// A file that is no profile.
#[derive(Debug, thiserror::Error)]
#[error("not a profile: {0}; see src/erp/profiles for examples")]
pub struct ProfileError(#[from] toml::de::Error);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: String,
    recognised_by: Vec<String>,
    modules: BTreeMap<String, Vec<String>>,
    applications: BTreeMap<String, Vec<String>>,
    kinds: BTreeMap<Kind, Vec<String>>,
}

/// What is known of one ERP.
#[derive(Clone, Debug)]
pub struct Profile {
    name: String,
    recognised_by: Vec<String>,
    modules: Patterns<Arc<str>>,
    applications: Patterns<Arc<str>>,
    kinds: Patterns<Kind>,
}

impl Profile {
    /// Reads a profile's file.
    pub fn parse(text: &str) -> Result<Self, ProfileError> {
        let file: File = toml::from_str(text)?;
        let kinds = file
            .kinds
            .into_iter()
            .flat_map(|(kind, patterns)| patterns.into_iter().map(move |pattern| (pattern, kind)));
        Ok(Self {
            name: file.name,
            recognised_by: file.recognised_by,
            modules: named(&file.modules),
            applications: named(&file.applications),
            kinds: Patterns::new(kinds),
        })
    }

    /// Its name, by which a config chooses it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
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
        self.modules.find(table)
    }

    pub(super) fn application(&self, application_name: &str) -> Option<&Arc<str>> {
        self.applications.find(application_name)
    }

    pub(super) fn kind(&self, application_name: &str) -> Option<Kind> {
        self.kinds.find(application_name).copied()
    }
}
