-- every: upkeep.interval; scope: server; needs: pg_monitor
-- cost: shared memory only; locks: none
select
  s.slot_name, s.slot_type, s.database, s.active,
  pg_wal_lsn_diff(w.lsn, s.restart_lsn)::bigint,
  s.wal_status, s.safe_wal_size,
  case when not ({invalid}) then greatest(age(s.xmin), age(s.catalog_xmin)) end, {inactive_seconds}, {invalid}
from pg_replication_slots s
cross join (
  select case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_lsn() end
) w (lsn)
where not s.temporary
order by 5 desc nulls last
limit 200
