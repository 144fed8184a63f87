-- every: upkeep.catalog_interval; scope: database; needs: select on the tables
-- cost: one scan of pg_class, 2 ms for 5,000 tables, and statistics of the columns of at most $1 of them:
--   20 us a column on a busy machine
-- locks: access share on catalogs alone: sizes are those of the last vacuum, as pg_relation_size waits behind DDL
-- Large tables with what is known of the length of their rows. `unknown`: columns without statistics that we may
-- see. The largest first.
with large as materialized (
  select
    c.oid, n.nspname, c.relname, c.relpages::float8 as pages, c.reltuples::float8 as rows, c.relnatts,
    c.reloptions,
    c.reltuples > 0 and coalesce(pg_stat_get_mod_since_analyze(c.oid), 0) <= c.reltuples / 10
      and coalesce(pg_stat_get_last_analyze_time(c.oid), pg_stat_get_last_autoanalyze_time(c.oid)) is not null as is_fresh,
    count(*) over () as total
  from pg_class c
  join pg_namespace n on n.oid = c.relnamespace
  join pg_am m on m.oid = c.relam and m.amname = 'heap'
  where c.relkind = 'r' and c.relpersistence <> 't' and c.relpages >= $2
    and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname !~ '^pg_(toast|temp)'
  order by c.relpages desc, c.oid
  limit $1
)
select
  l.nspname, l.relname, l.pages * current_setting('block_size')::float8, l.rows, l.relnatts::int4,
  l.reloptions, l.is_fresh,
  a.unknown, a.lengths, a.aligns, a.widths, a.nulls, current_setting('block_size')::float8, l.total
from large l
cross join lateral (
  select
    count(*) filter (where s.avg_width is null) as unknown,
    array_agg(a.attlen::int4 order by a.attnum) as lengths,
    array_agg(a.attalign::text order by a.attnum) as aligns,
    array_agg(coalesce(s.avg_width, 0)::float4 order by a.attnum) as widths,
    array_agg(coalesce(s.null_frac, 0)::float4 order by a.attnum) as nulls
  from pg_attribute a
  left join pg_stats s on s.schemaname = l.nspname and s.tablename = l.relname and s.attname = a.attname
    and not s.inherited
  where l.is_fresh and a.attrelid = l.oid and a.attnum > 0 and not a.attisdropped
) a
order by l.pages desc, l.oid
