-- every: upkeep.interval; scope: server; needs: nothing
-- cost: one row a database, 0.1 ms; locks: access share on pg_database
select d.oid, age(d.datfrozenxid), mxid_age(d.datminmxid), txid_snapshot_xmax(txid_current_snapshot())
from pg_database d
order by d.oid
