-- every: usage.interval; scope: database; needs: nothing
-- cost: one scan of pg_class, 1 ms for 5,000 relations; locks: access share on catalogs alone
-- All of the database, catalogs and TOAST included, as its last vacuums saw it.
select
  clock_timestamp(),
  coalesce(sum(c.relpages), 0)::bigint * current_setting('block_size')::bigint,
  current_setting('track_functions')
from pg_class c
