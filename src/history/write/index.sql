-- cost: one look-up; locks: the file, by its one writer
insert into indexes
  (database_id, schema_name, table_name, index_name, first_hour, last_hour, bytes)
values (?1, ?2, ?3, ?4, ?5, ?5, ?6)
on conflict (database_id, schema_name, table_name, index_name) do update set
  first_hour = min(first_hour, excluded.first_hour),
  last_hour = max(last_hour, excluded.last_hour),
  bytes = excluded.bytes
returning id
