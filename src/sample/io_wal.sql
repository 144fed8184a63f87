-- every: upkeep.interval; scope: server; needs: nothing
-- cost: shared statistics, one row; locks: none
-- PostgreSQL 14 and later.
select w.wal_bytes::bigint, w.wal_records, w.wal_fpi, w.wal_buffers_full, w.stats_reset
from pg_stat_wal w
