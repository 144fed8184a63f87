-- after fold_add.sql
-- cost: one hour of one database; locks: the file, by its one writer
delete from statement_hours
where database_id = ?1 and hour = ?2 and queryid in (
  select queryid
  from statement_hours
  where database_id = ?1 and hour = ?2 and queryid <> 0
  order by exec_seconds desc, queryid
  limit -1 offset ?3
)
