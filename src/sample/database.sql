-- every: database.interval; scope: server; needs: nothing (pg_monitor to tell workers from clients)
-- cost: one row a database from shared statistics, about 0.3 ms for 10 databases; one look at the
--   sessions where a database has a limit of its own
-- locks: access share on pg_database
-- A limit is for clients: numbackends has workers, too. Before PostgreSQL 18 those count that take decoded changes.
select
  d.oid, d.datname, s.stats_reset, d.datconnlimit, coalesce(s.numbackends, 0),
  s.xact_commit, s.xact_rollback, s.deadlocks, s.conflicts,
  s.blks_hit, s.blks_read, s.temp_files, s.temp_bytes,
  s.tup_returned, s.tup_fetched, s.tup_inserted, s.tup_updated, s.tup_deleted,
  s.blk_read_time, s.blk_write_time,
  {session_time}, {active_time}, {idle_in_transaction_time},
  case when d.datconnlimit >= 0 then (
    select count(*)
    from pg_catalog.pg_stat_get_activity(null) a
    where a.datid = d.oid and (
      coalesce(a.backend_type, 'client backend') = 'client backend'
      or a.backend_type = 'walsender' and current_setting('server_version_num')::int < 180000
    )
  ) end
from pg_catalog.pg_database d
join pg_catalog.pg_stat_database s on s.datid = d.oid
-- Only so many are shown singly, those that come first: our own, and templates last.
order by d.datname <> current_database(), d.datistemplate, d.oid
