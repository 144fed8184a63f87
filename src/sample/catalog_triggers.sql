-- every: upkeep.catalog_interval; scope: database; needs: nothing
-- cost: one scan of pg_trigger, 3 ms for 6,000; locks: access share on catalogs
-- Triggers that people made, of partitioned tables once; the largest tables first.
-- Bits of tgtype: src/include/catalog/pg_trigger.h.
select
  n.nspname, c.relname, t.tgname, fn.nspname, p.proname, l.lanname,
  t.tgenabled <> 'D', t.tgtype & 1 <> 0, t.tgtype & 2 <> 0,
  array_remove(array[
    case when t.tgtype & 4 <> 0 then 'insert' end, case when t.tgtype & 8 <> 0 then 'delete' end,
    case when t.tgtype & 16 <> 0 then 'update' end, case when t.tgtype & 32 <> 0 then 'truncate' end], null),
  count(*) over ()
from pg_trigger t
join pg_class c on c.oid = t.tgrelid
join pg_namespace n on n.oid = c.relnamespace
join pg_proc p on p.oid = t.tgfoid
join pg_namespace fn on fn.oid = p.pronamespace
join pg_language l on l.oid = p.prolang
where not t.tgisinternal and t.tgparentid = 0
order by c.relpages desc, n.nspname, c.relname, t.tgname
limit $1
