//! What the catalog of one database says of its soundness: foreign keys without an index,
//! constraints that nobody checked, triggers, numbers that run out, its size on disk, tables that are
//! larger than they need be.

use std::time::Duration;

use tokio_postgres::{Client, Row};

use super::activity::text;
use super::decode::unsigned;
use super::{SampleError, bloat, elsewhere};
use crate::pg::{Lossy, Session};

/// Of each kind in one database at most so many are kept; how many there are is told.
const MOST: i64 = 500;
/// Sequences whose value is looked at, in one database.
const MOST_SEQUENCES: i64 = 20_000;

/// The first of a kind, by what matters, and how many there are.
#[derive(Clone, Debug, PartialEq)]
pub struct Listed<T> {
    /// At most 500.
    pub rows: Vec<T>,
    /// All that there are.
    pub total: u64,
}

impl<T> Default for Listed<T> {
    fn default() -> Self {
        Self { rows: Vec::new(), total: 0 }
    }
}

/// A foreign key that no index serves: each delete of, or change to the key of, a parent reads the
/// whole table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignKey {
    /// Schema of its table.
    pub schema: String,
    /// Its table.
    pub table: String,
    /// Its name.
    pub constraint: String,
    /// Schema of the parent.
    pub parent_schema: String,
    /// The table that it points to.
    pub parent: String,
    /// Its columns, in their order.
    pub columns: Vec<String>,
    /// What a delete of a parent does: `a` nothing, `r` restrict, `c` cascade, `n` set null, `d` set
    /// default (`pg_constraint.confdeltype`).
    pub on_delete: String,
    /// Rows of the table, as its last analyze estimates.
    pub rows: u64,
    /// Rows of the parent.
    pub parent_rows: u64,
    /// Bytes of the table at its last vacuum.
    pub bytes: u64,
    /// Whether it was checked for all rows.
    pub is_validated: bool,
    /// Its table is partitioned: no index can be made on it concurrently.
    pub is_partitioned: bool,
    /// Schemas and names of the leaves of the parent, which have its rows, if it is partitioned.
    pub parent_parts: Vec<(String, String)>,
}

/// A constraint that was not checked for the rows that were there before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Constraint {
    /// Schema of its table.
    pub schema: String,
    /// Its table.
    pub table: String,
    /// Its name.
    pub constraint: String,
    /// `f` foreign key, `c` check, `n` not null (`pg_constraint.contype`).
    pub kind: String,
}

/// A trigger that somebody made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trigger {
    /// Schema of its table.
    pub schema: String,
    /// Its table.
    pub table: String,
    /// Its name.
    pub trigger: String,
    /// Schema of its function.
    pub function_schema: String,
    /// Its function.
    pub function: String,
    /// The function's language, such as `plpgsql`.
    pub language: String,
    /// Whether it fires.
    pub is_enabled: bool,
    /// For each row; else once a statement.
    pub for_each_row: bool,
    /// Before the change; else after it, or instead of it.
    pub is_before: bool,
    /// `insert`, `update`, `delete`, `truncate`.
    pub events: Vec<String>,
}

/// A sequence that counts up.
#[derive(Clone, Debug, PartialEq)]
pub struct Sequence {
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub sequence: String,
    /// The column that it fills, if that is known; of several the one with the least room.
    pub column: Option<Column>,
    /// The column is `generated ... as identity`.
    pub is_identity: bool,
    /// It begins again at its end instead of failing.
    pub cycles: bool,
    /// The last number that there is room for: of the sequence, or of the column's type.
    pub end: u64,
    /// Share of its numbers that are given out; `None` if our role may not see it, or somebody
    /// was altering it.
    pub used_ratio: Option<f64>,
}

/// A column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Schema of its table.
    pub schema: String,
    /// Its table.
    pub table: String,
    /// Its name.
    pub column: String,
    /// Its type, such as `integer`.
    pub type_name: String,
}

