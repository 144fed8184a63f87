-- every: once an advice; scope: database; needs: nothing
-- cost: about 0.05 ms an index
-- locks: access share on catalogs and, to print definitions, on the tables
select
  i.indexrelid, i.indrelid, c.relname, m.amname, i.indisunique, i.indisprimary, i.indisvalid and i.indisready,
  exists (select from pg_constraint k where k.conindid = i.indexrelid),
  i.indnkeyatts::int4,
  array(select pg_get_indexdef(i.indexrelid, k, false) from generate_series(1, i.indnatts) k order by k),
  i.indkey::int2[]::int4[],
  array(select o.opcname::text || case when o.opcdefault then '' else ' ' end
    from unnest(i.indclass::oid[]) with ordinality u (opc, n) join pg_opclass o on o.oid = u.opc order by u.n),
  i.indoption::int2[]::int4[],
  pg_get_expr(i.indpred, i.indrelid),
  c.relpages::float8, coalesce(s.idx_scan, 0)::float8, pg_get_indexdef(i.indexrelid),
  c.relfilenode, c.relispartition
from pg_index i
join pg_class c on c.oid = i.indexrelid
join pg_am m on m.oid = c.relam
left join pg_stat_all_indexes s on s.indexrelid = i.indexrelid
where i.indrelid = any($1)
order by i.indrelid, i.indexrelid
