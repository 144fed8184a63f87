//! What is known of one ERP: which table belongs to which business module, which application_name
//! to which application. Profiles are data (`profiles/*.toml`); every label value comes from them,
//! so the set of values is bounded, whatever tables and names there are.

mod pattern;
mod profile;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

pub use profile::{Kind, Profile, ProfileError};

/// The label of what no pattern matches.
pub const OTHER: &str = "other";

static BUILT_IN: LazyLock<Result<Vec<Arc<Profile>>, ProfileError>> = LazyLock::new(|| {
    [
        include_str!("profiles/odoo.toml"),
        include_str!("profiles/tryton.toml"),
        include_str!("profiles/idempiere.toml"),
        include_str!("profiles/erpnext.toml"),
        include_str!("profiles/ledgersmb.toml"),
        include_str!("profiles/demo.toml"),
        include_str!("profiles/generic.toml"),
    ]
    .into_iter()
    .map(|text| Profile::parse(text).map(Arc::new))
    .collect()
});

/// The profiles that come with erpscope, the most particular first, `generic` last.
///
/// # Errors
/// When one of them is no profile, which a test rules out.
pub fn built_in() -> Result<&'static [Arc<Profile>], &'static ProfileError> {
    BUILT_IN.as_deref()
}

/// The first profile whose telling tables are all there.
#[must_use]
pub fn recognise<'a>(
    profiles: &'a [Arc<Profile>],
    tables: &BTreeSet<&str>,
) -> Option<&'a Arc<Profile>> {
    profiles.iter().find(|profile| profile.is_recognised_by(tables))
}

/// The words for one server: a profile, and `generic` for what it does not know.
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

    /// The module of a statement, from the tables in its text; `other` without any that is known.
    #[must_use]
    pub fn module_of_statement(&self, text: &str) -> Arc<str> {
        text.split(|c: char| !(c.is_alphanumeric() || c == '_'))
            .find_map(|word| self.profiles.iter().find_map(|profile| profile.module(word)))
            .map_or_else(|| Arc::clone(&self.other), Arc::clone)
    }

    /// The application behind a session, from the name it gave itself and its role.
    #[must_use]
    pub fn application(&self, application_name: &str, _usename: &str) -> Arc<str> {
        self.first(|profile| profile.application(application_name))
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

    /// The words for a database.
    #[must_use]
    pub fn of(&self, datname: &str) -> &Erp {
        self.by_datname.get(datname).unwrap_or(&self.rest)
    }
}

impl Default for Erps {
    /// The words of `generic` everywhere.
    fn default() -> Self {
        let generic = built_in().ok().and_then(|all| all.last()).map(Arc::clone);
        Self::new(BTreeMap::new(), Erp::new(generic.into_iter().collect()))
    }
}

#[cfg(test)]
mod tests;
