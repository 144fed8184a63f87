-- every: once an advice; scope: database; needs: nothing
-- cost: a few rows of shared catalogs for each role; locks: access share on catalogs
-- $1: roles. Of several settings a session takes that of the role in the database, else that of the role, else that of
-- the database, else that of all (PostgreSQL's process_settings).
select r.oid, r.rolname::text, x.search_path
from pg_roles r
join pg_database d on d.datname = current_database()
left join lateral (
  select substr(c.setting, length('search_path=') + 1) as search_path
  from pg_db_role_setting s
  cross join unnest(s.setconfig) c (setting)
  where s.setrole in (r.oid, 0) and s.setdatabase in (d.oid, 0) and c.setting like 'search\_path=%'
  order by s.setrole <> 0 desc, s.setdatabase <> 0 desc
  limit 1
) x on true
where r.oid = any($1)
order by r.oid
