-- every: upkeep.interval; scope: server; needs: pg_monitor
-- cost: shared memory only; locks: none
select
  s.application_name, s.state, s.sync_state,
  greatest(pg_wal_lsn_diff(w.lsn, s.sent_lsn), 0)::bigint,
  greatest(pg_wal_lsn_diff(w.lsn, s.flush_lsn), 0)::bigint,
  greatest(pg_wal_lsn_diff(w.lsn, s.replay_lsn), 0)::bigint,
  extract(epoch from s.flush_lag)::float8,
  extract(epoch from s.replay_lag)::float8
from pg_stat_replication s
cross join (
  select case when pg_is_in_recovery() then pg_last_wal_receive_lsn() else pg_current_wal_lsn() end
) w (lsn)
order by s.application_name, s.pid
limit 200
