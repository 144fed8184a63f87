-- every: usage.interval; scope: database; needs: track_functions on, for the server, a database or a role
-- cost: 0.1 ms while it is off everywhere, else about 1 ms; locks: access share on catalogs
-- The heaviest by their own time.
select
  p.oid, n.nspname, p.proname,
  pg_stat_get_function_calls(p.oid),
  pg_stat_get_function_total_time(p.oid),
  pg_stat_get_function_self_time(p.oid)
from pg_proc p
join pg_namespace n on n.oid = p.pronamespace
where n.nspname not in ('pg_catalog', 'information_schema')
  and (
    current_setting('track_functions') <> 'none'
    or exists (
      select from pg_db_role_setting s where array_to_string(s.setconfig, ' ') like '%track_functions=%'
    )
  )
  and pg_stat_get_function_calls(p.oid) > 0
order by 6 desc nulls last
limit $1
