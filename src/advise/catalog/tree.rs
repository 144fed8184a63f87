//! A partitioned table with what is below it: its parts can be partitioned themselves.

use super::{Catalog, Kind, Table};

/// A table and the tables that are directly parts of it.
#[derive(Clone, Debug)]
pub struct Tree<'a> {
    /// The table.
    pub table: &'a Table,
    /// Its parts by their oid, foreign tables among them; none if it is not partitioned.
    pub parts: Vec<Self>,
}

impl Catalog {
    /// The table first, then all that is below it, at whatever level.
    pub fn family<'a>(&'a self, table: &'a Table) -> impl Iterator<Item = &'a Table> {
        let is_below = |part: &&Table| part.root == table.oid && part.oid != table.oid;
        std::iter::once(table).chain(self.tables.values().filter(is_below))
    }

    /// The table with all that is below it.
    #[must_use]
    pub fn tree<'a>(&'a self, table: &'a Table) -> Tree<'a> {
        let is_part = |part: &&Table| table.kind == Kind::Partitioned && part.parent == table.oid;
        let parts = self.tables.values().filter(is_part).map(|part| self.tree(part)).collect();
        Tree { table, parts }
    }
}
