-- every: database.interval; scope: server; needs: pg_monitor to see other roles' sessions
-- cost: shared memory only; locks: none
-- What keeps vacuum from removing dead rows, and how many transactions ago that began.
select 'session', max(age(a.backend_xmin))
from pg_stat_get_activity(null) a
where a.backend_type is distinct from 'walsender' and a.pid <> pg_backend_pid()
union all
select 'standby', max(age(a.backend_xmin))
from pg_stat_get_activity(null) a
where a.backend_type = 'walsender'
union all
select 'prepared transaction', max(age(p.transaction)) from pg_prepared_xacts p
union all
select 'replication slot', max(greatest(age(s.xmin), age(s.catalog_xmin))) from pg_replication_slots s
