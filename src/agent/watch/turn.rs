//! Which databases are looked into besides our own: those with an ERP, some at a time, in turn.

use std::sync::Arc;

use super::Watch;
use crate::erp::Erps;

/// A round that goes on where it was left.
#[derive(Debug, Default)]
pub(super) struct Turn {
    /// How many were passed over, as others were first.
    passed: usize,
}

impl Turn {
    /// The oid of our own database, `own`, and at most `most` others: that of the config, and those
    /// in which an ERP was recognised. `None` while names are not known.
    pub(super) fn next(
        &mut self,
        watch: &Watch,
        own: &str,
        erps: &Erps,
        most: usize,
    ) -> Option<(u32, Vec<(u32, String)>)> {
        let known = watch.see(|server| Arc::clone(&server.databases))?;
        let (dbid, _) = known.datnames.iter().find(|(_, name)| *name == own)?;
        // A session in a template would be in the way of `create database`.
        let wanted = |name: &str| {
            name != own
                && !name.starts_with("template")
                && (name == watch.server.dbname || erps.is_known(name))
        };
        // What is found in one without a label of its own has no place to be shown.
        let others = known.datnames.iter().filter(|(dbid, _)| known.single.contains(dbid));
        let others = others.filter(|(_, name)| wanted(name));
        let mut others: Vec<(u32, String)> =
            others.map(|(dbid, name)| (*dbid, name.clone())).collect();
        let passed = self.passed.checked_rem(others.len()).unwrap_or(0);
        others.rotate_left(passed);
        others.truncate(most);
        self.passed = passed + others.len();
        Some((*dbid, others))
    }
}
