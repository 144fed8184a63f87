-- cost: one look-up; locks: the file, by its one writer
-- when it was first made stays
insert into suggestions
  (id, server, datname, action, state, ddl, payload,
   suggested_at, applied_at, measured_at, updated_at)
values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
on conflict do update set
  action = excluded.action,
  state = excluded.state,
  ddl = excluded.ddl,
  payload = excluded.payload,
  suggested_at = min(suggested_at, excluded.suggested_at),
  applied_at = excluded.applied_at,
  measured_at = excluded.measured_at,
  updated_at = excluded.updated_at
