-- every: upkeep.catalog_interval; scope: database; needs: nothing
-- cost: catalogs of constraints and indexes, 5 ms for 1,000 foreign keys; locks: access share on catalogs
-- Foreign keys whose own side no index serves: one that begins with their columns in any order, whole
-- or of the rows in which columns of the key are not null. Indexes that are partial otherwise do not count. The largest first.
-- What a partitioned table holds, and what happens to it, is its leaves'.
with recursive part (root, oid) as (
  select oid, oid from pg_class where relkind = 'p'
  union all
  select p.root, i.inhrelid from part p join pg_inherits i on i.inhparent = p.oid
), leaves as (
  select
    p.root, sum(greatest(c.reltuples, 0)::float8)::bigint as rows, sum(greatest(c.relpages, 0)::bigint)::bigint as pages,
    array_agg(n.nspname::text order by c.oid) as schemas, array_agg(c.relname::text order by c.oid) as names
  from part p
  join pg_class c on c.oid = p.oid and c.relkind <> 'p'
  join pg_namespace n on n.oid = c.relnamespace
  group by p.root
)
select
  n.nspname, c.relname, k.conname, pn.nspname, p.relname,
  array(
    select a.attname::text from unnest(k.conkey) with ordinality u (attnum, at)
    join pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.attnum order by u.at),
  k.confdeltype::text, coalesce(cl.rows, greatest(c.reltuples, 0)::bigint),
  coalesce(pl.rows, greatest(p.reltuples, 0)::bigint),
  coalesce(cl.pages, greatest(c.relpages, 0)::bigint) * current_setting('block_size')::bigint,
  k.convalidated, count(*) over (), c.relkind = 'p',
  coalesce(pl.schemas, '{}'), coalesce(pl.names, '{}')
from pg_constraint k
join pg_class c on c.oid = k.conrelid
join pg_namespace n on n.oid = c.relnamespace
join pg_class p on p.oid = k.confrelid
join pg_namespace pn on pn.oid = p.relnamespace
left join leaves cl on cl.root = c.oid
left join leaves pl on pl.root = p.oid
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
order by coalesce(cl.pages, greatest(c.relpages, 0)::bigint) desc, n.nspname, c.relname, k.conname
limit $1
