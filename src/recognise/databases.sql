-- every: connection; scope: server; needs: nothing
-- cost: one row a database; locks: none to wait for
select d.datname, coalesce(has_database_privilege(d.oid, 'connect'), false)
from pg_database d
where d.datallowconn and not d.datistemplate
-- the busiest first: only so many are looked into at a time
order by pg_stat_get_db_tuples_fetched(d.oid) + pg_stat_get_db_tuples_inserted(d.oid) desc, d.oid
limit 10000
