-- all but the latest ?1 of each kind go; cost: what goes; locks: the file, by its one writer
delete from episodes
where id in (
  select e.id
  from (select distinct kind from episodes) k
  join episodes e on e.kind = k.kind and e.id <= (
    select id from episodes l where l.kind = k.kind order by id desc limit 1 offset ?1
  )
)
