-- every: database.interval; scope: server; needs: pg_monitor to see other roles' sessions
-- cost: shared memory only; locks: none
-- What keeps vacuum from removing dead rows, and how many transactions ago that began. A vacuum does not,
-- nor do its workers: the server passes them over (PROC_IN_VACUUM). One that is full does, and is not in its progress.
-- Who has changed something holds it by the number of the transaction, also without a snapshot (ComputeXidHorizons).
select 'session', max(greatest(age(a.backend_xmin), age(a.backend_xid)))
from pg_stat_get_activity(null) a
where a.backend_type is distinct from 'walsender' and a.pid <> pg_backend_pid()
  and coalesce(a.leader_pid, a.pid) not in (select p.pid from pg_stat_get_progress_info('VACUUM') p)
union all
select 'standby', max(greatest(age(a.backend_xmin), age(a.backend_xid)))
from pg_stat_get_activity(null) a
where a.backend_type = 'walsender'
union all
select 'prepared transaction', max(age(p.transaction)) from pg_prepared_xacts p
union all
-- A slot that nobody can read again shows what it held, and holds nothing.
select 'replication slot', max(age(s.xmin)) from pg_replication_slots s where not ({invalid})
union all
-- A reader of decoded changes needs the rows of system catalogs alone.
select 'replication slot (catalogs)', max(age(s.catalog_xmin))
from pg_replication_slots s
where not ({invalid}) and coalesce(age(s.catalog_xmin) > age(s.xmin), true)
