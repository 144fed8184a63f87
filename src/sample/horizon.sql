-- every: database.interval; scope: server; needs: pg_monitor to see other roles' sessions
-- cost: shared memory only; locks: none
-- What keeps vacuum from removing dead rows, and how many transactions ago that began. A vacuum does not,
-- nor do its workers: the server passes them over (PROC_IN_VACUUM). One that is full does, and is not in its progress.
select 'session', max(age(a.backend_xmin))
from pg_stat_get_activity(null) a
where a.backend_type is distinct from 'walsender' and a.pid <> pg_backend_pid()
  and coalesce(a.leader_pid, a.pid) not in (select p.pid from pg_stat_get_progress_info('VACUUM') p)
union all
select 'standby', max(age(a.backend_xmin))
from pg_stat_get_activity(null) a
where a.backend_type = 'walsender'
union all
select 'prepared transaction', max(age(p.transaction)) from pg_prepared_xacts p
union all
select 'replication slot', max(greatest(age(s.xmin), age(s.catalog_xmin))) from pg_replication_slots s
