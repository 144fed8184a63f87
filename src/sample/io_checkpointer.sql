-- every: upkeep.interval; scope: server; needs: nothing
-- cost: shared statistics, one row; locks: none
-- PostgreSQL 17 and later: two views, which are reset apart. On a standby restartpoints take the place of checkpoints.
select
  c.num_timed + c.restartpoints_timed, c.num_requested + c.restartpoints_req,
  c.write_time, c.sync_time, c.buffers_written,
  b.buffers_clean, b.maxwritten_clean, 0::bigint, 0::bigint, b.buffers_alloc,
  c.stats_reset, b.stats_reset
from pg_stat_checkpointer c, pg_stat_bgwriter b
