-- every: once an advice; scope: database; needs: select on the tables, to see their statistics
-- cost: about 0.1 ms a column that a parameter is compared with
-- locks: access share on catalogs
-- $1, $2, $3: schemas, relations, columns. A partition is known by its root, if that was analyzed.
select
  q.nspname, q.relname, q.attname, format_type(a.atttypid, a.atttypmod), t.typcategory::text,
  s.null_frac, case when s.n_distinct < 0 then -s.n_distinct * greatest(c.reltuples, 1) else s.n_distinct end::float8,
  coalesce(s.correlation, 0), s.most_common_vals::text::text[], s.most_common_freqs, s.histogram_bounds::text::text[]
from unnest($1::text[], $2::text[], $3::text[]) q (nspname, relname, attname)
join pg_namespace n on n.nspname = q.nspname
join pg_class c on c.relnamespace = n.oid and c.relname = q.relname
join pg_attribute a on a.attrelid = c.oid and a.attname = q.attname and not a.attisdropped
join pg_type t on t.oid = a.atttypid
join lateral (
  select s.* from pg_class r join pg_namespace m on m.oid = r.relnamespace
  join pg_stats s on s.schemaname = m.nspname and s.tablename = r.relname and s.attname = q.attname
    and s.inherited = (r.relkind = 'p')
  where r.oid in (c.oid, pg_partition_root(c.oid)) order by r.relkind = 'p' desc limit 1
) s on true
