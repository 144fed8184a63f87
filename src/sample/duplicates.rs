//! Records that are there twice by the business keys that a profile knows: by the server's statistics,
//! which costs nothing, and where that is allowed by counting them, one table at a time. Counts alone
//! leave the server, never a value.

mod estimate;
mod statement;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio_postgres::{Client, Row};

pub use statement::{to_keep_out, to_see};

use self::statement::{Unique, keeps, to_count};
use super::activity::text;
use super::decode::unsigned;
use super::{SampleError, elsewhere};
use crate::erp::{Fold, Key};
use crate::pg::{Lossy, Session};

/// What one business key is like.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// As the profile has it.
    pub key: Arc<Key>,
    /// Schema of its table.
    pub schema: String,
    /// `pg_class.oid` of its table.
    pub relid: u32,
    /// Whether its table is partitioned.
    pub is_partitioned: bool,
    /// Which of its columns hold text, one for each.
    pub is_text: Vec<bool>,
    /// Rows of the table, if vacuum or analyze has counted them.
    pub rows: Option<u64>,
    /// Bytes of the table, as vacuum or analyze last saw it.
    pub bytes: u64,
    /// Whether a unique index lets no two of the same key in.
    pub is_unique: bool,
    /// Whether it is not counted, as its table is above the bounds of that; false if nothing is counted.
    pub is_large: bool,
    /// By statistics; `None` if they do not tell.
    pub estimate: Option<Estimate>,
}

impl Reading {
    /// Whether its table is too large to be counted, as far as vacuum or analyze has seen.
    #[must_use]
    pub fn is_above(&self, bounds: &Bounds) -> bool {
        self.rows.is_some_and(|rows| rows > bounds.rows) || self.bytes > bounds.bytes
    }
}

/// What statistics say.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// Rows beyond one of each key: at least so many, where all rows were looked at, else about so many.
    /// None seen in a sample is no proof that there is none.
    pub surplus: u64,
    /// About so many rows were looked at for it.
    pub sampled: u64,
    /// How long ago, in seconds; `None` if the server does not know.
    pub seconds_ago: Option<f64>,
}

/// What was counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    /// Keys that are there more than once.
    pub groups: u64,
    /// Rows beyond one of each.
    pub surplus: u64,
}

/// One key that was to be counted.
#[derive(Clone, Debug, PartialEq)]
pub struct Count {
    /// `pg_database.oid`.
    pub dbid: u32,
    /// Its name.
    pub name: Arc<str>,
    /// How many, or why not: `large`, or how the query ended.
    pub result: Result<Counted, &'static str>,
}

/// One database.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Database {
    /// `pg_database.oid`.
    pub dbid: u32,
    /// Keys whose tables are there and may be read.
    pub keys: Vec<Reading>,
    /// Keys whose tables are there and were not looked at, and why: `refused` or `missing` (columns).
    pub unread: Vec<(Arc<str>, &'static str)>,
}

/// Those that could be read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sample {
    /// One after the other.
    pub databases: Vec<Database>,
    /// How many could not be entered in this turn.
    pub skipped: u64,
    /// What was counted in this turn.
    pub count: Option<Count>,
}

/// How far a count may go.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    /// The longest that it may take.
    pub timeout: Duration,
    /// Tables of more rows are not counted.
    pub rows: u64,
    /// Tables of more bytes are not counted.
    pub bytes: u64,
}

/// Reads what the statistics say of the keys of the database of `session`, which is `dbid`, and then by
/// one connection each of those of `others`. One that cannot be entered is left out and counted; none is
/// entered after `patience`. `keys`: what the profiles of a database by that name declare.
///
/// # Errors
/// When `session` cannot be read.
pub async fn read(
    session: &Session,
    dbid: u32,
    others: &[(u32, String)],
    keys: impl Fn(&str) -> Vec<Arc<Key>>,
    patience: Duration,
) -> Result<Sample, SampleError> {
    let (databases, skipped) = elsewhere::each(
        session,
        dbid,
        others,
        patience,
        "business keys",
        |client, dbid, datname| {
            let keys = keys(datname);
            Box::pin(async move { here(client, dbid, &keys).await })
        },
    )
    .await?;
    Ok(Sample { databases, skipped, count: None })
}

/// The minute of the day by the server's own time zone.
///
/// # Errors
/// When the server does not say.
pub async fn minute(session: &Session) -> Result<u32, SampleError> {
    let row = session.client().query_one(include_str!("duplicates_minute.sql"), &[]).await?;
    Ok(u32::try_from(row.try_get::<_, i32>(0)?).unwrap_or(0))
}

