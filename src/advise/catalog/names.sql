-- every: once an advice; scope: database; needs: nothing
-- cost: one scan of pg_class, 5 ms for 20,000 relations; locks: access share on catalogs
-- Names of relations that an index cannot have any more.
select n.nspname::text, c.relname::text
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
where c.relname ~ '_(idx|gin|brin)$' and n.nspname !~ '^pg_'
