-- every: upkeep.catalog_interval; scope: database; needs: select on the tables
-- cost: statistics of at most 300 columns, 10 ms; locks: access share on catalogs
-- Unique columns of small integers that no sequence fills, of the largest tables: the highest value that
-- the last analyze saw, as a share of the type's range. The value itself does not leave.
with served as materialized (
  select d.refobjid as relid, d.refobjsubid::int2 as attnum
  from pg_depend d
  where d.classid = 'pg_class'::regclass and d.refclassid = 'pg_class'::regclass
    and d.deptype in ('a', 'i') and d.refobjsubid > 0
  union
  select f.adrelid, f.adnum
  from pg_depend d
  join pg_attrdef f on f.oid = d.objid
  join pg_class s on s.oid = d.refobjid and s.relkind = 'S'
  where d.classid = 'pg_attrdef'::regclass and d.refclassid = 'pg_class'::regclass and d.deptype = 'n'
), keys as materialized (
  select distinct n.nspname, c.relname, a.attname, a.atttypid, c.relpages
  from pg_index i
  join pg_class c on c.oid = i.indrelid
  join pg_namespace n on n.oid = c.relnamespace
  join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
  where i.indisunique and i.indnkeyatts = 1 and i.indpred is null
    and a.atttypid in ('int2'::regtype, 'int4'::regtype)
    and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname !~ '^pg_(toast|temp)'
    and not exists (select from served v where v.relid = i.indrelid and v.attnum = a.attnum)
  order by c.relpages desc
  limit 300
), highest as (
  select
    k.nspname, k.relname, k.attname, k.atttypid::regtype::text as type,
    case k.atttypid when 'int2'::regtype then 32767 else 2147483647 end as type_end,
    (s.histogram_bounds::text::text[])[array_upper(s.histogram_bounds, 1)]::bigint as highest
  from keys k
  join pg_stats s on s.schemaname = k.nspname and s.tablename = k.relname and s.attname = k.attname
    and not s.inherited
)
select h.nspname, h.relname, h.attname, h.type, greatest(h.highest, 0)::float8 / h.type_end, count(*) over ()
from highest h
where h.highest is not null
order by 5 desc, 1, 2, 3
limit $1