/// A unique column of integers that the application fills.
#[derive(Clone, Debug, PartialEq)]
pub struct IntegerKey {
    /// Which.
    pub column: Column,
    /// Share of the type's range up to the highest value that the last analyze saw.
    pub used_ratio: f64,
}

/// One database.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Database {
    /// `pg_database.oid`.
    pub dbid: u32,
    /// Bytes of all its files.
    pub bytes: Option<u64>,
    /// Foreign keys that no index serves, those of the largest tables first.
    pub unindexed_foreign_keys: Listed<ForeignKey>,
    /// Constraints that were not checked, those of the largest tables first.
    pub unvalidated_constraints: Listed<Constraint>,
    /// Triggers, those of the largest tables first.
    pub triggers: Listed<Trigger>,
    /// Sequences, the fullest first.
    pub sequences: Listed<Sequence>,
    /// Sequences that our role may not read.
    pub sequences_hidden: u64,
    /// Sequences that somebody was altering.
    pub sequences_locked: u64,
    /// Integer keys without a sequence that our role may read of, the fullest first.
    pub integer_keys: Listed<IntegerKey>,
    /// Large tables, and how large they need be.
    pub bloat: bloat::Sample,
    /// Which of these could not be read, such as `sequences`, and why; they are as if empty.
    pub skipped: Vec<(&'static str, &'static str)>,
}

/// Those that could be read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sample {
    /// One after the other.
    pub databases: Vec<Database>,
    /// How many could not be entered in this turn.
    pub skipped: u64,
}

/// Reads the database of `session`, which is `dbid`, and then by one connection each `others`. One
/// that cannot be entered is left out and counted, as is each part that cannot be read; none is
/// entered after `patience`.
///
/// # Errors
/// When the connection of `session` is lost.
pub async fn read(
    session: &Session,
    dbid: u32,
    others: &[(u32, String)],
    patience: Duration,
) -> Result<Sample, SampleError> {
    let (databases, skipped) =
        elsewhere::each(session, dbid, others, patience, "catalog", |client, dbid, _| {
            Box::pin(here(client, dbid))
        })
        .await?;
    Ok(Sample { databases, skipped })
}

/// What one part says: an error of its own is its own matter, the end of the connection is not.
fn part<T: Default>(
    what: &'static str,
    result: Result<T, SampleError>,
    skipped: &mut Vec<(&'static str, &'static str)>,
) -> Result<T, SampleError> {
    let error = match result {
        Ok(read) => return Ok(read),
        Err(error) => error,
    };
    if error.outcome() == super::Outcome::Closed {
        return Err(error);
    }
    tracing::debug!("{what} of a catalog could not be read: {error}");
    skipped.push((what, error.outcome().name()));
    Ok(T::default())
}

async fn here(client: &Client, dbid: u32) -> Result<Database, SampleError> {
    let mut skipped = Vec::new();
    let keys = listed(client, include_str!("catalog_foreign_keys.sql"), 11, foreign_key).await;
    let unindexed_foreign_keys = part("foreign keys", keys, &mut skipped)?;
    let constraints = listed(client, include_str!("catalog_constraints.sql"), 4, constraint).await;
    let unvalidated_constraints = part("constraints", constraints, &mut skipped)?;
    let triggers = listed(client, include_str!("catalog_triggers.sql"), 10, trigger).await;
    let triggers = part("triggers", triggers, &mut skipped)?;
    let (sequences, sequences_hidden, sequences_locked) =
        part("sequences", sequences(client).await, &mut skipped)?;
    let keys = listed(client, include_str!("catalog_keys.sql"), 5, integer_key).await;
    let integer_keys = part("integer keys", keys, &mut skipped)?;
    let bytes = part("size", size(client).await, &mut skipped)?;
    let bloat = part("bloat", bloat::read(client).await, &mut skipped)?;
    Ok(Database {
        dbid,
        bytes,
        unindexed_foreign_keys,
        unvalidated_constraints,
        triggers,
        sequences,
        sequences_hidden,
        sequences_locked,
        integer_keys,
        bloat,
        skipped,
    })
}

