-- every: usage.interval; scope: database; needs: nothing
-- cost: 35 ms for 5,000 tables; by pg_stat_all_tables, which sums up all indexes, three times that
-- locks: access share on catalogs alone: sizes come from pg_class, as pg_relation_size waits behind DDL
-- As pg_stat_all_tables, without the scans of indexes: index_usage.sql has these.
-- Partitioned tables have no relfrozenxid of their own; a TOAST table can be older than its table.
select
  c.oid, n.nspname, c.relname,
  pg_stat_get_numscans(c.oid), pg_stat_get_tuples_returned(c.oid), pg_stat_get_tuples_fetched(c.oid),
  pg_stat_get_tuples_inserted(c.oid), pg_stat_get_tuples_updated(c.oid), pg_stat_get_tuples_deleted(c.oid),
  pg_stat_get_tuples_hot_updated(c.oid),
  pg_stat_get_live_tuples(c.oid),
  c.relpages::bigint * (select current_setting('block_size')::bigint),
  pg_stat_get_dead_tuples(c.oid), pg_stat_get_mod_since_analyze(c.oid), pg_stat_get_ins_since_vacuum(c.oid),
  pg_stat_get_last_vacuum_time(c.oid), pg_stat_get_last_autovacuum_time(c.oid),
  pg_stat_get_last_analyze_time(c.oid), pg_stat_get_last_autoanalyze_time(c.oid),
  greatest(
    case when c.relfrozenxid <> '0'::xid then age(c.relfrozenxid) end,
    case when t.relfrozenxid <> '0'::xid then age(t.relfrozenxid) end),
  greatest(
    case when c.relminmxid <> '0'::xid then mxid_age(c.relminmxid) end,
    case when t.relminmxid <> '0'::xid then mxid_age(t.relminmxid) end),
  coalesce(t.relpages, 0)::bigint * (select current_setting('block_size')::bigint),
  c.reltuples, c.reloptions
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
left join pg_class t on t.oid = c.reltoastrelid
where c.relkind in ('r', 'm', 'p')
  and n.nspname not in ('pg_catalog', 'information_schema')
  and n.nspname !~ '^pg_(toast|temp)'
limit $1
