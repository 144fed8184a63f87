-- every: connection, when the connected database lacks the extension; scope: server
-- cost: one row a database; locks: none to wait for
select d.datname
from pg_database d
where d.datallowconn and not d.datistemplate and has_database_privilege(d.oid, 'connect')
order by d.datname = 'postgres' desc, d.oid
limit 50
