-- every: statements.interval; scope: server; needs: pg_stat_statements, pg_read_all_stats
-- cost: see docs/cost.md; most of it is sending values, so what is mostly zero is sent as null
-- locks: none on relations; the extension's shared lock while it copies its counters
-- showtext = false: the text file, which can be hundreds of megabytes, is not read
select
  s.userid, s.dbid, {toplevel}, s.queryid, {since},
  s.calls, s.rows, {exec_time},
  nullif({plan_time}, 0), nullif({io_read_time}, 0), nullif({io_write_time}, 0),
  s.shared_blks_hit, s.shared_blks_read,
  nullif(s.shared_blks_dirtied, 0), nullif(s.shared_blks_written, 0),
  nullif(s.temp_blks_read, 0), nullif(s.temp_blks_written, 0), nullif({wal_bytes}, 0)
from {schema}.pg_stat_statements(false) s
