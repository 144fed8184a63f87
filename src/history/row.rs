//! What goes in: growth in an hour, episodes, suggestions. Plain data, each with its names.
//!
//! Times are whole seconds since 1970; an hour is named by its first second.

use std::ops::AddAssign;
use std::sync::Arc;

/// Seconds of an hour.
pub const HOUR: i64 = 3_600;

/// The hour in which a moment is, both in seconds since 1970.
#[must_use]
pub const fn hour_of(unix_seconds: i64) -> i64 {
    unix_seconds - unix_seconds.rem_euclid(HOUR)
}

/// What is written together: all of it, or nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// When it was made, in seconds since 1970.
    pub at: i64,
    /// How long was looked at.
    pub covered: Vec<Covered>,
    /// Growth of statements.
    pub statements: Vec<StatementGrowth>,
    /// Texts of statements; one that is known already is no fault.
    pub texts: Vec<StatementText>,
    /// Tables that are there, and their growth.
    pub tables: Vec<TableGrowth>,
    /// Indexes that are there, and their growth.
    pub indexes: Vec<IndexGrowth>,
    /// Sizes of business modules.
    pub modules: Vec<ModuleSize>,
    /// What has ended.
    pub episodes: Vec<Episode>,
    /// Suggestions as they are now.
    pub suggestions: Vec<Suggestion>,
}

impl Batch {
    /// How many rows it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.covered.len()
            + self.statements.len()
            + self.texts.len()
            + self.tables.len()
            + self.indexes.len()
            + self.modules.len()
            + self.episodes.len()
            + self.suggestions.len()
    }

    /// Whether it holds nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// One database of one server.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Name in the config.
    pub server: Arc<str>,
    /// Name of the database.
    pub datname: Arc<str>,
}

/// What was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Statements.
    Statements,
    /// Tables and indexes.
    Usage,
}

impl Kind {
    /// As it is stored.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Statements => "statements",
            Self::Usage => "usage",
        }
    }
}

/// How long the growth in an hour took: growth over a gap is put into the hour in which it was
/// seen, so this can be more than an hour.
#[derive(Clone, Debug, PartialEq)]
pub struct Covered {
    /// Where.
    pub place: Place,
    /// The hour.
    pub hour: i64,
    /// Of what.
    pub kind: Kind,
    /// From one sample to the next, together.
    pub seconds: f64,
    /// Counters that had gone back: those have begun again from zero.
    pub resets: u64,
}

/// What executing statements took.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Work {
    /// Executions.
    pub calls: u64,
    /// Rows returned or changed.
    pub rows: u64,
    /// Seconds spent executing.
    pub exec_seconds: f64,
    /// Shared blocks found in the buffer cache or read.
    pub blocks: u64,
    /// Blocks of temporary files, read or written.
    pub temp_blocks: u64,
}

impl AddAssign for Work {
    fn add_assign(&mut self, more: Self) {
        self.calls = self.calls.saturating_add(more.calls);
        self.rows = self.rows.saturating_add(more.rows);
        self.exec_seconds += more.exec_seconds;
        self.blocks = self.blocks.saturating_add(more.blocks);
        self.temp_blocks = self.temp_blocks.saturating_add(more.temp_blocks);
    }
}

/// What one statement did more in an hour; it is added to what is there.
#[derive(Clone, Debug, PartialEq)]
pub struct StatementGrowth {
    /// Where.
    pub place: Place,
    /// The hour.
    pub hour: i64,
    /// Hash of its shape; `None` for all that cannot be told apart.
    pub queryid: Option<i64>,
    /// How much.
    pub work: Work,
}

/// A statement's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatementText {
    /// Where.
    pub place: Place,
    /// Hash of its shape.
    pub queryid: i64,
    /// Normalised: no literal is in it.
    pub text: Arc<str>,
}

/// What happened to a table; of a partitioned one each partition tells for itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TableUse {
    /// Sequential scans.
    pub seq_scan: u64,
    /// Rows read by them.
    pub seq_tup_read: u64,
    /// Index scans.
    pub idx_scan: u64,
    /// Rows fetched by them.
    pub idx_tup_fetch: u64,
    /// Rows inserted.
    pub n_tup_ins: u64,
    /// Rows updated, the HOT ones included.
    pub n_tup_upd: u64,
    /// Rows deleted.
    pub n_tup_del: u64,
    /// Rows updated without an entry in any index.
    pub n_tup_hot_upd: u64,
}

/// What happened to an index.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IndexUse {
    /// Scans.
    pub idx_scan: u64,
    /// Entries returned by them.
    pub idx_tup_read: u64,
}

/// A table and what happened to it more in an hour, which is added to what is there.
#[derive(Clone, Debug, PartialEq)]
pub struct TableGrowth {
    /// Where.
    pub place: Place,
    /// The hour.
    pub hour: i64,
    /// Its schema.
    pub schema: Arc<str>,
    /// Its name.
    pub table: Arc<str>,
    /// How much.
    pub growth: TableUse,
    /// Live rows now, as the server estimates.
    pub n_live_tup: u64,
    /// Bytes of its main fork at its last vacuum, analyze or create index.
    pub bytes: u64,
}

/// An index and what happened to it more in an hour, which is added to what is there.
#[derive(Clone, Debug, PartialEq)]
pub struct IndexGrowth {
    /// Where.
    pub place: Place,
    /// The hour.
    pub hour: i64,
    /// Schema of its table and of itself.
    pub schema: Arc<str>,
    /// Its table.
    pub table: Arc<str>,
    /// Its name.
    pub index: Arc<str>,
    /// How much.
    pub growth: IndexUse,
    /// Bytes of its main fork at its last vacuum, analyze or create index.
    pub bytes: u64,
}

/// How large a business module was. Of an hour the last that was told is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModuleSize {
    /// Where.
    pub place: Place,
    /// When it was so large.
    pub at: i64,
    /// By which words its tables were known (`Erp::digest`): with others, other tables are its own.
    pub words: i64,
    /// Its name.
    pub module: Arc<str>,
    /// Bytes of its tables, their TOAST and indexes, at their last vacuum, analyze or create index.
    pub bytes: u64,
    /// Live rows, as the server estimates.
    pub n_live_tup: u64,
}

/// Something that has ended: a lock wait, a slow transaction, a call of an integration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Episode {
    /// Of which server, if it belongs to one.
    pub server: Option<Arc<str>>,
    /// As the events name it, such as `lock_wait`.
    pub kind: Arc<str>,
    /// When it began.
    pub start: i64,
    /// When it ended.
    pub end: i64,
    /// All of it, as JSON; no literal is in it.
    pub json: String,
}

/// One line of the ledger. What its words mean the advisor knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suggestion {
    /// Stable: the same suggestion has the same one tomorrow.
    pub id: String,
    /// Where.
    pub place: Place,
    /// Such as `create`.
    pub action: String,
    /// Such as `applied`.
    pub state: String,
    /// What to run.
    pub ddl: String,
    /// Everything else, as JSON.
    pub payload: String,
    /// When it was first made.
    pub suggested_at: i64,
    /// When it was first seen in the catalog.
    pub applied_at: Option<i64>,
    /// When what it brought was measured.
    pub measured_at: Option<i64>,
    /// When this line was last written.
    pub updated_at: i64,
}
