-- every: once an advice; scope: database; needs: nothing
-- cost: below 1 ms; locks: none
-- Bytes that a hash table may have (the multiplier is there since PostgreSQL 13), and whether
-- pg_stat_statements counts statements inside functions, too.
select
  pg_catalog.pg_size_bytes(pg_catalog.current_setting('work_mem'))::float8
    * coalesce(pg_catalog.current_setting('hash_mem_multiplier', true)::float8, 1),
  coalesce(pg_catalog.current_setting('pg_stat_statements.track', true) = 'all', false),
  pg_catalog.pg_size_bytes(pg_catalog.current_setting('work_mem'))::float8
