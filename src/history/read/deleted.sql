-- cost: every hour of every table in the period, of all databases; locks: none, readers see the last commit
select d.server, d.datname, t.schema_name, t.table_name, sum(h.n_tup_del)
from table_hours h
join tables t on t.id = h.table_id
join databases d on d.id = t.database_id
where h.hour > ?1 - 3600 and h.hour < ?2 and h.n_tup_del > 0
group by t.id
