//! Tables, indexes and functions: the largest, the busiest and the worst kept of each database
//! singly, all of them by module.
//!
//! Growth is charged to one series at the moment it is seen: that of its table if this is shown
//! singly, else `other` of its database. So a sum over all series is the truth, and none jumps.

mod fold;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::sample::Moment;
use crate::sample::{function_usage, index_usage, table_usage};

pub use fold::Tables;

/// By label `datname`, of those that were looked into.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct View {
    /// Those with a label of their own.
    pub databases: BTreeMap<Arc<str>, Arc<Database>>,
    /// Times that one could not be entered or read.
    pub skipped: u64,
}

/// One database when it was last looked into.
#[derive(Clone, Debug, PartialEq)]
pub struct Database {
    /// `pg_database.oid`.
    pub dbid: u32,
    /// When, by the agent's clock.
    pub at: Moment,
    /// When, by the server's clock: times in it are by that clock.
    pub read_at: SystemTime,
    /// In what time the `growth` of its tables, indexes and functions happened; zero after the
    /// first look, which is only a base.
    pub over: Duration,
    /// Bytes of all relations at their last vacuums, catalogs and TOAST included.
    pub bytes: u64,
    /// How many tables it has.
    pub tables_total: u64,
    /// How many indexes it has.
    pub indexes_total: u64,
    /// At most 200 tables: the largest, those with most dead rows, with most rows read by
    /// sequential scans, with most changes, and those that vacuum is most behind with.
    pub tables: Vec<Table>,
    /// What all tables that are not shown singly have done, since the agent first saw them.
    pub other_tables: table_usage::Counters,
    /// At most 200 indexes: the invalid ones, the largest, the largest that nobody scans, and the
    /// busiest.
    pub indexes: Vec<Index>,
    /// What all indexes that are not shown singly have done.
    pub other_indexes: index_usage::Counters,
    /// At most 200 functions: those with most time of their own, and the most called.
    pub functions: Vec<Function>,
    /// What all functions that are not shown singly have done.
    pub other_functions: function_usage::Counters,
    /// `track_functions` as our own session has it: `none`, `pl` or `all`.
    pub track_functions: Arc<str>,
    /// By which words modules are told apart (`Erp::digest`).
    pub words: u64,
    /// All its tables, by module.
    pub modules: BTreeMap<Arc<str>, Module>,
    /// Counters of tables, indexes and functions that had gone back.
    pub resets: u64,
}

/// One table.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// `pg_class.oid`.
    pub oid: u32,
    /// Its schema.
    pub schema: Arc<str>,
    /// Its name.
    pub table: Arc<str>,
    /// Its module.
    pub module: Arc<str>,
    /// Whether it has series of its own; others of these are in the picture for rules alone.
    pub is_shown: bool,
    /// As the server has it, since its statistics were last reset.
    pub counters: table_usage::Counters,
    /// Growth since the look before.
    pub growth: table_usage::Counters,
    /// Growth charged to its own series.
    pub series: table_usage::Counters,
    /// Growth since it came into this picture: whatever it did before is not in it.
    pub here: table_usage::Counters,
    /// Live rows, as the server estimates.
    pub n_live_tup: u64,
    /// Bytes of its main fork at its last vacuum.
    pub bytes: u64,
    /// Bytes of its indexes at their last vacuum.
    pub index_bytes: u64,
    /// How many indexes it has.
    pub indexes: u64,
    /// What vacuum and analyze have done and have to do.
    pub upkeep: table_usage::Upkeep,
    /// How near it is to its next vacuum and analyze.
    pub due: Due,
}

/// Shares of what brings autovacuum to a table; well above 1 means that it does not come. `None`
/// where autovacuum does not come for it, or settings were not read yet.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Due {
    /// Dead rows, of those that bring a vacuum.
    pub vacuum: Option<f64>,
    /// Rows inserted since the last vacuum, of those that bring one.
    pub insert: Option<f64>,
    /// Rows changed since the last analyze, of those that bring one.
    pub analyze: Option<f64>,
    /// Age, of that which brings a vacuum to prevent wraparound; known also where autovacuum is
    /// switched off, since that comes in any case.
    pub freeze: Option<f64>,
}

/// One index.
#[derive(Clone, Debug, PartialEq)]
pub struct Index {
    /// `pg_class.oid`.
    pub oid: u32,
    /// Schema of its table and of itself.
    pub schema: Arc<str>,
    /// Its table.
    pub table: Arc<str>,
    /// Its name.
    pub index: Arc<str>,
    /// Its table's module.
    pub module: Arc<str>,
    /// Whether it has series of its own.
    pub is_shown: bool,
    /// As the server has it, since its statistics were last reset.
    pub counters: index_usage::Counters,
    /// Growth since the look before.
    pub growth: index_usage::Counters,
    /// Growth charged to its own series.
    pub series: index_usage::Counters,
    /// Bytes at its last vacuum.
    pub bytes: u64,
    /// It can be used: `create index concurrently` did not fail or break off, and is not under way.
    pub is_valid: bool,
    /// It enforces something, so that it is of use even if nobody scans it.
    pub enforces: bool,
    /// Whether it is a partitioned one, or a part of one.
    pub partitions: index_usage::Partitions,
    /// When the agent first saw it, by its clock; `None` if it was there already at the first look.
    pub since: Option<SystemTime>,
}

/// One function.
#[derive(Clone, Debug, PartialEq)]
pub struct Function {
    /// `pg_proc.oid`.
    pub oid: u32,
    /// Its schema.
    pub schema: Arc<str>,
    /// Its name, without arguments.
    pub function: Arc<str>,
    /// Whether it has series of its own.
    pub is_shown: bool,
    /// As the server has it, since its statistics were last reset.
    pub counters: function_usage::Counters,
    /// Growth since the look before.
    pub growth: function_usage::Counters,
    /// Growth charged to its own series.
    pub series: function_usage::Counters,
    /// Growth since it came into this picture.
    pub here: function_usage::Counters,
}

/// All tables of one module.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Module {
    /// How many.
    pub tables: u64,
    /// Bytes of their main forks and TOAST tables.
    pub bytes: u64,
    /// Bytes of their indexes.
    pub index_bytes: u64,
    /// Live rows, as the server estimates.
    pub n_live_tup: u64,
    /// Dead rows.
    pub n_dead_tup: u64,
    /// Growth since the look before.
    pub growth: table_usage::Counters,
    /// Growth since the agent first saw them.
    pub series: table_usage::Counters,
}
