//! pg_stat_database, connections against their limits, names, and facts about the server.

use std::time::SystemTime;

use tokio_postgres::{Client, Row, Statement as Prepared};

use super::{SampleError, replication};
use crate::pg::Lossy;

/// What holds back vacuum of system catalogs alone: a slot's `catalog_xmin`. As `horizon.sql` calls it.
pub const CATALOGS: &str = "replication slot (catalogs)";

/// Cumulative counters of one database, or a difference of two.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Counters {
    /// Transactions committed.
    pub commits: u64,
    /// Transactions rolled back (some ERPs roll back every read-only one).
    pub rollbacks: u64,
    /// Deadlocks.
    pub deadlocks: u64,
    /// Queries cancelled by recovery conflicts (on a replica).
    pub conflicts: u64,
    /// Blocks found in the buffer cache.
    pub blocks_hit: u64,
    /// Blocks read.
    pub blocks_read: u64,
    /// Temporary files made.
    pub temp_files: u64,
    /// Bytes written to temporary files.
    pub temp_bytes: u64,
    /// Rows scanned.
    pub rows_returned: u64,
    /// Rows fetched by index scans.
    pub rows_fetched: u64,
    /// Rows inserted.
    pub rows_inserted: u64,
    /// Rows updated.
    pub rows_updated: u64,
    /// Rows deleted.
    pub rows_deleted: u64,
    /// Seconds spent reading blocks (0 unless track_io_timing).
    pub io_read_seconds: f64,
    /// Seconds spent writing blocks (0 unless track_io_timing).
    pub io_write_seconds: f64,
    /// Seconds of sessions (PostgreSQL 14 and later, else 0).
    pub session_seconds: f64,
    /// Seconds of sessions executing (PostgreSQL 14 and later, else 0).
    pub active_seconds: f64,
    /// Seconds of sessions idle in transaction (PostgreSQL 14 and later, else 0).
    pub idle_in_transaction_seconds: f64,
}

/// How many connections a database may have, and has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionLimit {
    /// `datconnlimit`.
    pub most: u32,
    /// Sessions now that count toward it: those of clients, without the workers that help them.
    pub used: u32,
}

/// One database.
#[derive(Clone, Debug, PartialEq)]
pub struct Database {
    /// `pg_database.oid`.
    pub dbid: u32,
    /// Its name.
    pub datname: String,
    /// When its statistics were last reset.
    pub stats_reset: Option<SystemTime>,
    /// Connections allowed; `None` when there is no limit of its own.
    pub connection_limit: Option<ConnectionLimit>,
    /// Sessions now, workers too (`numbackends`).
    pub connections: u32,
    /// Its counters.
    pub counters: Counters,
}

/// Facts about the server that rarely change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// `server_version`, such as `15.18`.
    pub version: String,
    /// `server_version_num`, such as 150018.
    pub version_num: i32,
    /// When the postmaster started.
    pub start_time: SystemTime,
    /// Whether it is a replica (or still recovering).
    pub in_recovery: bool,
    /// `max_connections`.
    pub max_connections: u32,
    /// `superuser_reserved_connections` and, from PostgreSQL 16 on, `reserved_connections`.
    pub reserved_connections: u32,
    /// `pg_stat_statements.max`; 0 when the extension is not loaded.
    pub statements_max: u32,
    /// Client sessions now, in all databases.
    pub connections: u32,
    /// The role that looks: the agent's own.
    pub role: String,
}

/// One sample.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// When it was read, by the server's clock.
    pub read_at: SystemTime,
    /// The server.
    pub server: Server,
    /// Its databases, in the order of their oids.
    pub databases: Vec<Database>,
    /// Role names by oid.
    pub roles: Vec<(u32, String)>,
    /// What keeps vacuum from removing dead rows: how many transactions ago that began.
    pub horizon: Vec<(String, u32)>,
}

/// The prepared queries of one session.
pub struct Reader {
    server: Prepared,
    databases: Prepared,
    roles: Prepared,
    horizon: Prepared,
}

