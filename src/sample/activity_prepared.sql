-- every: with activity, when somebody waits for pid 0; scope: server; needs: nothing
-- cost: three looks at the lock manager; locks: none
-- $1: who waits so. Of a prepared transaction, pg_locks has its locks without a process, among them the one on
-- its own transaction, by which pg_prepared_xacts has it.
with l as materialized (
  select l.pid, l.virtualtransaction, l.granted, l.transactionid, l.locktype,
    (l.locktype, l.database, l.relation, l.page, l.tuple, l.virtualxid, l.transactionid, l.classid,
      l.objid, l.objsubid)::text as object
  from pg_locks l
  where l.pid is null or l.pid = any($1)
)
select p.gid, p.prepared, p.owner::text, p.database::text, clock_timestamp()
from pg_prepared_xacts p
where p.transaction in (
  select own.transactionid
  from l waits
  join l held on held.object = waits.object and held.granted and held.pid is null
  join l own on own.virtualtransaction = held.virtualtransaction
    and own.locktype = 'transactionid' and own.granted and own.pid is null
  where not waits.granted and waits.pid is not null
)
order by p.prepared
