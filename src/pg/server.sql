-- every: connection; scope: server; needs: nothing
-- cost: settings and catalogs of roles; locks: none to wait for
select
  current_setting('server_version'),
  current_setting('server_version_num')::int,
  pg_is_in_recovery(),
  r.rolsuper,
  r.rolsuper or pg_has_role('pg_read_all_stats', 'usage'),
  r.rolconnlimit,
  coalesce((select s.ssl from pg_stat_ssl s where s.pid = pg_backend_pid()), false),
  exists (select from pg_available_extensions e where e.name = 'pg_stat_statements'),
  exists (select from pg_available_extensions e where e.name = 'hypopg'),
  r.rolsuper or coalesce(
    (select pg_has_role(a.oid, 'usage') from pg_roles a where a.rolname = 'pg_read_all_data'), false)
from pg_roles r
where r.rolname = current_user
