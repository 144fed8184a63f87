//! How long the queues are that a profile knows: rows that wait, run and were given up, and for how
//! long. Counts and ages alone; of what is in a row nothing is read.

mod looks;
mod place;
mod statement;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio_postgres::{Client, Row};

use self::looks::Look;
pub use self::looks::Looks;
use self::place::{Column, TIMESTAMP, column, place};
use self::statement::statement;
use super::activity::text;
use super::decode::unsigned;
use super::{Outcome, SampleError, elsewhere};
use crate::erp::Queue;
use crate::pg::Session;

/// No more rows of one state are counted: a longer queue is this long at least.
pub const MOST: u64 = 10_000;

/// What one queue is like.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// What the profile calls it.
    pub name: Arc<str>,
    /// Schema of its table.
    pub schema: String,
    /// Its table.
    pub table: String,
    /// Rows that wait and are due; [`MOST`] means that or more.
    pub waiting: u64,
    /// Since when the oldest of them waits, in seconds; of more than [`MOST`] it is that of those
    /// which were counted. `None` if none waits.
    pub oldest_seconds: Option<f64>,
    /// How often one of those that wait was tried, at most, 0 if none waits; `None` if that is not told.
    pub tries: Option<u64>,
    /// Rows that somebody works on; `None` if that is not told.
    pub running: Option<u64>,
    /// How long the longest of them has been, in seconds; `None` if none runs or that is not told.
    pub longest_seconds: Option<f64>,
    /// Rows that were given up; `None` if that is not told.
    pub failed: Option<u64>,
    /// Rows that were inserted since the server's statistics began.
    pub inserted: u64,
}

/// One database.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Database {
    /// `pg_database.oid`.
    pub dbid: u32,
    /// Queues whose tables are there and may be read.
    pub queues: Vec<Reading>,
    /// Queues whose tables are there and were not read, and why: `refused`, `missing` (columns),
    /// `costly`, or how the query ended.
    pub unread: Vec<(Arc<str>, &'static str)>,
}

/// Those that could be read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sample {
    /// One after the other.
    pub databases: Vec<Database>,
    /// How many could not be entered in this turn.
    pub skipped: u64,
}

/// Reads the queues of the database of `session`, which is `dbid`, and then by one connection each
/// those of `others`. One that cannot be entered is left out and counted; none is entered after
/// `patience`. `queues`: what the profiles of a database by that name declare. `looks`: those of the turns before in this
/// session.
///
/// # Errors
/// When `session` cannot be read.
pub async fn read(
    session: &Session,
    dbid: u32,
    others: &[(u32, String)],
    queues: impl Fn(&str) -> Vec<Arc<Queue>>,
    looks: &Arc<Looks>,
    patience: Duration,
) -> Result<Sample, SampleError> {
    let (databases, skipped) =
        elsewhere::each(session, dbid, others, patience, "queues", |client, of, datname| {
            let (queues, looks) = (queues(datname), Arc::clone(looks));
            let here = Here { client, dbid: of, is_own: of == dbid, looks };
            Box::pin(async move { here.read(&queues).await })
        })
        .await?;
    Ok(Sample { databases, skipped })
}

/// One database, and the connection to it.
struct Here<'a> {
    client: &'a Client,
    dbid: u32,
    /// Of the session: others' connections are closed at once.
    is_own: bool,
    looks: Arc<Looks>,
}

