-- cost: one look-up; locks: the file, by its one writer
-- an update that changes nothing: else a row that is there would not be returned
insert into databases (server, datname)
values (?1, ?2)
on conflict (server, datname) do update set datname = excluded.datname
returning id
