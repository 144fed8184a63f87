-- cost: every hour of every statement of one database in the period: about 1 s for a million
-- locks: none, readers see the last commit
select
  h.queryid, s.text, sum(h.calls), sum(h.rows), sum(h.exec_seconds), sum(h.blocks),
  sum(h.temp_blocks), min(h.hour), max(h.hour), count(*)
from databases d
join statement_hours h on h.database_id = d.id
left join statements s on s.database_id = d.id and s.queryid = h.queryid
where d.server = ?1 and d.datname = ?2 and h.hour > ?3 - 3600
  and h.hour < ?4
group by h.queryid
order by sum(h.exec_seconds) desc, h.queryid
