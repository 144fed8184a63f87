-- every: connection; scope: database; needs: nothing
-- cost: two catalog rows; locks: none to wait for
select n.nspname, e.extversion
from pg_extension e
join pg_namespace n on n.oid = e.extnamespace
where e.extname = 'pg_stat_statements'
