-- every: once an advice; scope: server; needs: nothing; cost: 1 ms; locks: none
-- Days since the statistics began: a crash empties those of all databases and leaves a mark with the archiver's and
-- the background writer's, as does the first start; who empties one of these by hand leaves it there alone. Servers that follow: not those that take decoded changes or a copy.
select
  extract(epoch from now() - coalesce(
    greatest(d.stats_reset, least(
      (select a.stats_reset from pg_stat_archiver a), (select b.stats_reset from pg_stat_bgwriter b))), pg_postmaster_start_time()))::float8 / 86400,
  pg_is_in_recovery(),
  (select count(*) from pg_stat_replication r
    where coalesce(r.state, '') <> 'backup' and not exists (
      select from pg_replication_slots s where s.active_pid = r.pid and s.slot_type = 'logical'))
    + (select count(*) from pg_replication_slots s where s.slot_type = 'physical' and not s.active)
from pg_stat_database d
where d.datname = current_database()
