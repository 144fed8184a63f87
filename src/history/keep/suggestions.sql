-- all but the latest ?1 go; cost: all of them; locks: the file, by its one writer
delete from suggestions
where (server, datname, id) in (
  select server, datname, id from suggestions order by updated_at desc limit -1 offset ?1
)
