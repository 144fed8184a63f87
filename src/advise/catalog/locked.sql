-- every: once an advice; scope: database; needs: nothing
-- cost: one look at the lock table; locks: each of its partitions for a moment
-- Relations that somebody has for himself alone, or waits for: who printed a definition of theirs would wait behind him.
select distinct l.relation
from pg_locks l
join pg_database d on d.oid = l.database and d.datname = current_database()
where l.locktype = 'relation' and l.mode = 'AccessExclusiveLock' and l.pid <> pg_backend_pid()
