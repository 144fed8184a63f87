//! How old databases are in transactions, and which vacuums run.

use tokio_postgres::{Client, Row, Statement};

use super::SampleError;
use super::activity::text;
use super::decode::unsigned;
use crate::pg::Lossy;

/// How far a database is from the end of its transaction ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Age {
    /// `pg_database.oid`.
    pub dbid: u32,
    /// Transactions since the oldest that is not frozen (`datfrozenxid`).
    pub xids: u32,
    /// The same for multixacts (`datminmxid`).
    pub mxids: u32,
}

/// Who vacuums, and what for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Somebody's vacuum.
    Manual,
    /// Autovacuum's.
    Auto,
    /// Autovacuum's analyze alone.
    AutoAnalyze,
}

impl Kind {
    /// The value of a label.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Manual => "vacuum",
            Self::Auto => "autovacuum",
            Self::AutoAnalyze => "autoanalyze",
        }
    }
}

/// A vacuum, or an analyze of autovacuum, that runs now.
#[derive(Clone, Debug, PartialEq)]
pub struct Running {
    /// `pg_database.oid`.
    pub dbid: u32,
    /// `pg_class.oid`, once it has its table.
    pub relid: Option<u32>,
    /// Schema and name, as an autovacuum worker says them.
    pub relation: Option<String>,
    /// Who began it, and whether it only analyzes.
    pub kind: Kind,
    /// Whether it must run, to prevent wraparound: it does not give way to anybody.
    pub is_for_wraparound: bool,
    /// As pg_stat_progress_vacuum names it; `starting` before it has any.
    pub phase: String,
    /// Blocks of the table.
    pub blocks: u64,
    /// Those that were scanned.
    pub blocks_scanned: u64,
    /// How often the indexes were gone through: more than once means too little memory for it.
    pub index_rounds: u64,
    /// For how long it has run.
    pub seconds: f64,
    /// It waits for a lock now.
    pub is_blocked: bool,
    /// Sessions that it waits for.
    pub blockers: u32,
}

/// One sample.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sample {
    /// Of each database, in the order of their oids.
    pub ages: Vec<Age>,
    /// The next transaction id, which does not wrap around.
    pub next_xid: u64,
    /// At most 100, the oldest first.
    pub running: Vec<Running>,
}

/// Reads them with prepared statements.
pub struct Reader {
    databases: Statement,
    running: Statement,
}

impl Reader {
    /// Prepares them.
    ///
    /// # Errors
    /// When they cannot be prepared.
    pub async fn prepare(client: &Client) -> Result<Self, SampleError> {
        Ok(Self {
            databases: client.prepare(include_str!("vacuum_databases.sql")).await?,
            running: client.prepare(include_str!("vacuum.sql")).await?,
        })
    }

    /// Reads them.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn read(&self, client: &Client) -> Result<Sample, SampleError> {
        let ages = client.query(&self.databases, &[]).await?;
        let running = client.query(&self.running, &[]).await?;
        let next_xid = ages.first().map_or(Ok(0), |row| row.try_get::<_, i64>(3)).map(unsigned)?;
        Ok(Sample {
            next_xid,
            ages: ages.iter().map(age).collect::<Result<_, _>>()?,
            running: running.iter().map(decode).collect::<Result<_, _>>()?,
        })
    }
}

fn age(row: &Row) -> Result<Age, SampleError> {
    let age = |column| row.try_get::<_, i32>(column).map(|age| u32::try_from(age).unwrap_or(0));
    Ok(Age { dbid: row.try_get(0)?, xids: age(1)?, mxids: age(2)? })
}

fn decode(row: &Row) -> Result<Running, SampleError> {
    let count = |column| row.try_get::<_, i64>(column).map(unsigned);
    Ok(Running {
        dbid: row.try_get::<_, Option<u32>>(0)?.unwrap_or(0),
        relid: row.try_get(1)?,
        relation: row.try_get::<_, Option<Lossy>>(2)?.map(|Lossy(name)| name),
        kind: match (row.try_get(3)?, row.try_get(4)?) {
            (false, _) => Kind::Manual,
            (true, false) => Kind::Auto,
            (true, true) => Kind::AutoAnalyze,
        },
        is_for_wraparound: row.try_get(5)?,
        phase: text(row, 6)?,
        blocks: count(7)?,
        blocks_scanned: count(8)?,
        index_rounds: count(9)?,
        seconds: row.try_get(10)?,
        is_blocked: row.try_get(11)?,
        blockers: u32::try_from(row.try_get::<_, i32>(12)?).unwrap_or(0),
    })
}
