-- every: usage.interval; scope: database; needs: nothing
-- cost: 64 ms for 15,000 indexes; by pg_stat_all_indexes, which looks all tables up once more, twice that
-- locks: access share on catalogs alone: sizes come from pg_class, as pg_relation_size waits behind DDL
select
  i.indexrelid, i.indrelid, c.relname,
  pg_stat_get_numscans(c.oid), pg_stat_get_tuples_returned(c.oid), pg_stat_get_tuples_fetched(c.oid),
  c.relpages::bigint * (select current_setting('block_size')::bigint),
  i.indisvalid and i.indisready and i.indislive, i.indisunique or i.indisexclusion,
  c.relkind = 'I', c.relispartition
from pg_index i
join pg_class c on c.oid = i.indexrelid
join pg_namespace n on n.oid = c.relnamespace
where n.nspname not in ('pg_catalog', 'information_schema')
  and n.nspname !~ '^pg_(toast|temp)'
limit $1
