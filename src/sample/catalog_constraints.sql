-- every: upkeep.catalog_interval; scope: database; needs: nothing
-- cost: one scan of pg_constraint, 1 ms for 3,000; locks: access share on catalogs
-- Constraints that nobody has checked for the rows that were there before them.
select n.nspname, c.relname, k.conname, k.contype::text, count(*) over ()
from pg_constraint k
join pg_class c on c.oid = k.conrelid
join pg_namespace n on n.oid = c.relnamespace
where not k.convalidated and k.contype in ('f', 'c', 'n') and k.conparentid = 0
  and coalesce((to_jsonb(k) ->> 'conenforced')::boolean, true)
order by c.relpages desc, n.nspname, c.relname, k.conname
limit $1
