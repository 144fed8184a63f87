-- cost: one look-up; locks: the file, by its one writer
insert into statement_hours
  (database_id, hour, queryid, calls, rows, exec_seconds, blocks, temp_blocks)
values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
on conflict do update set
  calls = calls + excluded.calls,
  rows = rows + excluded.rows,
  exec_seconds = exec_seconds + excluded.exec_seconds,
  blocks = blocks + excluded.blocks,
  temp_blocks = temp_blocks + excluded.temp_blocks
