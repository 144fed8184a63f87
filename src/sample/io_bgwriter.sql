-- every: upkeep.interval; scope: server; needs: nothing
-- cost: shared statistics, one row; locks: none
-- Before PostgreSQL 17: one view, with one reset.
select
  b.checkpoints_timed, b.checkpoints_req, b.checkpoint_write_time, b.checkpoint_sync_time,
  b.buffers_checkpoint, b.buffers_clean, b.maxwritten_clean, b.buffers_backend,
  b.buffers_backend_fsync, b.buffers_alloc, b.stats_reset, b.stats_reset
from pg_stat_bgwriter b
