-- every: connection, and once an advice; scope: database; needs: nothing
-- cost: a few catalog rows; locks: access share on catalogs
select n.nspname::text, e.extversion, array(
  select p.proname::text from pg_proc p where p.pronamespace = n.oid and p.proname like 'hypopg%' order by 1
)
from pg_extension e
join pg_namespace n on n.oid = e.extnamespace
where e.extname = 'hypopg'
