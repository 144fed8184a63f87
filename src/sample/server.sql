-- every: database.interval; scope: server; needs: nothing (pg_monitor to count other roles' sessions)
-- cost: settings and shared memory only; pg_roles is read once for names; locks: none to wait for
select
  current_setting('server_version'),
  current_setting('server_version_num')::int,
  pg_catalog.pg_postmaster_start_time(),
  pg_catalog.pg_is_in_recovery(),
  current_setting('max_connections')::int,
  current_setting('superuser_reserved_connections')::int
    + coalesce(current_setting('reserved_connections', true)::int, 0),
  coalesce(current_setting('pg_stat_statements.max', true)::int, 0),
  (
    select count(*)
    from pg_catalog.pg_stat_get_activity(null) a
    where a.datid is not null and coalesce(a.backend_type, 'client backend') = 'client backend'
  ),
  clock_timestamp(),
  current_user::text
