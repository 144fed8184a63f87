-- every: with activity, when somebody waits for pid 0; scope: server; needs: nothing
-- cost: one look at shared memory; locks: none
select p.gid, p.prepared, p.owner::text, p.database::text, clock_timestamp()
from pg_prepared_xacts p
order by p.prepared
