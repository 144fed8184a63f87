-- every: usage.interval; scope: database; needs: nothing
-- cost: 14 ms for 3,600 indexes, mostly their statistics, one after the other
-- locks: access share on catalogs alone: sizes come from pg_class, as pg_relation_size waits behind DDL
select
  s.indexrelid, s.schemaname, s.relname, s.indexrelname,
  s.idx_scan, s.idx_tup_read,
  c.relpages::bigint * current_setting('block_size')::bigint,
  i.indisvalid and i.indisready and i.indislive, i.indisunique or i.indisexclusion
from pg_stat_all_indexes s
join pg_class c on c.oid = s.indexrelid
join pg_index i on i.indexrelid = s.indexrelid
where s.schemaname not in ('pg_catalog', 'information_schema')
  and s.schemaname !~ '^pg_(toast|temp)'
limit $1
