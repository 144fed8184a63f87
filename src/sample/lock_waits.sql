-- every: on demand (erpscope locks); scope: server; needs: nothing (pg_monitor to see waitstart of others)
-- cost: pg_blocking_pids locks the lock manager's partitions, so it is asked for waiters alone
-- locks: none on relations
select
  w.pid, pg_blocking_pids(w.pid), l.locktype, l.mode, l.database, l.relation, {waitstart}
from pg_stat_get_activity(null) w
left join pg_locks l on l.pid = w.pid and not l.granted
where w.wait_event_type = 'Lock'
