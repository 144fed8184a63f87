-- every: upkeep.interval; scope: server; needs: pg_monitor
-- cost: shared memory only; locks: none
-- What a role may not see, and what a backup has not (it replays nothing), is null; greatest() would make it 0.
select
  coalesce(s.application_name, ''), coalesce(s.state, 'hidden'), coalesce(s.sync_state, 'hidden'),
  pg_wal_lsn_diff(w.lsn, s.sent_lsn)::bigint,
  pg_wal_lsn_diff(w.lsn, s.flush_lsn)::bigint,
  pg_wal_lsn_diff(w.lsn, s.replay_lsn)::bigint,
  extract(epoch from s.flush_lag)::float8,
  extract(epoch from s.replay_lag)::float8
from pg_stat_replication s
cross join (
  select case when pg_is_in_recovery() then pg_last_wal_receive_lsn() else pg_current_wal_lsn() end
) w (lsn)
order by s.application_name, s.pid
limit 200
