-- every: once an advice; scope: database; needs: select on the tables, to see their statistics
-- cost: about 0.1 ms a column with statistics
-- locks: access share on catalogs
select
  a.attrelid, a.attnum, a.attname, format_type(a.atttypid, a.atttypmod), t.typname, a.attnotnull,
  s.null_frac, s.avg_width, s.n_distinct, s.correlation,
  (s.most_common_vals::text::text[])[:40], s.most_common_freqs[:40],
  coalesce(l.collname in ('C', 'POSIX') or (l.collname = 'default' and d.datcollate in ('C', 'POSIX')), true),
  exists (
    select from pg_opclass o join pg_am m on m.oid = o.opcmethod
    where m.amname = 'btree' and o.opcdefault
      and (o.opcintype = coalesce(base.oid, t.oid) or coalesce(base.typtype, t.typtype) in ('e', 'r', 'm') or t.typcategory = 'A'
        or coalesce(base.typname, t.typname) = 'varchar')
  ),
  t.typlen, t.typalign::text, coalesce(base.typname, t.typname),
  case when coalesce(base.typname, t.typname) in ('varchar', 'bpchar') then greatest(a.atttypmod, t.typtypmod) - 4 end,
  case when t.typlen = -1 then (
    select max(octet_length(v)) from unnest(s.most_common_vals::text::text[] || s.histogram_bounds::text::text[]) v
  ) end
from pg_attribute a
join pg_class c on c.oid = a.attrelid
join pg_namespace n on n.oid = c.relnamespace
join pg_type t on t.oid = a.atttypid
left join lateral (
  -- A domain may be over another one.
  with recursive below as (
    select b.oid, b.typname, b.typtype, b.typbasetype from pg_type b where b.oid = t.typbasetype
    union all
    select b.oid, b.typname, b.typtype, b.typbasetype
    from below join pg_type b on below.typtype = 'd' and b.oid = below.typbasetype
  )
  select below.oid, below.typname, below.typtype from below where below.typtype <> 'd'
) base on true
join pg_database d on d.datname = current_database()
left join pg_collation l on l.oid = a.attcollation
left join pg_stats s on s.schemaname = n.nspname and s.tablename = c.relname and s.attname = a.attname
  and s.inherited = (c.relkind = 'p')
where a.attrelid = any($1) and a.attnum > 0 and not a.attisdropped
order by a.attrelid, a.attnum
