-- cost: one look-up; locks: the file, by its one writer
insert into coverage (hour, database_id, kind, seconds, resets)
values (?1, ?2, ?3, ?4, ?5)
on conflict do update set
  seconds = seconds + excluded.seconds,
  resets = resets + excluded.resets
