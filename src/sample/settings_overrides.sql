-- every: upkeep.settings_interval; scope: server; needs: nothing
-- cost: one row for each `alter role ... set` and `alter database ... set`; locks: access share on catalogs
select d.datname, r.rolname, c.name, c.value
from pg_db_role_setting s
left join pg_database d on d.oid = s.setdatabase
left join pg_roles r on r.oid = s.setrole
cross join lateral (
  select split_part(u.entry, '=', 1), substr(u.entry, strpos(u.entry, '=') + 1) from unnest(s.setconfig) u (entry)
) c (name, value)
where c.name = any($1)
order by 1 nulls first, 2 nulls first, 3
limit 500
