-- every: upkeep.interval; scope: server; needs: pg_monitor to see other roles' sessions
-- cost: shared memory only, 0.3 ms at 100 connections; locks: none, but pg_blocking_pids for those
-- that wait for a lock takes all partitions of the lock manager for an instant
-- An autovacuum worker names its table in its query, which is ours to read: it holds no literal.
select
  coalesce(p.datid, a.datid), p.relid,
  case when a.backend_type = 'autovacuum worker' then substring(
    a.query from '^autovacuum: (?:VACUUM ANALYZE|VACUUM|ANALYZE) (.*?)(?: \(to prevent wraparound\))?$'
  ) end,
  a.backend_type is not distinct from 'autovacuum worker',
  coalesce(a.query like 'autovacuum: ANALYZE %', false),
  coalesce(a.query like '%(to prevent wraparound)', false),
  coalesce(p.phase, 'starting'), coalesce(p.heap_blks_total, 0), coalesce(p.heap_blks_scanned, 0),
  coalesce(p.index_vacuum_count, 0),
  coalesce(extract(epoch from clock_timestamp() - a.xact_start)::float8, 0),
  a.wait_event_type is not distinct from 'Lock',
  case when a.wait_event_type = 'Lock' then cardinality(pg_blocking_pids(a.pid)) else 0 end
from pg_stat_get_activity(null) a
left join pg_stat_progress_vacuum p on p.pid = a.pid
where (a.backend_type = 'autovacuum worker' and a.xact_start is not null) or p.pid is not null
order by a.xact_start
limit 100