impl Here<'_> {
    async fn read(&self, queues: &[Arc<Queue>]) -> Result<Database, SampleError> {
        let mut database = Database { dbid: self.dbid, ..Database::default() };
        let tables: Vec<&str> = queues.iter().map(|queue| queue.table.as_str()).collect();
        if tables.is_empty() {
            return Ok(database);
        }
        let columns = self.columns(&tables).await?;
        let mut done: HashSet<&str> = HashSet::new();
        for queue in queues.iter().filter(|queue| columns.iter().any(|c| c.table == queue.table)) {
            if done.contains(&*queue.name) {
                continue;
            }
            let place = match place(queue, &columns) {
                Ok(place) => place,
                Err(reason) => {
                    database.unread.push((Arc::clone(&queue.name), reason));
                    continue;
                }
            };
            done.insert(&queue.name);
            match self.look(queue, &place).await {
                Ok(Some(look)) => {
                    database.queues.push(look.reading.clone());
                    self.looks.put(self.dbid, look);
                }
                Ok(None) => database.unread.push((Arc::clone(&queue.name), "costly")),
                Err(error) if error.outcome() == Outcome::Closed => return Err(error),
                Err(error) => {
                    tracing::debug!(queue = %queue.name, "a queue could not be read: {error}");
                    database.unread.push((Arc::clone(&queue.name), error.outcome().name()));
                }
            }
        }
        // One that another declaration of the same name could read was read.
        database.unread.retain(|(name, _)| !database.queues.iter().any(|read| read.name == *name));
        database.unread.reverse();
        let mut told = HashSet::new();
        database.unread.retain(|(name, _)| told.insert(Arc::clone(name)));
        Ok(database)
    }

    async fn columns(&self, tables: &[&str]) -> Result<Vec<Column>, SampleError> {
        let kept = if self.is_own { self.looks.columns().take() } else { None };
        let statement = match kept {
            Some(statement) => statement,
            None => self.client.prepare(include_str!("queues_columns.sql")).await?,
        };
        let rows = self.client.query(&statement, &[&tables]).await?;
        if self.is_own {
            *self.looks.columns() = Some(statement);
        }
        rows.iter().map(column).collect()
    }

    /// `None` if the planner thinks that it costs too much.
    async fn look(&self, queue: &Queue, place: &[&Column]) -> Result<Option<Look>, SampleError> {
        let Some(first) = place.first() else { return Ok(None) };
        let sql = statement(queue, &first.schema, |name| {
            place.iter().any(|column| column.name == name && column.kind == TIMESTAMP)
        });
        let mut last = self.looks.take(self.dbid, queue, &sql);
        if let Some(look) = &mut last
            && look.is_dear
            && look.left > 0
        {
            look.left -= 1;
            return Ok(last);
        }
        let prepared = last.as_mut().and_then(|look| look.prepared.take());
        let (is_dear, left) = match &last {
            Some(look) if look.left > 0 => (false, look.left - 1),
            _ => match self.turns(&sql).await? {
                None => return Ok(None),
                Some(1) => (false, looks::MOST_TURNS - 1),
                Some(turns) => (true, turns - 1),
            },
        };
        let prepared = match prepared {
            Some(prepared) => prepared,
            None => self.client.prepare(&sql).await?,
        };
        let row = self.client.query_one(&prepared, &[]).await?;
        let reading = reading(queue, first, &row)?;
        let prepared = Some(prepared).filter(|_| self.is_own);
        Ok(Some(Look { reading, sql, prepared, is_dear, left }))
    }

    async fn turns(&self, sql: &str) -> Result<Option<u32>, SampleError> {
        let plan = self.client.query(&format!("explain {sql}"), &[]).await?;
        let plan = plan.first().map_or_else(|| Ok(String::new()), |row| text(row, 0))?;
        Ok(looks::turns(&plan))
    }
}

fn reading(queue: &Queue, first: &Column, row: &Row) -> Result<Reading, SampleError> {
    let count = |column| row.try_get::<_, i64>(column).map(unsigned);
    // A clock that is behind, or a zone that is another's, makes no negative age.
    let age = |column| row.try_get::<_, Option<f64>>(column).map(|age| age.map(|age| age.max(0.0)));
    let tries: Option<i64> = row.try_get(2)?;
    let is_by_words = queue.state.is_some();
    let tells_running = !is_by_words && queue.started.is_some() || !queue.running.is_empty();
    let tells_failed = !queue.failed.is_empty() || queue.lost_after.is_some();
    Ok(Reading {
        name: Arc::clone(&queue.name),
        schema: first.schema.clone(),
        table: queue.table.clone(),
        waiting: count(0)?,
        oldest_seconds: age(1)?,
        tries: if queue.retries.is_some() { Some(unsigned(tries.unwrap_or(0))) } else { None },
        running: if tells_running { Some(count(3)?) } else { None },
        longest_seconds: age(4)?,
        failed: if tells_failed { Some(count(5)?) } else { None },
        inserted: first.inserted,
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::erp::Profiles;

    /// As a profile declares it.
    pub fn queue(text: &str) -> Arc<Queue> {
        let mut profiles = Profiles::default();
        profiles.add(&format!("name = 'x'\n[[queue]]\nname = 'q'\ntable = 'a b'\n{text}")).unwrap();
        let erp = profiles.words(profiles.all().next());
        Arc::clone(erp.queues().next().unwrap())
    }
}