/// `total`: the column that says how many there are.
async fn listed<T>(
    client: &Client,
    sql: &str,
    total: usize,
    decode: fn(&Row) -> Result<T, SampleError>,
) -> Result<Listed<T>, SampleError> {
    let rows = client.query(sql, &[&MOST]).await?;
    let total = rows.first().map_or(Ok(0), |row| row.try_get::<_, i64>(total))?;
    Ok(Listed { rows: rows.iter().map(decode).collect::<Result<_, _>>()?, total: unsigned(total) })
}

async fn sequences(client: &Client) -> Result<(Listed<Sequence>, u64, u64), SampleError> {
    let rows =
        client.query(include_str!("catalog_sequences.sql"), &[&MOST, &MOST_SEQUENCES]).await?;
    let count = |column| rows.first().map_or(Ok(0), |row| row.try_get::<_, i64>(column));
    let (total, hidden, locked) = (count(10)?, count(11)?, count(12)?);
    let rows = rows.iter().map(sequence).collect::<Result<_, _>>()?;
    Ok((Listed { rows, total: unsigned(total) }, unsigned(hidden), unsigned(locked)))
}

async fn size(client: &Client) -> Result<Option<u64>, SampleError> {
    let row = client.query_one(include_str!("catalog_size.sql"), &[]).await?;
    Ok(Some(unsigned(row.try_get(0)?)))
}

fn texts(row: &Row, column: usize) -> Result<Vec<String>, SampleError> {
    let texts: Vec<Lossy> = row.try_get(column)?;
    Ok(texts.into_iter().map(|Lossy(text)| text).collect())
}

fn foreign_key(row: &Row) -> Result<ForeignKey, SampleError> {
    let count = |column| row.try_get::<_, i64>(column).map(unsigned);
    let parts = texts(row, 13)?.into_iter().zip(texts(row, 14)?);
    Ok(ForeignKey {
        schema: text(row, 0)?,
        table: text(row, 1)?,
        constraint: text(row, 2)?,
        parent_schema: text(row, 3)?,
        parent: text(row, 4)?,
        columns: texts(row, 5)?,
        on_delete: text(row, 6)?,
        rows: count(7)?,
        parent_rows: count(8)?,
        bytes: count(9)?,
        is_validated: row.try_get(10)?,
        is_partitioned: row.try_get(12)?,
        parent_parts: parts.collect(),
    })
}

fn constraint(row: &Row) -> Result<Constraint, SampleError> {
    Ok(Constraint {
        schema: text(row, 0)?,
        table: text(row, 1)?,
        constraint: text(row, 2)?,
        kind: text(row, 3)?,
    })
}

fn trigger(row: &Row) -> Result<Trigger, SampleError> {
    Ok(Trigger {
        schema: text(row, 0)?,
        table: text(row, 1)?,
        trigger: text(row, 2)?,
        function_schema: text(row, 3)?,
        function: text(row, 4)?,
        language: text(row, 5)?,
        is_enabled: row.try_get(6)?,
        for_each_row: row.try_get(7)?,
        is_before: row.try_get(8)?,
        events: texts(row, 9)?,
    })
}

fn column(row: &Row, from: usize) -> Result<Column, SampleError> {
    Ok(Column {
        schema: text(row, from)?,
        table: text(row, from + 1)?,
        column: text(row, from + 2)?,
        type_name: text(row, from + 3)?,
    })
}

fn sequence(row: &Row) -> Result<Sequence, SampleError> {
    let is_for_a_column = row.try_get::<_, Option<Lossy>>(3)?.is_some();
    Ok(Sequence {
        schema: text(row, 0)?,
        sequence: text(row, 1)?,
        column: if is_for_a_column { Some(column(row, 2)?) } else { None },
        is_identity: row.try_get(6)?,
        cycles: row.try_get(7)?,
        end: unsigned(row.try_get(8)?),
        used_ratio: row.try_get(9)?,
    })
}

fn integer_key(row: &Row) -> Result<IntegerKey, SampleError> {
    Ok(IntegerKey { column: column(row, 0)?, used_ratio: row.try_get(4)? })
}
