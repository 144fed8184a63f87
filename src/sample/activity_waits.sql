-- every: with activity, while a session waits for a lock, as often as the budget allows
-- scope: server; needs: nothing (pg_monitor to see which sessions of others wait)
-- cost: pg_blocking_pids locks all partitions of the lock manager once for each waiter, so it is
--   asked for waiters alone; pg_locks once: 0.3 ms for 10 waiters, 4 ms for 200
-- locks: none on relations
-- On a standby, what replays the log waits for those who hold the relation, and pg_blocking_pids does not know it.
-- A session that waits for a row's transaction holds the row's tuple lock, which names the relation.
with w as materialized ({waiters}),
l as materialized (
  select l.pid, l.granted, l.locktype, l.mode, l.database, l.relation, {waitstart} as waitstart
  from pg_locks l
  where l.pid in (select w.pid from w) and (not l.granted or l.locktype = 'tuple')
)
select
  w.pid,
  case when b.pids = '{}' and n.mode = 'AccessExclusiveLock' and pg_is_in_recovery() then coalesce((
    select array_agg(distinct h.pid)
    from pg_locks h
    where h.granted and h.locktype = n.locktype and h.database = n.database
      and h.relation = n.relation and h.pid <> w.pid), '{}')
  else b.pids end,
  n.locktype, n.mode,
  coalesce(n.database, t.database), coalesce(n.relation, t.relation), n.waitstart
from w
join l n on n.pid = w.pid and not n.granted
cross join lateral (select pg_blocking_pids(w.pid) as pids) b
left join lateral (
  select l.database, l.relation from l where l.pid = w.pid and l.granted limit 1
) t on true
