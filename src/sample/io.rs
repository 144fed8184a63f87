//! Checkpoints, the background writer, WAL, and I/O by who does it: all cumulative.

use std::collections::BTreeSet;
use std::time::SystemTime;

use tokio_postgres::{Client, Row, Statement as Prepared};

use super::SampleError;
use super::activity::text;
use super::decode::unsigned;

/// pg_stat_checkpointer; before PostgreSQL 17 a part of pg_stat_bgwriter.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Checkpoints {
    /// Checkpoints that came by time.
    pub timed: u64,
    /// Checkpoints that were asked for, mostly since max_wal_size was reached.
    pub requested: u64,
    /// Seconds spent writing in them.
    pub write_seconds: f64,
    /// Seconds spent making that durable.
    pub sync_seconds: f64,
    /// Buffers written by checkpoints.
    pub buffers_checkpoint: u64,
}

/// The rest of pg_stat_bgwriter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bgwriter {
    /// Buffers written by the background writer.
    pub buffers_clean: u64,
    /// How often the background writer stopped as it had written too many.
    pub maxwritten_clean: u64,
    /// Buffers written by other backends (before PostgreSQL 17; later in [`Io`]).
    pub buffers_backend: u64,
    /// Times that a backend had to make them durable by itself (before PostgreSQL 17).
    pub buffers_backend_fsync: u64,
    /// Buffers allocated.
    pub buffers_alloc: u64,
}

/// What was written to WAL.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wal {
    /// Bytes: from pg_stat_wal (PostgreSQL 14), else from its position.
    pub bytes: u64,
    /// Records (PostgreSQL 14).
    pub records: u64,
    /// Full page images (PostgreSQL 14): many after each checkpoint.
    pub full_page_images: u64,
    /// Times that WAL was written as its buffers were full (PostgreSQL 14).
    pub buffers_full: u64,
}

/// pg_stat_io, summed over objects: what a kind of process did in a context.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Counters {
    /// Reads.
    pub reads: u64,
    /// Bytes read.
    pub read_bytes: u64,
    /// Seconds spent reading; 0 unless track_io_timing.
    pub read_seconds: f64,
    /// Writes.
    pub writes: u64,
    /// Bytes written.
    pub write_bytes: u64,
    /// Seconds spent writing; 0 unless track_io_timing.
    pub write_seconds: f64,
    /// Relations extended.
    pub extends: u64,
    /// Blocks thrown out to make room.
    pub evictions: u64,
    /// Times that something was made durable.
    pub fsyncs: u64,
    /// Seconds spent so; 0 unless track_io_timing.
    pub fsync_seconds: f64,
}

/// One row.
#[derive(Clone, Debug, PartialEq)]
pub struct Io {
    /// Such as `client backend` or `autovacuum worker`.
    pub backend_type: String,
    /// Such as `normal`, `bulkread` or `vacuum`.
    pub context: String,
    /// `relation`, `temp relation` or `wal`.
    pub object: String,
    /// What it did.
    pub counters: Counters,
}

/// pg_stat_archiver.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Archiver {
    /// WAL files archived.
    pub archived: u64,
    /// Failed attempts.
    pub failed: u64,
}

/// When what was last reset, by the server's clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resets {
    /// Of checkpoints.
    pub checkpoints: Option<SystemTime>,
    /// Of the background writer; before PostgreSQL 17 the same.
    pub bgwriter: Option<SystemTime>,
    /// Of WAL.
    pub wal: Option<SystemTime>,
    /// Of I/O.
    pub io: Option<SystemTime>,
    /// Of the archiver.
    pub archiver: Option<SystemTime>,
}

/// One sample.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sample {
    /// When what was last reset.
    pub resets: Resets,
    /// Checkpoints.
    pub checkpoints: Checkpoints,
    /// The background writer, and buffers.
    pub bgwriter: Bgwriter,
    /// WAL; `None` on a standby before PostgreSQL 14.
    pub wal: Option<Wal>,
    /// By who does it; empty before PostgreSQL 16.
    pub io: Vec<Io>,
    /// Archiving.
    pub archiver: Archiver,
}

/// The prepared queries of one session.
pub struct Reader {
    checkpoints: Prepared,
    wal: Prepared,
    io: Option<Prepared>,
    archiver: Prepared,
}

/// The columns of a view; none if there is no such view.
async fn columns(client: &Client, view: &str) -> Result<BTreeSet<String>, SampleError> {
    match client.prepare(&format!("select * from {view}")).await {
        Ok(prepared) => Ok(prepared.columns().iter().map(|c| c.name().to_owned()).collect()),
        Err(error) if error.code() == Some(&tokio_postgres::error::SqlState::UNDEFINED_TABLE) => {
            Ok(BTreeSet::new())
        }
        Err(error) => Err(error.into()),
    }
}