/// Counts a key in database `datname`, in a session of its own: whatever becomes of that, the others go on.
pub async fn count(
    session: &Session,
    datname: &str,
    reading: &Reading,
    bounds: Bounds,
) -> Result<Counted, &'static str> {
    if reading.is_above(&bounds) {
        return Err("large");
    }
    let counted = async {
        let there = session.beside_for(datname, bounds.timeout).await?;
        let size = include_str!("duplicates_size.sql");
        let bytes: Option<i64> =
            there.client().query_one(size, &[&reading.relid]).await?.try_get(0)?;
        if unsigned(bytes.unwrap_or(0)) > bounds.bytes {
            return Ok(None);
        }
        let row = there.client().query_one(&to_count(reading), &[]).await?;
        let number = |column| row.try_get::<_, i64>(column).map(unsigned);
        Ok::<_, SampleError>(Some(Counted { groups: number(0)?, surplus: number(1)? }))
    };
    match counted.await {
        Ok(counted) => counted.ok_or("large"),
        Err(error) => {
            tracing::debug!(key = %reading.key.name, "a key could not be counted: {error}");
            Err(error.outcome().name())
        }
    }
}

async fn here(client: &Client, dbid: u32, keys: &[Arc<Key>]) -> Result<Database, SampleError> {
    let mut database = Database { dbid, ..Database::default() };
    if keys.is_empty() {
        return Ok(database);
    }
    let mut wanted: HashSet<(&str, &str, Option<&str>, bool)> = HashSet::new();
    for key in keys {
        let needed = key.needed();
        wanted.extend(needed.map(|(name, word)| (key.table.as_str(), name, word, is_compact(key))));
    }
    let tables: Vec<&str> = wanted.iter().map(|(table, ..)| *table).collect();
    let names: Vec<&str> = wanted.iter().map(|(_, name, ..)| *name).collect();
    let words: Vec<Option<&str>> = wanted.iter().map(|(_, _, word, _)| *word).collect();
    let compact: Vec<bool> = wanted.iter().map(|(.., is_compact)| *is_compact).collect();
    let sql = include_str!("duplicates_columns.sql");
    let rows = client.query(sql, &[&tables, &names, &words, &compact]).await?;
    let columns = rows.iter().map(column).collect::<Result<Vec<_>, _>>()?;
    let mut found: Vec<(Arc<Key>, Vec<&Column>)> = Vec::new();
    for key in keys.iter().filter(|key| columns.iter().any(|c| c.table == key.table)) {
        if found.iter().any(|(done, _)| done.name == key.name) {
            continue;
        }
        match place(key, &columns) {
            Ok(place) => found.push((Arc::clone(key), place)),
            Err(reason) => database.unread.push((Arc::clone(&key.name), reason)),
        }
    }
    // One that another declaration of the same name could read was read.
    database.unread.retain(|(name, _)| !found.iter().any(|(key, _)| key.name == *name));
    database.unread.reverse();
    let mut told = HashSet::new();
    database.unread.retain(|(name, _)| told.insert(Arc::clone(name)));
    let relids = |of: &dyn Fn(&Key) -> bool| -> Vec<u32> {
        let relids = found.iter().filter(|(key, _)| of(key));
        relids.filter_map(|(_, place)| Some(place.first()?.relid)).collect()
    };
    let all = relids(&|_| true);
    if all.is_empty() {
        return Ok(database);
    }
    let unique = unique(client, &all).await?;
    let together = together(client, &relids(&|key| key.columns.len() > 1)).await?;
    let readings = found.iter().filter_map(|(key, place)| reading(key, place, &unique, &together));
    database.keys = readings.collect();
    Ok(database)
}

/// A column of a table with a business key, and what is known of it.
#[expect(clippy::struct_excessive_bools, reason = "as the server's answer has them")]
#[derive(Clone, Debug, PartialEq)]
struct Column {
    relid: u32,
    is_partitioned: bool,
    table: String,
    schema: String,
    name: String,
    attnum: i16,
    /// The word that it must have for a row to count.
    word: Option<String>,
    /// Whether letters and digits alone are compared.
    is_compact: bool,
    is_text: bool,
    may_read: bool,
    rows: Option<f64>,
    bytes: u64,
    /// Rows that have changed since they were counted.
    changed: f64,
    analyzed: Option<f64>,
    sampled: f64,
    null_share: Option<f32>,
    /// As pg_stats has it: below zero a share of all rows.
    distinct: Option<f32>,
    /// Somebody has set how many distinct values there are.
    is_told: bool,
    /// Of the commonest values: rows without anything to compare, and in how many values.
    blank_share: Option<f64>,
    blank_values: f64,
    word_share: Option<f64>,
}

fn column(row: &Row) -> Result<Column, SampleError> {
    let word: Option<Lossy> = row.try_get(5)?;
    let rows: f64 = row.try_get(8)?;
    Ok(Column {
        relid: row.try_get(0)?,
        table: text(row, 1)?,
        schema: text(row, 2)?,
        name: text(row, 3)?,
        attnum: row.try_get(4)?,
        word: word.map(|Lossy(word)| word),
        is_text: row.try_get(6)?,
        may_read: row.try_get(7)?,
        // 0 before PostgreSQL 14, too, if nobody has counted.
        rows: (rows > 0.0).then_some(rows),
        bytes: unsigned(row.try_get(9)?),
        changed: row.try_get(10)?,
        analyzed: row.try_get::<_, Option<f64>>(11)?.map(|age| age.max(0.0)),
        sampled: row.try_get(12)?,
        null_share: row.try_get(13)?,
        distinct: row.try_get(14)?,
        is_told: row.try_get(15)?,
        blank_share: row.try_get(16)?,
        blank_values: row.try_get::<_, Option<f64>>(17)?.unwrap_or(0.0),
        word_share: row.try_get(18)?,
        is_compact: row.try_get(19)?,
        is_partitioned: row.try_get(20)?,
    })
}

