//! Arithmetic on sets of cumulative counters.

use crate::sample::{
    database, function_usage, index_usage, io, replication, statements, table_usage,
};

/// A set of counters which the server only lets grow, unless they are reset.
pub trait Cumulative: Copy + Default {
    /// Whether no counter is above its value in `later`. If one is, there was a reset between.
    /// Sums over what may be dropped tell nothing of that.
    fn at_most(&self, later: &Self) -> bool;

    /// The growth since `earlier`. A sum that fell has lost a part: it has not grown.
    #[must_use]
    fn since(&self, earlier: &Self) -> Self;

    /// The growth since `earlier`, with a reset between: all there is. Sums were reset, too, if all
    /// of them fell.
    #[must_use]
    fn since_reset(&self, _earlier: &Self) -> Self {
        *self
    }

    /// Adds a growth.
    fn add(&mut self, growth: &Self);
}

macro_rules! cumulative {
    ($counters:ty {
        counts: $($count:ident)*; $(sums: $($sum:ident)+;)? seconds: $($seconds:ident)*
    }) => {
        impl Cumulative for $counters {
            fn at_most(&self, later: &Self) -> bool {
                true $(&& self.$count <= later.$count)* $(&& self.$seconds <= later.$seconds)*
            }

            fn since(&self, earlier: &Self) -> Self {
                Self {
                    $($count: self.$count.saturating_sub(earlier.$count),)*
                    $($($sum: self.$sum.saturating_sub(earlier.$sum),)+)?
                    $($seconds: (self.$seconds - earlier.$seconds).max(0.0),)*
                }
            }

            $(
                fn since_reset(&self, earlier: &Self) -> Self {
                    let all_fell = true $(&& self.$sum < earlier.$sum)+;
                    if all_fell {
                        return *self;
                    }
                    Self { $($sum: self.$sum.saturating_sub(earlier.$sum),)+ ..*self }
                }
            )?

            fn add(&mut self, growth: &Self) {
                $(self.$count = self.$count.saturating_add(growth.$count);)*
                $($(self.$sum = self.$sum.saturating_add(growth.$sum);)+)?
                $(self.$seconds += growth.$seconds;)*
            }
        }
    };
}

cumulative!(statements::Counters {
    counts: calls rows blocks_hit blocks_read blocks_dirtied blocks_written
        temp_read temp_written wal_bytes;
    seconds: exec_seconds plan_seconds io_read_seconds io_write_seconds
});

cumulative!(database::Counters {
    counts: commits rollbacks deadlocks conflicts blocks_hit blocks_read temp_files temp_bytes
        rows_returned rows_fetched rows_inserted rows_updated rows_deleted;
    seconds: io_read_seconds io_write_seconds session_seconds active_seconds
        idle_in_transaction_seconds
});

cumulative!(table_usage::Counters {
    counts: seq_scan seq_tup_read n_tup_ins n_tup_upd n_tup_del n_tup_hot_upd;
    sums: idx_scan idx_tup_fetch;
    seconds:
});

cumulative!(index_usage::Counters {
    counts: idx_scan idx_tup_read;
    seconds:
});

cumulative!(function_usage::Counters {
    counts: calls;
    seconds: total_seconds self_seconds
});

cumulative!(io::Checkpoints {
    counts: timed requested buffers_checkpoint;
    seconds: write_seconds sync_seconds
});

cumulative!(io::Bgwriter {
    counts: buffers_clean maxwritten_clean buffers_backend buffers_backend_fsync buffers_alloc;
    seconds:
});

cumulative!(io::Wal {
    counts: bytes records full_page_images buffers_full;
    seconds:
});

cumulative!(io::Counters {
    counts: reads read_bytes writes write_bytes extends evictions fsyncs;
    seconds: read_seconds write_seconds fsync_seconds
});

cumulative!(io::Archiver {
    counts: archived failed;
    seconds:
});

cumulative!(replication::Conflicts {
    counts: tablespace lock snapshot bufferpin deadlock;
    seconds:
});
