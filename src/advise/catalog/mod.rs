//! What the catalog says of the tables that the workload reads: columns, statistics, indexes.

mod read;
mod tree;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::SystemTime;

pub use read::{AT_ONCE, locked, read, read_indexes};
pub use tree::Tree;

use crate::pg::HypoPgThere;

/// The database, as far as the workload touches it.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    /// `server_version_num`.
    pub version_num: i32,
    /// Bytes of a block.
    pub block_size: f64,
    /// What the planner takes for a page at random.
    pub random_page_cost: f64,
    /// For a page in order.
    pub seq_page_cost: f64,
    /// For a row.
    pub cpu_tuple_cost: f64,
    /// For an entry of an index.
    pub cpu_index_tuple_cost: f64,
    /// For an operator.
    pub cpu_operator_cost: f64,
    /// `effective_cache_size` in blocks.
    pub cache_pages: f64,
    /// Installed extensions.
    pub extensions: Vec<String>,
    /// HypoPG, if it was created in this database.
    pub hypopg: Option<HypoPgThere>,
    /// Where the operator classes of pg_trgm are, if it is installed.
    pub trigrams: Option<String>,
    /// Since when the server counts.
    pub stats_reset: Option<SystemTime>,
    /// The server's clock.
    pub now: Option<SystemTime>,
    /// By name: the schemas that have functions of it, and whether some of these always give the same for the same.
    pub functions: BTreeMap<String, BTreeMap<String, bool>>,
    /// By name: the schemas that have types of it, those of PostgreSQL itself aside.
    pub types: BTreeMap<String, BTreeSet<String>>,
    /// A standby: nothing can be created here.
    pub in_recovery: bool,
    /// By oid: tables, and partitioned ones with all that is below them.
    pub tables: BTreeMap<u32, Table>,
    /// Schemas and names that an index cannot have any more.
    pub taken: BTreeSet<(String, String)>,
    names: HashMap<(String, String), u32>,
}

/// What kind of relation a table is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// An ordinary table.
    #[default]
    Table,
    /// A partitioned one.
    Partitioned,
    /// A materialised view.
    Materialised,
    /// A view, a foreign table, a sequence: nothing can be indexed.
    Unindexable,
    /// It, or a part of it, is locked to all others: nothing is known of its indexes.
    Locked,
}

/// One table.
#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts, not states")]
pub struct Table {
    /// `pg_class.oid`.
    pub oid: u32,
    /// The partitioned table at its root; itself if it is no partition.
    pub root: u32,
    /// The partitioned table that it is directly a part of; 0 if it is no partition.
    pub parent: u32,
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// A temporary table of some session.
    pub is_temporary: bool,
    /// Whether the agent's role may read it, and so plan statements on it.
    pub is_readable: bool,
    /// Rows, as the planner takes it; of a partitioned table, of all leaves.
    pub rows: f64,
    /// Blocks of the table itself.
    pub pages: f64,
    /// Of these, blocks whose rows all may see: an index alone can answer for them.
    pub visible_pages: f64,
    /// It was analyzed at least once.
    pub is_analyzed: bool,
    /// Rows changed since.
    pub changed_since: f64,
    /// Of each of its extended statistics that tell which values go together, the numbers of the columns.
    pub extended_statistics: Vec<Vec<i16>>,
    /// The same of those that have no data: they were created, and the table was not analyzed since.
    pub empty_statistics: Vec<Vec<i16>>,
    /// Rows inserted, updated, deleted, and updated without new index entries, since the
    /// statistics began.
    pub writes: Writes,
    /// Its columns.
    pub columns: Vec<Column>,
    /// Its indexes.
    pub indexes: Vec<Index>,
    /// Leaves of a partitioned table that can have indexes.
    pub leaves: Vec<u32>,
    /// Values of it, or of one of its leaves, are or were stored out of line.
    pub is_toasted: bool,
    /// Foreign tables among its leaves.
    pub foreign_parts: usize,
}

/// Rows written.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Writes {
    /// Inserted.
    pub inserts: f64,
    /// Updated, HOT ones included.
    pub updates: f64,
    /// Updated without new index entries.
    pub hot_updates: f64,
    /// Deleted.
    pub deletes: f64,
}

