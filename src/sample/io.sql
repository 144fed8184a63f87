-- every: upkeep.interval; scope: server; needs: nothing; PostgreSQL 16 and later
-- cost: shared statistics, about 70 rows, 0.2 ms; locks: none
select
  i.backend_type, i.context, i.object,
  coalesce(i.reads, 0), coalesce({read_bytes}, 0)::bigint, coalesce(i.read_time, 0),
  coalesce(i.writes, 0), coalesce({write_bytes}, 0)::bigint, coalesce(i.write_time, 0),
  coalesce(i.extends, 0), coalesce(i.evictions, 0), coalesce(i.fsyncs, 0), coalesce(i.fsync_time, 0),
  i.stats_reset
from pg_stat_io i
where i.reads > 0 or i.writes > 0 or i.extends > 0 or i.fsyncs > 0 or i.evictions > 0
