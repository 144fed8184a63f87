-- cost: one row an hour and kind, of all databases; locks: none, readers see the last commit
select coalesce(sum(c.seconds), 0.0), min(c.hour), max(c.hour), coalesce(sum(c.resets), 0)
from coverage c
join databases d on d.id = c.database_id
where d.server = ?1 and d.datname = ?2 and c.hour + 3600 > ?3 and c.hour < ?4 and c.kind = ?5
