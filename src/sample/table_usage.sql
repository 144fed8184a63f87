-- every: usage.interval; scope: database; needs: nothing
-- cost: 10 ms for 1,200 tables, mostly their statistics, one after the other
-- locks: access share on catalogs alone: sizes come from pg_class, as pg_relation_size waits behind DDL
select
  s.relid, s.schemaname, s.relname,
  s.seq_scan, s.seq_tup_read, coalesce(s.idx_scan, 0), coalesce(s.idx_tup_fetch, 0),
  s.n_tup_ins, s.n_tup_upd, s.n_tup_del, s.n_tup_hot_upd,
  coalesce(nullif(s.n_live_tup, 0), greatest(c.reltuples, 0)::bigint),
  c.relpages::bigint * current_setting('block_size')::bigint
from pg_stat_all_tables s
join pg_class c on c.oid = s.relid
where s.schemaname not in ('pg_catalog', 'information_schema')
  and s.schemaname !~ '^pg_(toast|temp)'
limit $1
