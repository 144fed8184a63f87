-- every: upkeep.interval; scope: server; needs: pg_monitor
-- cost: shared memory, and one row a database; locks: access share on pg_database
-- That there is a receiver everybody may see, what it does pg_monitor alone.
-- A standby that has replayed all that it received is not behind, however old its last transaction is.
select
  pg_is_in_recovery(),
  (select coalesce(r.status, 'hidden') from pg_stat_wal_receiver r),
  pg_wal_lsn_diff(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())::bigint,
  case
    when pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() then 0
    else extract(epoch from clock_timestamp() - pg_last_xact_replay_timestamp())::float8
  end,
  case when pg_is_in_recovery() then pg_is_wal_replay_paused() else false end,
  coalesce(sum(c.confl_tablespace), 0)::bigint, coalesce(sum(c.confl_lock), 0)::bigint,
  coalesce(sum(c.confl_snapshot), 0)::bigint, coalesce(sum(c.confl_bufferpin), 0)::bigint,
  coalesce(sum(c.confl_deadlock), 0)::bigint
from pg_stat_database_conflicts c
