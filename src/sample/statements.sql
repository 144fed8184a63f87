-- every: statements.interval; scope: server; needs: pg_stat_statements, pg_read_all_stats
-- cost: about 7 ms of backend CPU for 6,000 statements (2.7 ms without sending the rows)
-- locks: none on relations; the extension's shared lock while it copies its counters
-- showtext = false: the text file, which can be hundreds of megabytes, is not read
select
  s.userid, s.dbid, {toplevel}, s.queryid, {since},
  s.calls, s.rows, {exec_time}, {plan_time}, {io_read_time}, {io_write_time},
  s.shared_blks_hit, s.shared_blks_read, s.shared_blks_dirtied, s.shared_blks_written,
  s.temp_blks_read, s.temp_blks_written, {wal_bytes}
from {schema}.pg_stat_statements(false) s
