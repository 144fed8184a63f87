-- every: upkeep.interval; scope: server; needs: nothing
-- cost: shared statistics, one row; locks: none
-- Before PostgreSQL 14: how far WAL has come since the cluster was made.
select
  case when not pg_is_in_recovery() then pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint end,
  0::bigint, 0::bigint, 0::bigint, null::timestamptz
