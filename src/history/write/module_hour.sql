-- cost: the modules of one database in one hour; locks: the file, by its one writer
-- Of an hour only what was measured last stays: sizes of two times together would be none.
insert into module_hours (hour, database_id, module, measured_at, words, bytes, n_live_tup)
select ?1, ?2, ?3, ?4, ?5, ?6, ?7
where not exists (select l.hour from module_hours l
  where l.hour = ?1 and l.database_id = ?2 and l.measured_at > ?4)
on conflict do update set
  measured_at = excluded.measured_at,
  words = excluded.words,
  bytes = excluded.bytes,
  n_live_tup = excluded.n_live_tup
