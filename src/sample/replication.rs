//! Standbys, replication slots, and how far a standby is behind.

use std::collections::BTreeSet;

use tokio_postgres::{Client, Column, Row, Statement as Prepared};

use super::SampleError;
use super::activity::text;
use super::decode::unsigned;
use crate::pg::Lossy;

/// Who receives this server's WAL: a standby, a logical subscriber, or a backup that is being taken.
#[derive(Clone, Debug, PartialEq)]
pub struct Standby {
    /// Its application_name: the name in `synchronous_standby_names`, a subscription, ...
    pub name: String,
    /// Such as `streaming` or `catchup`; `hidden` where our role may not see it.
    pub state: String,
    /// Such as `async` or `sync`.
    pub sync_state: String,
    /// WAL that was not sent to it yet. This and the next are `None` where our role may not see
    /// them, and where there is none, as of a backup.
    pub unsent_bytes: Option<u64>,
    /// WAL that it has not written durably yet.
    pub unflushed_bytes: Option<u64>,
    /// WAL that it has not replayed yet.
    pub unreplayed_bytes: Option<u64>,
    /// How long commits wait for it, if it is synchronous; `None` while it is idle and up to date.
    pub flush_lag_seconds: Option<f64>,
    /// How old is what its readers see; `None` while it is idle and up to date.
    pub replay_lag_seconds: Option<f64>,
}

/// A replication slot, which keeps WAL and dead rows until its reader has come for them.
#[derive(Clone, Debug, PartialEq)]
pub struct Slot {
    /// Its name.
    pub name: String,
    /// Whether it is logical, of one database.
    pub is_logical: bool,
    /// Database of a logical one.
    pub datname: Option<String>,
    /// Whether somebody reads it now.
    pub is_active: bool,
    /// WAL that is kept for it; `None` if none is.
    pub retained_bytes: Option<u64>,
    /// `reserved`, `extended`, `unreserved` or `lost`.
    pub wal_status: Option<String>,
    /// WAL that can be written until it may be lost; `None` without a limit.
    pub safe_bytes: Option<u64>,
    /// Transactions ago that began for which it keeps dead rows; `None` if it keeps none, as an invalid one.
    pub xmin_age: Option<u32>,
    /// How long nobody has read it (PostgreSQL 17 and later).
    pub inactive_seconds: Option<f64>,
    /// Nobody can ever read it again (PostgreSQL 16 and later; before, see `wal_status`).
    pub is_invalid: bool,
}

/// Queries cancelled by recovery, by reason, of all databases; cumulative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Conflicts {
    /// A tablespace was dropped.
    pub tablespace: u64,
    /// A lock was in the way of replay for longer than max_standby_streaming_delay.
    pub lock: u64,
    /// Vacuum on the primary had removed rows that a query could still see.
    pub snapshot: u64,
    /// A buffer was pinned.
    pub bufferpin: u64,
    /// A deadlock with replay.
    pub deadlock: u64,
}

/// This server as a standby.
#[derive(Clone, Debug, PartialEq)]
pub struct Here {
    /// `streaming` and others; `hidden` where our role may not see it; `None` if nothing is received, as
    /// from an archive.
    pub receiver: Option<String>,
    /// WAL received and not replayed; `None` if none is received, as from an archive.
    pub unreplayed_bytes: Option<u64>,
    /// How old its data are; 0 if all that came is replayed, `None` before the first commit.
    pub lag_seconds: Option<f64>,
    /// Somebody has paused replay.
    pub is_paused: bool,
    /// What replay has cancelled.
    pub conflicts: Conflicts,
}

/// One sample.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sample {
    /// At most 200, by name.
    pub standbys: Vec<Standby>,
    /// At most 200, those that keep most first.
    pub slots: Vec<Slot>,
    /// Of a standby.
    pub here: Option<Here>,
}

/// Tells which columns there are.
const SLOTS: &str = "select * from pg_replication_slots";

/// The prepared queries of one session.
pub struct Reader {
    standbys: Prepared,
    slots: Prepared,
    here: Prepared,
}

