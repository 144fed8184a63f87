-- cost: every row from ?1 on; locks: none
-- an hour that is not over may hold more for a while: who is heaviest is not known yet
select h.database_id, h.hour
from databases d
cross join statement_hours h
where h.database_id = d.id and h.hour >= ?1
group by h.database_id, h.hour
having sum(h.queryid <> 0) > case when h.hour < ?2 then ?3 else ?3 * 4 end