impl Reader {
    /// Prepares the queries for this server's version.
    pub async fn prepare(client: &Client, version_num: i32) -> Result<Self, SampleError> {
        let time = |name: &str| {
            if version_num >= 140_000 { format!("s.{name}") } else { "0::float8".to_owned() }
        };
        let databases = include_str!("database.sql")
            .replace("{session_time}", &time("session_time"))
            .replace("{active_time}", &time("active_time"))
            .replace("{idle_in_transaction_time}", &time("idle_in_transaction_time"));
        let invalid = replication::invalid_here(client).await?;
        let horizon = include_str!("horizon.sql").replace("{invalid}", invalid);
        Ok(Self {
            server: client.prepare(include_str!("server.sql")).await?,
            databases: client.prepare(&databases).await?,
            roles: client.prepare(include_str!("roles.sql")).await?,
            horizon: client.prepare(&horizon).await?,
        })
    }

    /// Reads them.
    pub async fn read(&self, client: &Client) -> Result<Sample, SampleError> {
        let row = client.query_one(&self.server, &[]).await?;
        let (server, read_at) = (decode_server(&row)?, row.try_get(8)?);
        let rows = client.query(&self.databases, &[]).await?;
        let databases = rows.iter().map(decode_database).collect::<Result<_, _>>()?;
        let mut roles = Vec::new();
        for row in client.query(&self.roles, &[]).await? {
            roles.push((row.try_get(0)?, row.try_get::<_, Lossy>(1)?.0));
        }
        let mut horizon = Vec::new();
        for row in client.query(&self.horizon, &[]).await? {
            if let Some(age) = row.try_get::<_, Option<i32>>(1)? {
                horizon.push((row.try_get(0)?, unsigned(age)));
            }
        }
        Ok(Sample { read_at, server, databases, roles, horizon })
    }
}

fn decode_server(row: &Row) -> Result<Server, SampleError> {
    let count = |column| row.try_get::<_, i32>(column).map(unsigned);
    Ok(Server {
        version: row.try_get(0)?,
        version_num: row.try_get(1)?,
        start_time: row.try_get(2)?,
        in_recovery: row.try_get(3)?,
        max_connections: count(4)?,
        reserved_connections: count(5)?,
        statements_max: count(6)?,
        connections: u32::try_from(row.try_get::<_, i64>(7)?).unwrap_or(u32::MAX),
        role: row.try_get::<_, Lossy>(9)?.0,
    })
}

fn decode_database(row: &Row) -> Result<Database, SampleError> {
    let count =
        |column| row.try_get::<_, i64>(column).map(|value| u64::try_from(value).unwrap_or(0));
    let seconds = |column| row.try_get::<_, f64>(column).map(|ms| ms * 1e-3);
    let most = u32::try_from(row.try_get::<_, i32>(3)?).ok();
    let used = row.try_get::<_, Option<i64>>(23)?.map(|n| u32::try_from(n).unwrap_or(u32::MAX));
    Ok(Database {
        dbid: row.try_get(0)?,
        datname: row.try_get::<_, Lossy>(1)?.0,
        stats_reset: row.try_get(2)?,
        connection_limit: most.zip(used).map(|(most, used)| ConnectionLimit { most, used }),
        connections: unsigned(row.try_get(4)?),
        counters: Counters {
            commits: count(5)?,
            rollbacks: count(6)?,
            deadlocks: count(7)?,
            conflicts: count(8)?,
            blocks_hit: count(9)?,
            blocks_read: count(10)?,
            temp_files: count(11)?,
            temp_bytes: count(12)?,
            rows_returned: count(13)?,
            rows_fetched: count(14)?,
            rows_inserted: count(15)?,
            rows_updated: count(16)?,
            rows_deleted: count(17)?,
            io_read_seconds: seconds(18)?,
            io_write_seconds: seconds(19)?,
            session_seconds: seconds(20)?,
            active_seconds: seconds(21)?,
            idle_in_transaction_seconds: seconds(22)?,
        },
    })
}

fn unsigned(value: i32) -> u32 {
    u32::try_from(value).unwrap_or(0)
}
