-- every: once an advice; scope: database; needs: nothing
-- cost: one look at the lock table; locks: each of its partitions for a moment
-- Relations that somebody builds on, drops, alters or vacuums now.
select distinct l.relation
from pg_locks l
join pg_database d on d.oid = l.database and d.datname = current_database()
where l.locktype = 'relation' and l.relation is not null and l.pid <> pg_backend_pid()
  and l.mode in ('ShareUpdateExclusiveLock', 'ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
