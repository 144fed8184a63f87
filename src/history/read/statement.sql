-- cost: one look-up for each hour of the period; locks: none, readers see the last commit
with recursive hours (hour) as (
  select ?3 - ?3 % 3600
  union all
  select hour + 3600 from hours where hour + 3600 < ?4
)
select h.hour, h.calls, h.rows, h.exec_seconds, h.blocks, h.temp_blocks
from databases d
cross join hours
cross join statement_hours h
where d.server = ?1 and d.datname = ?2
  and h.database_id = d.id and h.hour = hours.hour and h.queryid = ?5
order by h.hour
