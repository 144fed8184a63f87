-- every: once an advice; scope: database; needs: nothing
-- cost: one scan of pg_proc, 4 ms for 3,000 functions; locks: access share on catalogs
-- Which schemas have functions of a name, and whether some of these always give the same for the same.
select p.proname::text, n.nspname::text, bool_or(p.provolatile = 'i')
from pg_proc p
join pg_namespace n on n.oid = p.pronamespace
where p.prokind = 'f' and n.nspname <> 'information_schema' and n.nspname !~ '^pg_(temp|toast)'
group by p.proname, n.nspname
