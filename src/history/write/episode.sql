-- cost: one row; locks: the file, by its one writer
insert into episodes (server, kind, start_time, end_time, json)
values (?1, ?2, ?3, ?4, ?5)
