-- every: once an advice; scope: server; needs: nothing; cost: below 1 ms; locks: none
-- Seconds since the server, or the extension, began to count.
select extract(epoch from statement_timestamp() - coalesce({since}, pg_postmaster_start_time()))::float8