impl Reader {
    /// Prepares them for the views and columns that this server has.
    ///
    /// # Errors
    /// When they cannot be prepared.
    pub async fn prepare(client: &Client) -> Result<Self, SampleError> {
        let checkpointer = columns(client, "pg_stat_checkpointer").await?;
        let checkpoints = if checkpointer.is_empty() {
            include_str!("io_bgwriter.sql")
        } else {
            include_str!("io_checkpointer.sql")
        };
        let wal = if columns(client, "pg_stat_wal").await?.is_empty() {
            include_str!("io_wal_position.sql")
        } else {
            include_str!("io_wal.sql")
        };
        let of_io = columns(client, "pg_stat_io").await?;
        let io = if of_io.is_empty() {
            None
        } else {
            let bytes = |what: &str, single: &str| {
                if of_io.contains(what) {
                    format!("i.{what}")
                } else {
                    format!("i.{single} * i.op_bytes")
                }
            };
            let sql = include_str!("io.sql")
                .replace("{read_bytes}", &bytes("read_bytes", "reads"))
                .replace("{write_bytes}", &bytes("write_bytes", "writes"));
            Some(client.prepare(&sql).await?)
        };
        Ok(Self {
            checkpoints: client.prepare(checkpoints).await?,
            wal: client.prepare(wal).await?,
            io,
            archiver: client.prepare(include_str!("io_archiver.sql")).await?,
        })
    }

    /// Reads them.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn read(&self, client: &Client) -> Result<Sample, SampleError> {
        let checkpoints = client.query_one(&self.checkpoints, &[]).await?;
        let wal = client.query_one(&self.wal, &[]).await?;
        let archiver = client.query_one(&self.archiver, &[]).await?;
        let (mut io, mut io_reset) = (Vec::new(), None);
        if let Some(prepared) = &self.io {
            for row in client.query(prepared, &[]).await? {
                io_reset = row.try_get(13)?;
                io.push(decode_io(&row)?);
            }
        }
        Ok(Sample {
            resets: Resets {
                checkpoints: checkpoints.try_get(10)?,
                bgwriter: checkpoints.try_get(11)?,
                wal: wal.try_get(4)?,
                io: io_reset,
                archiver: archiver.try_get(2)?,
            },
            bgwriter: decode_bgwriter(&checkpoints)?,
            checkpoints: decode_checkpoints(&checkpoints)?,
            wal: decode_wal(&wal)?,
            io,
            archiver: Archiver {
                archived: unsigned(archiver.try_get(0)?),
                failed: unsigned(archiver.try_get(1)?),
            },
        })
    }
}

fn decode_checkpoints(row: &Row) -> Result<Checkpoints, SampleError> {
    let count = |column| row.try_get::<_, i64>(column).map(unsigned);
    let seconds = |column| row.try_get::<_, f64>(column).map(|ms| ms * 1e-3);
    Ok(Checkpoints {
        timed: count(0)?,
        requested: count(1)?,
        write_seconds: seconds(2)?,
        sync_seconds: seconds(3)?,
        buffers_checkpoint: count(4)?,
    })
}

fn decode_bgwriter(row: &Row) -> Result<Bgwriter, SampleError> {
    let count = |column| row.try_get::<_, i64>(column).map(unsigned);
    Ok(Bgwriter {
        buffers_clean: count(5)?,
        maxwritten_clean: count(6)?,
        buffers_backend: count(7)?,
        buffers_backend_fsync: count(8)?,
        buffers_alloc: count(9)?,
    })
}

fn decode_wal(row: &Row) -> Result<Option<Wal>, SampleError> {
    let count = |column| row.try_get::<_, i64>(column).map(unsigned);
    let Some(bytes) = row.try_get::<_, Option<i64>>(0)? else { return Ok(None) };
    Ok(Some(Wal {
        bytes: unsigned(bytes),
        records: count(1)?,
        full_page_images: count(2)?,
        buffers_full: count(3)?,
    }))
}

fn decode_io(row: &Row) -> Result<Io, SampleError> {
    let count = |column| row.try_get::<_, i64>(column).map(unsigned);
    let seconds = |column| row.try_get::<_, f64>(column).map(|ms| ms * 1e-3);
    Ok(Io {
        backend_type: text(row, 0)?,
        context: text(row, 1)?,
        object: text(row, 2)?,
        counters: Counters {
            reads: count(3)?,
            read_bytes: count(4)?,
            read_seconds: seconds(5)?,
            writes: count(6)?,
            write_bytes: count(7)?,
            write_seconds: seconds(8)?,
            extends: count(9)?,
            evictions: count(10)?,
            fsyncs: count(11)?,
            fsync_seconds: seconds(12)?,
        },
    })
}
