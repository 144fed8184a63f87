-- cost: a row a module, database and hour from ?1 on: 20 ms for 10,000; locks: none, readers see the last commit
select d.server, d.datname, m.measured_at, m.words, m.module, m.bytes, m.n_live_tup
from module_hours m
join databases d on d.id = m.database_id
where m.hour > ?1 - 3600 and m.measured_at >= ?1
order by m.measured_at
