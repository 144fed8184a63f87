-- every: upkeep.catalog_interval; scope: database; needs: nothing
-- cost: catalogs of constraints and indexes, 5 ms for 1,000 foreign keys; locks: access share on catalogs
-- Foreign keys whose own side no index serves: one that begins with their columns in any order, whole
-- or of the rows in which columns of the key are not null. Indexes that are partial otherwise do not count. The largest first.
select
  n.nspname, c.relname, k.conname, pn.nspname, p.relname,
  array(
    select a.attname::text from unnest(k.conkey) with ordinality u (attnum, at)
    join pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.attnum order by u.at),
  k.confdeltype::text, greatest(c.reltuples, 0)::bigint, greatest(p.reltuples, 0)::bigint,
  c.relpages::bigint * current_setting('block_size')::bigint,
  k.convalidated, count(*) over ()
from pg_constraint k
join pg_class c on c.oid = k.conrelid
join pg_namespace n on n.oid = c.relnamespace
join pg_class p on p.oid = k.confrelid
join pg_namespace pn on pn.oid = p.relnamespace
where k.contype = 'f' and k.conparentid = 0
  and not exists (
    select
    from pg_index i
    join pg_class ic on ic.oid = i.indexrelid
    join pg_am m on m.oid = ic.relam
    where i.indrelid = k.conrelid and i.indisvalid and m.amname in ('btree', 'hash')
      and i.indnkeyatts >= cardinality(k.conkey)
      and (i.indkey::int2[])[0:cardinality(k.conkey) - 1] @> k.conkey
      and (
        i.indpred is null
        or i.indpred::text ~ (
          '^([{]BOOLEXPR :boolop and :args [(])?([{]NULLTEST :arg [{]VAR :varno 1 :varattno ('
          || array_to_string(k.conkey, '|') || ') [^{}]*[}] :nulltesttype 1 [^{}]*[}] ?)+([)] [^(){}]*[}])?$')))
order by c.relpages desc, n.nspname, c.relname, k.conname
limit $1
