-- every: connection, in each database; scope: database; needs: nothing
-- cost: one look into an index of pg_class for each of some twenty names; locks: none to wait for
select distinct c.relname::text
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
where c.relname = any($1)
  and c.relkind in ('r', 'p')
  and n.nspname <> 'information_schema'
  and n.nspname !~ '^pg_'
