-- what is not among the ?3 heaviest of an hour goes into its rest
-- cost: one hour of one database; locks: the file, by its one writer
insert into statement_hours
  (database_id, hour, queryid, calls, rows, exec_seconds, blocks, temp_blocks)
select
  database_id, hour, 0, sum(calls), sum(rows), sum(exec_seconds), sum(blocks), sum(temp_blocks)
from (
  select *
  from statement_hours
  where database_id = ?1 and hour = ?2 and queryid <> 0
  order by exec_seconds desc, queryid
  limit -1 offset ?3
)
where true
group by database_id, hour
on conflict do update set
  calls = calls + excluded.calls,
  rows = rows + excluded.rows,
  exec_seconds = exec_seconds + excluded.exec_seconds,
  blocks = blocks + excluded.blocks,
  temp_blocks = temp_blocks + excluded.temp_blocks
