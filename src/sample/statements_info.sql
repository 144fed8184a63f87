-- every: statements.interval, before and after statements.sql; scope: server; needs: version 14
-- cost: two counters from shared memory; locks: none
select i.dealloc, i.stats_reset, clock_timestamp() from {schema}.pg_stat_statements_info() i
