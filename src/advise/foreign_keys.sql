-- every: once an advice; scope: database; needs: nothing
-- cost: catalog look-ups; locks: access share on catalogs
-- $1: names of tables that rows are deleted from. Of each foreign key to one of them: the parent, the
-- table that points to it, and its columns.
select p.relname::text, n.nspname::text, c.relname::text, array(
  select a.attname::text from unnest(k.conkey) with ordinality u (attnum, at)
  join pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.attnum order by u.at)
from pg_constraint k
join pg_class p on p.oid = k.confrelid
join pg_class c on c.oid = k.conrelid
join pg_namespace n on n.oid = c.relnamespace
where k.contype = 'f' and p.relname = any($1::text[]) and k.conparentid = 0
order by k.oid
