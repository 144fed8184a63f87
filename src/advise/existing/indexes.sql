-- every: once an advice; scope: database; needs: nothing
-- cost: about 0.1 ms an index, most of it to print definitions
-- locks: access share on catalogs and, to print definitions, on the tables
-- $1: tables, $2: indexes that are locked to all others. Every index of the users' own; those of extensions and temporary tables are nobody's to judge.
select
  i.indexrelid, i.indrelid, n.nspname::text, c.relname::text, t.relname::text, m.amname::text,
  c.relkind = 'I', i.indisunique, i.indimmediate, i.indisprimary, i.indisexclusion,
  i.indisvalid and i.indisready and i.indislive, i.indisclustered, i.indisreplident,
  k.conname::text, k.contype::text,
  exists (select from pg_constraint f where f.conindid = i.indexrelid and f.contype = 'f'),
  h.inhparent,
  i.indnkeyatts::int4,
  array(
    select case when u.attnum = 0 then pg_get_indexdef(i.indexrelid, u.n::int4, false) else a.attname::text end
    from unnest(i.indkey::int2[]) with ordinality u (attnum, n)
    left join pg_attribute a on a.attrelid = i.indrelid and a.attnum = u.attnum order by u.n),
  i.indkey::int2[]::int4[], i.indclass::oid[],
  array(select case when not o.opcdefault then o.opcname::text end
    from unnest(i.indclass::oid[]) with ordinality u (opc, n) join pg_opclass o on o.oid = u.opc order by u.n),
  i.indcollation::oid[],
  array(select u.coll <> 0 and a.attcollation is distinct from u.coll
    from unnest(i.indcollation::oid[], i.indkey::int2[]) with ordinality u (coll, attnum, n)
    left join pg_attribute a on a.attrelid = i.indrelid and a.attnum = u.attnum where u.coll is not null order by u.n),
  i.indoption::int2[]::int4[],
  pg_get_expr(i.indpred, i.indrelid), coalesce((to_jsonb(i) ->> 'indnullsnotdistinct')::bool, false),
  pg_get_indexdef(i.indexrelid),
  c.relpages::float8 * current_setting('block_size')::float8,
  coalesce(pg_stat_get_numscans(i.indexrelid), 0)::float8,
  coalesce(pg_stat_get_tuples_returned(i.indexrelid), 0)::float8,
  extract(epoch from now() - (to_jsonb(s) ->> 'last_idx_scan')::timestamptz)::float8 / 86400,
  case when current_setting('track_commit_timestamp')::bool
    then extract(epoch from now() - pg_xact_commit_timestamp(i.xmin))::float8 / 86400 end,
  (select p.option_value::float8 from pg_options_to_table(c.reloptions) p where p.option_name = 'fillfactor'),
  (select p.spcname::text from pg_tablespace p where p.oid = c.reltablespace),
  array(select (select string_agg(p, ', ' order by p) from unnest(a.attoptions) p)
    from generate_series(1, i.indnkeyatts) n
    left join pg_attribute a on a.attrelid = i.indexrelid and a.attnum = n order by n),
  -- Those left out say how full, how soon or how compact it is written. What an extension's method has may mean anything.
  array(select p from unnest(c.reloptions) p
    where m.amname not in ('btree', 'hash') and split_part(p, '=', 1)
      not in ('fillfactor', 'fastupdate', 'gin_pending_list_limit', 'buffering', 'autosummarize') order by p)
from pg_index i
join pg_class c on c.oid = i.indexrelid
join pg_class t on t.oid = i.indrelid
join pg_namespace n on n.oid = c.relnamespace
join pg_am m on m.oid = c.relam
left join pg_stat_all_indexes s on s.indexrelid = i.indexrelid
left join pg_constraint k on k.conindid = i.indexrelid and k.conrelid = i.indrelid and k.contype in ('p', 'u', 'x')
left join pg_inherits h on h.inhrelid = i.indexrelid
where i.indrelid = any($1) and i.indexrelid <> all($2) and n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and t.relpersistence <> 't'
  and not exists (select from pg_depend d
    where d.classid = 'pg_class'::regclass and d.objid in (i.indexrelid, i.indrelid) and d.deptype = 'e')
order by i.indrelid, i.indexrelid
