-- every: once an advice; scope: database; needs: nothing
-- cost: catalog look-ups; locks: access share on catalogs
-- $1: names of tables that rows are deleted from. Of each foreign key to one of them: the parent, its share of the rows that
-- were deleted from all tables of this name, the table that points to it, and its columns.
with parents as (
  select p.oid, n.nspname, p.relname,
    coalesce(pg_stat_get_tuples_deleted(p.oid), 0)::float8
      + coalesce((select sum(pg_stat_get_tuples_deleted(t.relid)) from pg_partition_tree(p.oid) t where t.isleaf and t.relid <> p.oid), 0)::float8
      as deleted
  from pg_class p join pg_namespace n on n.oid = p.relnamespace
  where p.relname = any($1::text[]) and p.relkind in ('r', 'p') and n.nspname !~ '^pg_'
), shares as (
  select p.*, case
    when sum(deleted) over same_name > 0 then deleted / sum(deleted) over same_name
    else 1.0::float8 / count(*) over same_name
  end as share
  from parents p
  window same_name as (partition by relname)
)
select p.nspname::text, p.relname::text, p.share::float8, n.nspname::text, c.relname::text, array(
  select a.attname::text from unnest(k.conkey) with ordinality u (attnum, at)
  join pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.attnum order by u.at)
from pg_constraint k
join shares p on p.oid = k.confrelid
join pg_class c on c.oid = k.conrelid
join pg_namespace n on n.oid = c.relnamespace
where k.contype = 'f' and k.conparentid = 0
order by k.oid
