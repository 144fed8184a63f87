-- every: once an advice; scope: database; needs: nothing
-- cost: about 20 us a foreign key; locks: access share on catalogs
select
  k.conname::text, k.conrelid,
  array(select a.attname::text from unnest(k.conkey) with ordinality u (attnum, n)
    join pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.attnum order by u.n),
  k.confrelid, p.relname::text,
  array(select a.attname::text from unnest(k.confkey) with ordinality u (attnum, n)
    join pg_attribute a on a.attrelid = k.confrelid and a.attnum = u.attnum order by u.n),
  coalesce(pg_stat_get_tuples_deleted(k.confrelid), 0)::float8
    + coalesce((select sum(pg_stat_get_tuples_deleted(t.relid)) from pg_partition_tree(k.confrelid) t where t.isleaf and t.relid <> k.confrelid), 0)::float8
from pg_constraint k
join pg_class p on p.oid = k.confrelid
where k.contype = 'f'
order by k.oid
