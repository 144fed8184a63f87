-- run by: erpscope check; needs: nothing; cost: catalogs by index, under 5 ms; locks: none beyond catalogs
-- $1, $2: tables and columns. Those that are there, whether our role may read them, and whether it sees only some rows, in the first schema that has the table.
with tables as materialized (
  select distinct on (c.relname) c.oid, c.relname, n.oid as schema, n.nspname
  from pg_class c
  join pg_namespace n on n.oid = c.relnamespace
  where c.relname = any($1::text[]::name[]) and c.relkind in ('r', 'p') and n.nspname !~ '^pg_'
  order by c.relname, n.nspname <> 'public', n.nspname
)
select
  c.nspname, c.relname, a.attname,
  has_schema_privilege(c.schema, 'usage'), has_column_privilege(c.oid, a.attnum, 'select'),
  row_security_active(c.oid)
from unnest($1::text[]::name[], $2::text[]::name[]) q (relname, attname)
join tables c on c.relname = q.relname
join pg_attribute a on a.attrelid = c.oid and a.attname = q.attname and a.attnum > 0 and not a.attisdropped
order by c.nspname, c.relname, a.attnum
