-- cost: the statements of every hour of the period, of one database; locks: none, readers see the last commit
select c.hour, coalesce((
  select sum(s.exec_seconds) from statement_hours s
  where s.database_id = c.database_id and s.hour = c.hour
), 0.0), c.seconds
from coverage c
join databases d on d.id = c.database_id
where d.server = ?1 and d.datname = ?2 and c.hour + 3600 > ?3 and c.hour < ?4 and c.kind = 'statements'
order by c.hour
