-- every: duplicates.interval, if a key has several columns; scope: database; needs: select on those columns, and of
-- servers that were made since May 2024 (15.7, 16.3, 17) to be in the role that owns the table: else there are none
-- cost: 0.5 ms; all extended statistics are gone through, 3 to 25 ms where there are 1,000; locks: none beyond catalogs
-- $1: tables. Their extended statistics of kind ndistinct: how many values columns have together.
select c.oid, e.n_distinct::text
from pg_stats_ext e
join pg_namespace n on n.nspname = e.schemaname
join pg_class c on c.relnamespace = n.oid and c.relname = e.tablename
where c.oid = any($1) and e.n_distinct is not null
