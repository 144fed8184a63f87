-- every: once an advice; scope: database; needs: nothing
-- cost: about 5 us a table; locks: access share on catalogs
-- The tables that have indexes, and how they are read and written since the statistics began.
select
  c.oid, coalesce(pg_partition_root(c.oid)::oid, c.oid), n.nspname::text, c.relname::text, c.relkind = 'p',
  c.reltuples::float8, pg_stat_get_live_tuples(c.oid)::float8, pg_stat_get_dead_tuples(c.oid)::float8,
  pg_stat_get_mod_since_analyze(c.oid)::float8,
  pg_stat_get_numscans(c.oid)::float8
    + coalesce((select sum(pg_stat_get_numscans(i.indexrelid)) from pg_index i where i.indrelid = c.oid), 0)::float8,
  pg_stat_get_tuples_inserted(c.oid)::float8, pg_stat_get_tuples_updated(c.oid)::float8,
  pg_stat_get_tuples_deleted(c.oid)::float8, pg_stat_get_tuples_hot_updated(c.oid)::float8
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'm') and c.relhasindex and c.relpersistence <> 't'
  and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
order by c.oid