fn is_compact(key: &Key) -> bool {
    key.fold == Fold::Compact
}

/// Where a key is: what it needs, in its order, of the first schema that has its table.
fn place<'a>(key: &Key, columns: &'a [Column]) -> Result<Vec<&'a Column>, &'static str> {
    let first = columns.iter().find(|column| column.table == key.table).ok_or("missing")?;
    let find = |(name, word): (&str, Option<&str>)| {
        columns.iter().find(|column| {
            column.relid == first.relid
                && column.name == name
                && column.word.as_deref() == word
                && column.is_compact == is_compact(key)
        })
    };
    let needed: Vec<&Column> = key.needed().map(find).collect::<Option<_>>().ok_or("missing")?;
    if needed.iter().all(|column| column.may_read) { Ok(needed) } else { Err("refused") }
}

fn reading(
    key: &Arc<Key>,
    place: &[&Column],
    unique: &HashMap<u32, Vec<Unique>>,
    together: &HashMap<u32, Vec<(Vec<i16>, f64)>>,
) -> Option<Reading> {
    let (compared, rest) = place.split_at_checked(key.columns.len())?;
    let first = compared.first()?;
    let is_text: Vec<bool> = compared.iter().map(|column| column.is_text).collect();
    let mut attnums: Vec<i16> = compared.iter().map(|column| column.attnum).collect();
    attnums.sort_unstable();
    let counted = together.get(&first.relid).into_iter().flatten();
    let counted = counted.filter(|(of, _)| *of == attnums).map(|(_, distinct)| *distinct).next();
    let indexes = unique.get(&first.relid).map_or(&[][..], Vec::as_slice);
    let is_unique = indexes.iter().any(|index| keeps(index, key, &is_text));
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "rows of a table")]
    let whole = |rows: f64| rows.max(0.0).round() as u64;
    let surplus = estimate::surplus(compared, rest, counted).filter(|_| !is_unique);
    Some(Reading {
        key: Arc::clone(key),
        schema: first.schema.clone(),
        relid: first.relid,
        is_partitioned: first.is_partitioned,
        is_text,
        rows: first.rows.map(whole),
        bytes: first.bytes,
        is_unique,
        is_large: false,
        estimate: surplus.map(|surplus| Estimate {
            surplus,
            sampled: whole(first.sampled),
            seconds_ago: first.analyzed,
        }),
    })
}

async fn unique(client: &Client, relids: &[u32]) -> Result<HashMap<u32, Vec<Unique>>, SampleError> {
    let rows = client.query(include_str!("duplicates_unique.sql"), &[&relids]).await?;
    let mut indexes: HashMap<u32, Vec<Unique>> = HashMap::new();
    for row in rows {
        let parts: Vec<Lossy> = row.try_get(1)?;
        let predicate: Option<Lossy> = row.try_get(2)?;
        indexes.entry(row.try_get(0)?).or_default().push(Unique {
            parts: parts.into_iter().map(|Lossy(part)| part).collect(),
            predicate: predicate.map(|Lossy(predicate)| predicate),
        });
    }
    Ok(indexes)
}

/// How many values columns have together, by table and the numbers of those columns.
async fn together(
    client: &Client,
    relids: &[u32],
) -> Result<HashMap<u32, Vec<(Vec<i16>, f64)>>, SampleError> {
    let mut all: HashMap<u32, Vec<(Vec<i16>, f64)>> = HashMap::new();
    if relids.is_empty() {
        return Ok(all);
    }
    for row in client.query(include_str!("duplicates_together.sql"), &[&relids]).await? {
        let written: String = row.try_get(1)?;
        all.entry(row.try_get(0)?).or_default().extend(ndistinct(&written));
    }
    Ok(all)
}

/// Reads what a `pg_ndistinct` is written as: `{"1, 2": 340, "1, 2, 3": 500}`. What is written otherwise,
/// by a version to come, tells nothing.
fn ndistinct(written: &str) -> Vec<(Vec<i16>, f64)> {
    let read: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(written).unwrap_or_default();
    let attnums = |text: &str| -> Option<Vec<i16>> {
        let mut all: Vec<i16> =
            text.split(',').map(|number| number.trim().parse().ok()).collect::<Option<_>>()?;
        all.sort_unstable();
        Some(all)
    };
    let all = read.iter().filter_map(|(of, distinct)| Some((attnums(of)?, distinct.as_f64()?)));
    all.collect()
}

#[cfg(test)]
mod tests;
