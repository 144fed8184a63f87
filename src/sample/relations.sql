-- every: 1 s at most, for relations that sessions wait for and whose names are not known
-- scope: database; needs: nothing
-- cost: catalog look-ups by oid; locks: access share on pg_class and pg_namespace
select c.oid, n.nspname, c.relname
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
where c.oid = any($1)
