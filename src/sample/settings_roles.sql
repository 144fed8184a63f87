-- every: upkeep.settings_interval; scope: server; needs: pg_monitor to count other roles' sessions
-- cost: one row a role, and shared memory; locks: access share on catalogs of roles
-- Roles with a limit of connections of their own. Workers do not count; walsenders did before PostgreSQL 18.
select r.rolname, r.rolconnlimit, count(a.pid)
from pg_roles r
left join pg_stat_get_activity(null) a on a.usesysid = r.oid and (
  coalesce(a.backend_type, 'client backend') = 'client backend'
  or a.backend_type = 'walsender' and current_setting('server_version_num')::int < 180000
)
where r.rolconnlimit >= 0 and r.rolcanlogin
group by r.oid, r.rolname, r.rolconnlimit
order by count(a.pid)::float8 / greatest(r.rolconnlimit, 1) desc, r.rolname
limit 100
