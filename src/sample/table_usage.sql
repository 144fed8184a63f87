-- every: usage.interval; scope: database; needs: nothing
-- cost: 12 ms for 1,200 tables, mostly their statistics, one after the other
-- locks: access share on catalogs alone: sizes come from pg_class, as pg_relation_size waits behind DDL
-- Partitioned tables have no relfrozenxid of their own; a TOAST table can be older than its table.
select
  s.relid, s.schemaname, s.relname,
  s.seq_scan, s.seq_tup_read, coalesce(s.idx_scan, 0), coalesce(s.idx_tup_fetch, 0),
  s.n_tup_ins, s.n_tup_upd, s.n_tup_del, s.n_tup_hot_upd,
  -- After a reset of its statistics a table has as many rows as came since, by them.
  greatest(s.n_live_tup, case
    when s.n_live_tup = 0
      or coalesce(s.last_vacuum, s.last_autovacuum, s.last_analyze, s.last_autoanalyze) is null
    then c.reltuples::bigint end),
  c.relpages::bigint * b.size,
  s.n_dead_tup, s.n_mod_since_analyze, s.n_ins_since_vacuum,
  s.last_vacuum, s.last_autovacuum, s.last_analyze, s.last_autoanalyze,
  greatest(
    case when c.relfrozenxid <> '0'::xid then age(c.relfrozenxid) end,
    case when t.relfrozenxid <> '0'::xid then age(t.relfrozenxid) end),
  greatest(
    case when c.relminmxid <> '0'::xid then mxid_age(c.relminmxid) end,
    case when t.relminmxid <> '0'::xid then mxid_age(t.relminmxid) end),
  coalesce(t.relpages, 0)::bigint * b.size,
  c.reltuples, c.reloptions
from pg_stat_all_tables s
join pg_class c on c.oid = s.relid
left join pg_class t on t.oid = c.reltoastrelid
cross join (select current_setting('block_size')::bigint) b (size)
where s.schemaname not in ('pg_catalog', 'information_schema')
  and s.schemaname !~ '^pg_(toast|temp)'
limit $1
