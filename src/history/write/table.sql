-- cost: one look-up; locks: the file, by its one writer
insert into tables
  (database_id, schema_name, table_name, first_hour, last_hour, n_live_tup, bytes)
values (?1, ?2, ?3, ?4, ?4, ?5, ?6)
on conflict (database_id, schema_name, table_name) do update set
  first_hour = min(first_hour, excluded.first_hour),
  last_hour = max(last_hour, excluded.last_hour),
  n_live_tup = excluded.n_live_tup,
  bytes = excluded.bytes
returning id
