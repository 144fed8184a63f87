//! Who waits for a lock now, for whom, and who they are.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use tokio_postgres::{Client, Row};

use super::{SampleError, normalise};
use crate::pg::Lossy;

/// Characters of a statement that are shown.
const TEXT: usize = 300;

/// A session that waits.
#[derive(Clone, Debug, PartialEq)]
pub struct Wait {
    /// Its process.
    pub pid: i32,
    /// For whom, each once; 0 stands for a prepared transaction.
    pub blockers: Vec<i32>,
    /// `relation`, `transactionid`, `tuple`, `advisory`, ...
    pub locktype: Option<String>,
    /// The mode it wants.
    pub mode: Option<String>,
    /// `pg_database.oid` of the object, if it belongs to one.
    pub database: Option<u32>,
    /// `pg_class.oid` of the object, if it is one.
    pub relation: Option<u32>,
    /// When the wait began (PostgreSQL 14 and later; absent for its first instant).
    pub since: Option<SystemTime>,
}

/// A session that waits or blocks.
#[derive(Clone, Debug, PartialEq)]
pub struct Session {
    /// Its process.
    pub pid: i32,
    /// Its database.
    pub datname: String,
    /// Its role.
    pub usename: String,
    /// As the client named itself.
    pub application_name: String,
    /// Address of the client; absent for a Unix socket.
    pub client_addr: Option<String>,
    /// `client backend`, `autovacuum worker`, ...
    pub backend_type: String,
    /// `active`, `idle in transaction`, ...
    pub state: String,
    /// How long its transaction has been open.
    pub transaction_age: Option<Duration>,
    /// How long it has run its statement.
    pub statement_age: Option<Duration>,
    /// How long it has been in its state.
    pub state_age: Option<Duration>,
    /// Its statement now, or the last one; normalised. Absent if the role may not see it.
    pub query: Option<String>,
}

/// A prepared transaction, which holds its locks with no session.
#[derive(Clone, Debug, PartialEq)]
pub struct Prepared {
    /// The name it was prepared under.
    pub gid: String,
    /// Its owner.
    pub owner: String,
    /// Its database.
    pub datname: String,
    /// How long ago it was prepared.
    pub age: Duration,
}

/// Everything at about one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sample {
    /// Who waits.
    pub waits: Vec<Wait>,
    /// They and their blockers, by pid.
    pub sessions: BTreeMap<i32, Session>,
    /// Prepared transactions, the oldest first, if somebody waits for one.
    pub prepared: Vec<Prepared>,
    /// The server's clock.
    pub now: Option<SystemTime>,
}

/// Asks once.
pub async fn read(client: &Client, version_num: i32) -> Result<Sample, SampleError> {
    let waitstart = if version_num >= 140_000 { "l.waitstart" } else { "null::timestamptz" };
    let sql = include_str!("lock_waits.sql").replace("{waitstart}", waitstart);
    let waits: Vec<Wait> =
        client.query(&sql, &[]).await?.iter().map(wait).collect::<Result<_, _>>()?;
    let mut pids: Vec<i32> =
        waits.iter().flat_map(|w| w.blockers.iter().copied().chain([w.pid])).collect();
    pids.sort_unstable();
    pids.dedup();
    let mut sample = Sample { waits, ..Sample::default() };
    if pids.is_empty() {
        return Ok(sample);
    }
    for row in client.query(include_str!("lock_sessions.sql"), &[&pids]).await? {
        sample.now = Some(row.try_get(11)?);
        let session = session(&row)?;
        sample.sessions.insert(session.pid, session);
    }
    if pids.contains(&0) {
        for row in client.query(include_str!("lock_prepared.sql"), &[]).await? {
            sample.prepared.push(prepared(&row)?);
        }
    }
    Ok(sample)
}

/// Names of relations in the connected database, by oid: schema and name.
pub async fn relations(
    client: &Client,
    oids: &[u32],
) -> Result<BTreeMap<u32, (String, String)>, SampleError> {
    let mut names = BTreeMap::new();
    for row in client.query(include_str!("lock_relations.sql"), &[&oids]).await? {
        names.insert(row.try_get(0)?, (text(&row, 1)?, text(&row, 2)?));
    }
    Ok(names)
}

fn wait(row: &Row) -> Result<Wait, SampleError> {
    let mut blockers: Vec<i32> = row.try_get(1)?;
    // Parallel workers make their leader appear more than once.
    blockers.sort_unstable();
    blockers.dedup();
    Ok(Wait {
        pid: row.try_get(0)?,
        blockers,
        locktype: row.try_get(2)?,
        mode: row.try_get(3)?,
        database: row.try_get(4)?,
        relation: row.try_get(5)?,
        since: row.try_get(6)?,
    })
}

fn session(row: &Row) -> Result<Session, SampleError> {
    let now: SystemTime = row.try_get(11)?;
    let age = |column| {
        let since: Option<SystemTime> = row.try_get(column)?;
        Ok::<_, SampleError>(since.map(|since| now.duration_since(since).unwrap_or_default()))
    };
    let query = row.try_get::<_, Option<Lossy>>(10)?.map(|Lossy(text)| text);
    Ok(Session {
        pid: row.try_get(0)?,
        datname: text(row, 1)?,
        usename: text(row, 2)?,
        application_name: text(row, 3)?,
        client_addr: row.try_get(4)?,
        backend_type: text(row, 5)?,
        state: text(row, 6)?,
        transaction_age: age(7)?,
        statement_age: age(8)?,
        state_age: age(9)?,
        query: query
            .filter(|text| !text.is_empty() && text != "<insufficient privilege>")
            .map(|text| normalise(&text, TEXT)),
    })
}

fn prepared(row: &Row) -> Result<Prepared, SampleError> {
    let (since, now): (SystemTime, SystemTime) = (row.try_get(1)?, row.try_get(4)?);
    Ok(Prepared {
        gid: text(row, 0)?,
        owner: text(row, 2)?,
        datname: text(row, 3)?,
        age: now.duration_since(since).unwrap_or_default(),
    })
}

/// Text that may be null, then empty, and may hold any bytes.
fn text(row: &Row, column: usize) -> Result<String, SampleError> {
    Ok(row.try_get::<_, Option<Lossy>>(column)?.map_or_else(String::new, |Lossy(text)| text))
}
