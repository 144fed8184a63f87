//! Checkpoints, WAL, archiving, and I/O by who does it.

use std::sync::Arc;

use super::text::{Rows, Value};
use super::{Kind, Metric, Signal};
use crate::sample::io::Counters;
use crate::state::ServerSnapshot;

pub(super) const SIGNAL: Signal =
    Signal { metrics: METRICS, unchanged: |a, b| Arc::ptr_eq(&a.io, &b.io) };

const METRICS: &[Metric] = &[
    Metric {
        name: "erpscope_checkpoints_total",
        help: "Checkpoints that came by time, and those that were requested, mostly as max_wal_size was reached; on a standby restartpoints.",
        kind: Kind::Counter,
        labels: &["kind"],
        rows: |server, out| {
            if server.io.at.is_some() {
                let checkpoints = &server.io.checkpoints;
                for (kind, value) in
                    [("timed", checkpoints.timed), ("requested", checkpoints.requested)]
                {
                    out.row(&[kind], value);
                }
            }
        },
    },
    Metric {
        name: "erpscope_checkpoint_seconds_total",
        help: "Seconds that checkpoints spent writing, and making that durable.",
        kind: Kind::Counter,
        labels: &["phase"],
        rows: |server, out| {
            if server.io.at.is_some() {
                let checkpoints = &server.io.checkpoints;
                for (kind, value) in
                    [("write", checkpoints.write_seconds), ("sync", checkpoints.sync_seconds)]
                {
                    out.row(&[kind], value);
                }
            }
        },
    },
    Metric {
        name: "erpscope_buffers_written_total",
        help: "Buffers written by checkpoints, by the background writer and, before PostgreSQL 17, by other processes.",
        kind: Kind::Counter,
        labels: &["by"],
        rows: |server, out| {
            if server.io.at.is_some() {
                let bgwriter = &server.io.bgwriter;
                for (kind, value) in [
                    ("checkpoint", server.io.checkpoints.buffers_checkpoint),
                    ("bgwriter", bgwriter.buffers_clean),
                    ("backend", bgwriter.buffers_backend),
                ] {
                    out.row(&[kind], value);
                }
            }
        },
    },
    Metric {
        name: "erpscope_bgwriter_stopped_total",
        help: "Times that the background writer stopped as it had written bgwriter_lru_maxpages.",
        kind: Kind::Counter,
        labels: &[],
        rows: |server, out| {
            if server.io.at.is_some() {
                out.row(&[], server.io.bgwriter.maxwritten_clean);
            }
        },
    },
    Metric {
        name: "erpscope_backend_fsyncs_total",
        help: "Times that a backend had to make writes durable by itself; before PostgreSQL 17, later see erpscope_io_fsyncs_total.",
        kind: Kind::Counter,
        labels: &[],
        rows: |server, out| {
            if server.io.at.is_some() {
                out.row(&[], server.io.bgwriter.buffers_backend_fsync);
            }
        },
    },
    Metric {
        name: "erpscope_buffers_allocated_total",
        help: "Buffers allocated.",
        kind: Kind::Counter,
        labels: &[],
        rows: |server, out| {
            if server.io.at.is_some() {
                out.row(&[], server.io.bgwriter.buffers_alloc);
            }
        },
    },
    Metric {
        name: "erpscope_wal_bytes_total",
        help: "Bytes of WAL written.",
        kind: Kind::Counter,
        labels: &[],
        rows: |server, out| {
            if let Some(wal) = &server.io.wal {
                out.row(&[], wal.bytes);
            }
        },
    },
    Metric {
        name: "erpscope_wal_records_total",
        help: "Records of WAL; PostgreSQL 14 and later.",
        kind: Kind::Counter,
        labels: &[],
        rows: |server, out| {
            if let Some(wal) = &server.io.wal {
                out.row(&[], wal.records);
            }
        },
    },
    Metric {
        name: "erpscope_wal_full_page_images_total",
        help: "Full pages in WAL, mostly the first change of a page after a checkpoint; PostgreSQL 14 and later.",
        kind: Kind::Counter,
        labels: &[],
        rows: |server, out| {
            if let Some(wal) = &server.io.wal {
                out.row(&[], wal.full_page_images);
            }
        },
    },
    Metric {
        name: "erpscope_wal_buffers_full_total",
        help: "Times that WAL had to be written as its buffers were full; PostgreSQL 14 and later.",
        kind: Kind::Counter,
        labels: &[],
        rows: |server, out| {
            if let Some(wal) = &server.io.wal {
                out.row(&[], wal.buffers_full);
            }
        },
    },
    Metric {
        name: "erpscope_wal_archived_total",
        help: "WAL files archived, and attempts that failed.",
        kind: Kind::Counter,
        labels: &["outcome"],
        rows: |server, out| {
            if server.io.at.is_some() {
                out.row(&["archived"], server.io.archiver.archived);
                out.row(&["failed"], server.io.archiver.failed);
            }
        },
    },
    Metric {
        name: "erpscope_io_reads_total",
        help: "Reads, by kind of process, context and object; PostgreSQL 16 and later, as all of erpscope_io.",
        kind: Kind::Counter,
        labels: &["backend_type", "context", "object"],
        rows: |server, out| each(server, out, |io| io.reads),
    },
    Metric {
        name: "erpscope_io_read_bytes_total",
        help: "Bytes read.",
        kind: Kind::Counter,
        labels: &["backend_type", "context", "object"],
        rows: |server, out| each(server, out, |io| io.read_bytes),
    },
    Metric {
        name: "erpscope_io_read_seconds_total",
        help: "Seconds spent reading; 0 unless track_io_timing is on.",
        kind: Kind::Counter,
        labels: &["backend_type", "context", "object"],
        rows: |server, out| each(server, out, |io| io.read_seconds),
    },
    Metric {
        name: "erpscope_io_writes_total",
        help: "Writes.",
        kind: Kind::Counter,
        labels: &["backend_type", "context", "object"],
        rows: |server, out| each(server, out, |io| io.writes),
    },
    Metric {
        name: "erpscope_io_write_bytes_total",
        help: "Bytes written.",
        kind: Kind::Counter,
        labels: &["backend_type", "context", "object"],
        rows: |server, out| each(server, out, |io| io.write_bytes),
    },
    Metric {
        name: "erpscope_io_write_seconds_total",
        help: "Seconds spent writing; 0 unless track_io_timing is on.",
        kind: Kind::Counter,
        labels: &["backend_type", "context", "object"],
        rows: |server, out| each(server, out, |io| io.write_seconds),
    },
    Metric {
        name: "erpscope_io_extends_total",
        help: "Extensions of relations.",
        kind: Kind::Counter,
        labels: &["backend_type", "context", "object"],
        rows: |server, out| each(server, out, |io| io.extends),
    },
    Metric {
        name: "erpscope_io_evictions_total",
        help: "Blocks thrown out of the buffer cache to make room.",
        kind: Kind::Counter,
        labels: &["backend_type", "context", "object"],
        rows: |server, out| each(server, out, |io| io.evictions),
    },
    Metric {
        name: "erpscope_io_fsyncs_total",
        help: "Times that writes were made durable.",
        kind: Kind::Counter,
        labels: &["backend_type", "context", "object"],
        rows: |server, out| each(server, out, |io| io.fsyncs),
    },
    Metric {
        name: "erpscope_io_fsync_seconds_total",
        help: "Seconds spent making writes durable; 0 unless track_io_timing is on.",
        kind: Kind::Counter,
        labels: &["backend_type", "context", "object"],
        rows: |server, out| each(server, out, |io| io.fsync_seconds),
    },
    Metric {
        name: "erpscope_io_statistics_resets_total",
        help: "Resets of the statistics of checkpoints, WAL, I/O and archiving that were seen.",
        kind: Kind::Counter,
        labels: &[],
        rows: |server, out| {
            if server.io.at.is_some() {
                out.row(&[], server.io.resets);
            }
        },
    },
];

fn each<V: Value>(server: &ServerSnapshot, out: &mut Rows, value: fn(&Counters) -> V) {
    for ((backend_type, context, object), io) in &server.io.io {
        out.row(&[backend_type, context, object], value(io));
    }
}
