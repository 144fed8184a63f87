-- run by: erpscope check; needs: nothing; cost: one row a sequence, 5 ms for 1,000; locks: access share on catalogs
-- By schema, those with most that are hidden first: sequences, and those that our role may not read.
select
  n.nspname, count(*),
  count(*) filter (where not has_sequence_privilege(c.oid, 'select, usage')) as hidden
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'S' and c.relpersistence <> 't'
group by n.nspname
order by hidden desc, n.nspname
