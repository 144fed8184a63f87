-- every: upkeep.interval; scope: server; needs: nothing
-- cost: shared statistics, one row; locks: none
select a.archived_count, a.failed_count, a.stats_reset
from pg_stat_archiver a
