-- every: once an advice; scope: database; needs: nothing
-- cost: one scan of pg_type, 5 ms for 20,000 tables; locks: access share on catalogs
-- Types that are not PostgreSQL's own and can be those of a value in an index; names that it has, too, are its own.
select t.typname::text, n.nspname::text
from pg_type t
join pg_namespace n on n.oid = t.typnamespace
where t.typtype in ('b', 'd', 'e', 'r', 'm') and t.typcategory <> 'A'
  and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname !~ '^pg_(temp|toast)'
  and not exists (
    select from pg_type own where own.typname = t.typname and own.typnamespace = 'pg_catalog'::regnamespace
  )
