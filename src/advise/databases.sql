-- every: once an advice; scope: server; needs: nothing
-- cost: below 1 ms; locks: access share on pg_database
-- The databases that are worked with, the busiest first.
select d.datname::text
from pg_database d
left join pg_stat_database s on s.datid = d.oid
where d.datallowconn and not d.datistemplate and d.datname <> 'postgres'
order by coalesce(s.blks_hit + s.blks_read, 0) desc, d.datname
limit 10
