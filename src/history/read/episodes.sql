-- cost: what ended in the period; locks: none, readers see the last commit
select server, kind, start_time, end_time, json
from episodes
where end_time >= ?1 and end_time < ?2 and kind = coalesce(?3, kind)
order by end_time desc, id desc
limit ?4