impl Reader {
    /// Prepares them for the columns that this server has.
    ///
    /// # Errors
    /// When they cannot be prepared.
    pub async fn prepare(client: &Client) -> Result<Self, SampleError> {
        let all = client.prepare(SLOTS).await?;
        let columns: BTreeSet<&str> = all.columns().iter().map(Column::name).collect();
        let inactive = if columns.contains("inactive_since") {
            "extract(epoch from clock_timestamp() - s.inactive_since)::float8"
        } else {
            "null::float8"
        };
        let slots = include_str!("replication_slots.sql")
            .replace("{inactive_seconds}", inactive)
            .replace("{invalid}", invalid(&columns));
        Ok(Self {
            standbys: client.prepare(include_str!("replication_standbys.sql")).await?,
            slots: client.prepare(&slots).await?,
            here: client.prepare(include_str!("replication_here.sql")).await?,
        })
    }

    /// Reads them.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn read(&self, client: &Client) -> Result<Sample, SampleError> {
        let standbys = client.query(&self.standbys, &[]).await?;
        let slots = client.query(&self.slots, &[]).await?;
        let row = client.query_one(&self.here, &[]).await?;
        Ok(Sample {
            standbys: standbys.iter().map(standby).collect::<Result<_, _>>()?,
            slots: slots.iter().map(slot).collect::<Result<_, _>>()?,
            here: if row.try_get(0)? { Some(here(&row)?) } else { None },
        })
    }
}

/// What is true of slots that nobody can ever read again, for the columns that this server has.
pub(super) async fn invalid_here(client: &Client) -> Result<&'static str, SampleError> {
    let all = client.prepare(SLOTS).await?;
    Ok(invalid(&all.columns().iter().map(Column::name).collect()))
}

fn invalid(columns: &BTreeSet<&str>) -> &'static str {
    if columns.contains("invalidation_reason") {
        "s.invalidation_reason is not null"
    } else if columns.contains("conflicting") {
        "coalesce(s.conflicting, false) or s.wal_status is not distinct from 'lost'"
    } else {
        "s.wal_status is not distinct from 'lost'"
    }
}

fn standby(row: &Row) -> Result<Standby, SampleError> {
    let bytes = |column| row.try_get::<_, Option<i64>>(column).map(|n| n.map(unsigned));
    Ok(Standby {
        name: text(row, 0)?,
        state: text(row, 1)?,
        sync_state: text(row, 2)?,
        unsent_bytes: bytes(3)?,
        unflushed_bytes: bytes(4)?,
        unreplayed_bytes: bytes(5)?,
        flush_lag_seconds: row.try_get(6)?,
        replay_lag_seconds: row.try_get(7)?,
    })
}

fn slot(row: &Row) -> Result<Slot, SampleError> {
    let maybe = |column| {
        let text: Option<Lossy> = row.try_get(column)?;
        Ok::<_, SampleError>(text.map(|Lossy(text)| text))
    };
    let bytes = |column| row.try_get::<_, Option<i64>>(column).map(|n| n.map(unsigned));
    let age: Option<i32> = row.try_get(7)?;
    Ok(Slot {
        name: text(row, 0)?,
        is_logical: text(row, 1)? == "logical",
        datname: maybe(2)?,
        is_active: row.try_get(3)?,
        retained_bytes: bytes(4)?,
        wal_status: maybe(5)?,
        safe_bytes: bytes(6)?,
        xmin_age: age.map(|age| u32::try_from(age).unwrap_or(0)),
        inactive_seconds: row.try_get(8)?,
        is_invalid: row.try_get(9)?,
    })
}

fn here(row: &Row) -> Result<Here, SampleError> {
    let count = |column| row.try_get::<_, i64>(column).map(unsigned);
    Ok(Here {
        receiver: row.try_get::<_, Option<Lossy>>(1)?.map(|Lossy(text)| text),
        unreplayed_bytes: row.try_get::<_, Option<i64>>(2)?.map(unsigned),
        lag_seconds: row.try_get(3)?,
        is_paused: row.try_get(4)?,
        conflicts: Conflicts {
            tablespace: count(5)?,
            lock: count(6)?,
            snapshot: count(7)?,
            bufferpin: count(8)?,
            deadlock: count(9)?,
        },
    })
}
