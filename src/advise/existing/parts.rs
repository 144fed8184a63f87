//! Indexes of partitioned tables and their parts: a part cannot go by itself, and goes with the whole.

use std::collections::BTreeSet;

use super::{Existing, Inventory};

impl Inventory {
    /// These, and all parts of those that are partitioned: these go with them.
    #[must_use]
    pub fn with_parts(&self, oids: impl IntoIterator<Item = u32>) -> BTreeSet<u32> {
        let mut all: BTreeSet<u32> = oids.into_iter().collect();
        loop {
            let parts = self.indexes.iter().filter(|index| {
                index.parent.is_some_and(|whole| all.contains(&whole)) && !all.contains(&index.oid)
            });
            let parts: Vec<u32> = parts.map(|index| index.oid).collect();
            if parts.is_empty() {
                return all;
            }
            all.extend(parts);
        }
    }

    /// These, and what they are parts of: who uses a part uses the whole.
    #[must_use]
    pub fn with_wholes(&self, oids: impl IntoIterator<Item = u32>) -> BTreeSet<u32> {
        let mut all = BTreeSet::new();
        for oid in oids {
            let mut at = Some(oid).filter(|oid| all.insert(*oid));
            while let Some(oid) = at {
                let whole = self.index(oid).and_then(|index| index.parent);
                at = whole.filter(|whole| all.insert(*whole));
            }
        }
        all
    }

    /// All indexes of these tables, given by schema and name.
    pub fn of_tables<'a>(
        &'a self,
        tables: &'a BTreeSet<(&'a str, &'a str)>,
    ) -> impl Iterator<Item = &'a Existing> {
        self.indexes.iter().filter(|index| tables.contains(&index.relation()))
    }
}

impl Existing {
    /// Its table, by schema and name.
    #[must_use]
    pub fn relation(&self) -> (&str, &str) {
        (&self.schema, &self.table_name)
    }

    /// Itself, by schema, table and name.
    #[must_use]
    pub fn named(&self) -> (&str, &str, &str) {
        (&self.schema, &self.table_name, &self.name)
    }
}
