//! A plan with the names of its tables.

use std::collections::BTreeSet;

use super::whole::stem;
use crate::advise::catalog::{Catalog, Table};
use crate::advise::plan::{Reading, Use};

/// A plan, and the catalog to look its tables up in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a> {
    pub(super) reading: &'a Reading,
    pub(super) catalog: &'a Catalog,
}

impl<'a> Reader<'a> {
    /// The table that conditions call so; of a partition, the one at its root.
    pub(super) fn table(&self, alias: &str) -> Option<&'a Table> {
        let uses = &self.reading.uses;
        let exact = uses.get(alias);
        let part = || uses.iter().find(|(own, _)| stem(own) == Some(alias)).map(|(_, usage)| usage);
        let usage = exact.or_else(part)?;
        self.catalog.table(&usage.schema, &usage.relation)
    }

    /// Every table that it reads, each once, with the first use of it.
    pub(super) fn tables(&self) -> Vec<(&'a Table, &'a Use)> {
        let mut oids = BTreeSet::new();
        let uses = self.reading.uses.values();
        let found = uses
            .filter_map(|usage| Some((self.catalog.table(&usage.schema, &usage.relation)?, usage)));
        found.filter(|(table, _)| oids.insert(table.oid)).collect()
    }
}