/// One column.
#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts, not states")]
pub struct Column {
    /// Its number.
    pub attnum: i16,
    /// Its name.
    pub name: String,
    /// Its type, as SQL.
    pub kind: String,
    /// The type's name in pg_type.
    pub typname: String,
    /// The same, of the type below a domain.
    pub base: String,
    /// It is never null.
    pub not_null: bool,
    /// Share of nulls.
    pub null_share: f64,
    /// Bytes of a value on average, as statistics or the type say.
    pub width: f64,
    /// Values are of different lengths.
    pub is_variable: bool,
    /// Letters of a value at most, as it is declared.
    pub most_letters: Option<f64>,
    /// Bytes, as text, of the longest value that statistics name. They name none of more than 1,024 (`WIDTH_THRESHOLD` in
    /// PostgreSQL's `analyze.c`).
    pub longest: Option<f64>,
    /// Alignment in bytes.
    pub align: f64,
    /// Distinct values; `None` without statistics.
    pub distinct: Option<f64>,
    /// Between its order and the table's, -1 to 1; `None` without statistics.
    pub correlation: Option<f64>,
    /// Most common values and their shares.
    pub common: Vec<(String, f64)>,
    /// Its collation orders bytes, or it has none.
    pub is_bytewise: bool,
    /// Its type can be in a b-tree.
    pub is_sortable: bool,
}

/// One index.
#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts, not states")]
pub struct Index {
    /// `pg_class.oid`.
    pub oid: u32,
    /// Its name.
    pub name: String,
    /// `btree`, `gin`, ...
    pub method: String,
    /// No two rows are equal in it.
    pub is_unique: bool,
    /// The primary key's.
    pub is_primary: bool,
    /// Usable: neither invalid nor half built.
    pub is_valid: bool,
    /// A constraint stands on it.
    pub is_constraint: bool,
    /// Keys as SQL, with operator class where that is not the default, and direction.
    pub keys: Vec<IndexKey>,
    /// Columns that are only carried along.
    pub includes: Vec<String>,
    /// Of a partial index.
    pub predicate: Option<String>,
    /// Its blocks.
    pub pages: f64,
    /// Scans since the statistics began.
    pub scans: f64,
    /// Its whole definition.
    pub definition: String,
    /// The file it is in; another one after it was built anew.
    pub filenode: u32,
    /// Part of an index of the table that its own is a part of: it goes with that one, and not without it.
    pub is_attached: bool,
}

/// One key of an index.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IndexKey {
    /// A column's name or an expression, as SQL prints it.
    pub sql: String,
    /// The column's name, if it is one.
    pub column: Option<String>,
    /// Operator class, if that is not the type's default.
    pub opclass: Option<String>,
    /// Descending.
    pub is_descending: bool,
    /// Nulls first.
    pub nulls_first: bool,
}

impl Catalog {
    /// Makes the table known by its name.
    pub fn add(&mut self, table: Table) {
        self.names.insert((table.schema.clone(), table.name.clone()), table.oid);
        self.tables.insert(table.oid, table);
    }

    /// The table a relation of a plan belongs to: of a partition, the root.
    #[must_use]
    pub fn table(&self, schema: &str, name: &str) -> Option<&Table> {
        let oid = self.names.get(&(schema.to_owned(), name.to_owned()))?;
        let table = self.tables.get(oid)?;
        self.tables.get(&table.root)
    }

    /// The relation of this name itself, be it a partition.
    #[must_use]
    pub fn relation(&self, schema: &str, name: &str) -> Option<&Table> {
        self.tables.get(self.names.get(&(schema.to_owned(), name.to_owned()))?)
    }

    /// What indexes of a table are really made on: its leaves, or itself.
    pub fn parts<'a>(&'a self, table: &'a Table) -> impl Iterator<Item = &'a Table> {
        let own = Some(table).filter(|_| table.kind != Kind::Partitioned);
        own.into_iter().chain(table.leaves.iter().filter_map(|oid| self.tables.get(oid)))
    }
}

impl Writes {
    /// So many times as much.
    #[must_use]
    pub fn times(self, factor: f64) -> Self {
        Self {
            inserts: self.inserts * factor,
            updates: self.updates * factor,
            hot_updates: self.hot_updates * factor,
            deletes: self.deletes * factor,
        }
    }
}

impl Writes {
    /// Together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            inserts: self.inserts + other.inserts,
            updates: self.updates + other.updates,
            hot_updates: self.hot_updates + other.hot_updates,
            deletes: self.deletes + other.deletes,
        }
    }
}

impl Table {
    /// A column by its name.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// Whether an index on it would be of any use to anybody.
    #[must_use]
    pub fn is_indexable(&self) -> bool {
        !matches!(self.kind, Kind::Unindexable | Kind::Locked) && self.is_of_users()
    }

    /// Whether somebody has made it to stay: no catalog, and no session's own.
    #[must_use]
    pub fn is_of_users(&self) -> bool {
        !self.is_temporary && !self.schema.starts_with("pg_") && self.schema != "information_schema"
    }
}

impl Column {
    /// Distinct values among so many rows; a guess of 200 without statistics, as the planner's.
    #[must_use]
    pub fn distinct_of(&self, rows: f64) -> f64 {
        self.distinct.unwrap_or(200.0).clamp(1.0, rows.max(1.0))
    }
}
